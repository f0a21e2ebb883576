# Words put together. Sentences may be written over several lines, and come out as one: a prompt is read by a
# model and shown by programs that wrap by themselves.
{lib}: let
  notEmpty = builtins.filter (part: part != "");

  # oneLine "Software collaborator\n  on signi.\n" => "Software collaborator on signi."
  oneLine = text:
    lib.concatStringsSep " " (notEmpty (builtins.filter builtins.isString (builtins.split "[[:space:]]+" text)));
in rec {
  # flow :: string | [string | [string]] -> string; sentences as one line, empty ones left out.
  flow = sentences: lib.concatStringsSep " " (notEmpty (map oneLine (lib.flatten sentences)));

  # paragraphs :: [string] -> string; as they are, empty ones left out.
  paragraphs = parts: lib.concatStringsSep "\n\n" (notEmpty (map lib.trim parts));

  # bullets :: [string | [string | [string]]] -> string; each flows, empty ones left out.
  bullets = points: lib.concatMapStringsSep "\n" (point: "- ${point}") (notEmpty (map flow points));

  # codes :: [string] -> string; codes ["a" "b"] => "`a`, `b`"
  codes = lib.concatMapStringsSep ", " (word: "`${word}`");

  # series :: string -> [string] -> string; series "and" ["a" "b" "c"] => "a, b and c"
  series = conjunction: words:
    if builtins.length words < 2
    then lib.concatStrings words
    else "${lib.concatStringsSep ", " (lib.init words)} ${conjunction} ${lib.last words}";
}
