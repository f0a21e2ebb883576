# nuketown.*: options and what they generate, one concern a file.
{
  imports = [
    ./options
  ];
}
