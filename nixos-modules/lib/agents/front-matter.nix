# YAML and JSON whose keys keep their order.
#
# In OpenCode the last rule that matches wins, so the order of keys is part of a permission's meaning, and every
# generator in nixpkgs takes an attribute set, which is sorted. So the lines are put together here; each key and
# each value goes through builtins.toJSON, and YAML 1.2 takes JSON's strings and lists as they are.
{lib}: let
  /*
  A JSON string may hold characters that YAML's does not print (YAML 1.2 §5.1): DEL, the C1 block, the two
  separators and the byte order mark. Both take them escaped.
  */
  unprintable =
    map (digits: {
      escape = "\\u${digits}";
      character = builtins.fromJSON "\"\\u${digits}\"";
    })
    (["007f" "2028" "2029" "feff" "fffe" "ffff"]
      ++ map (code: "00${lib.toLower (lib.toHexString code)}") (lib.range 128 159));

  scalar = value:
    builtins.replaceStrings (map (c: c.character) unprintable) (map (c: c.escape) unprintable) (builtins.toJSON value);

  # Short words may be booleans to a reader of YAML 1.1; the names of fields and tools are not among them.
  key = name:
    if builtins.match "[A-Za-z_]+" name != null && !lib.elem (lib.toLower name) ["y" "n" "yes" "no" "on" "off" "true" "false" "null"]
    then name
    else scalar name;

  line = indent: name: value:
    if lib.isAttrs value
    then "${indent}${key name}:\n" + lib.concatMapStrings (entry: line "${indent}  " entry.name entry.value) value.entries
    else "${indent}${key name}: ${scalar value}\n";
in {
  /*
  ordered :: [{ name, value }] -> ordered object

  An object that keeps the order of its keys, for `document`.
  */
  ordered = entries: {inherit entries;};

  /*
  document :: [{ name, value }] -> string -> string

  A Markdown file with YAML front matter. The body follows byte for byte.

  document [ (lib.nameValuePair "name" "ada") ] "You are Ada."
  => "---\nname: \"ada\"\n---\nYou are Ada."
  */
  document = entries: body:
    "---\n" + lib.concatMapStrings (entry: line "" entry.name entry.value) entries + "---\n" + body;
}
