# The head of a definition of an agent or a skill: YAML between two lines of dashes.
{lib}: {
  /*
  frontMatter :: { ${string} :: string } -> string -> string

  A Markdown file with a head of one-line strings. A JSON string is a YAML one (YAML 1.2.2, 1.3), whatever
  is in it; one key a line is what every reader of such heads takes.

  frontMatter { name = "ada-software"; description = "Writes \"it\""; } "You are Ada.\n"
  => "---\ndescription: \"Writes \\\"it\\\"\"\nname: \"ada-software\"\n---\nYou are Ada.\n"
  */
  frontMatter = head: text:
    lib.concatLines (
      ["---"]
      ++ lib.mapAttrsToList (key: value: "${key}: ${builtins.toJSON value}") head
      ++ ["---"]
    )
    + text;

  /*
  oneLine :: string -> string

  oneLine "Software collaborator\n  on signi.\n"
  => "Software collaborator on signi."
  */
  oneLine = text:
    lib.concatStringsSep " " (builtins.filter (word: word != "" && builtins.isString word) (builtins.split "[[:space:]]+" text));
}
