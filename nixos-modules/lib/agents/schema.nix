# What a definition may look like: read from the JSON Schema that the `nuketown agents` command uses as well.
{lib}: let
  inherit (lib) concatLists concatStringsSep elem head sort stringLength;

  schema = builtins.fromJSON (builtins.readFile ../../../nuketown_cli/agents/agent.schema.json);

  # ECMA's anchors are implied by builtins.match; the schema's patterns are otherwise POSIX ones too.
  posix = pattern: lib.removePrefix "^" (lib.removeSuffix "$" pattern);

  typeOf = value:
    {
      set = "object";
      list = "array";
      int = "integer";
      bool = "boolean";
    }
    .${
      builtins.typeOf value
    }
    or (builtins.typeOf value);

  resolve = part:
    if part ? "$ref"
    then schema."$defs".${lib.removePrefix "#/$defs/" part."$ref"} // removeAttrs part ["$ref"]
    else part;

  quoted = builtins.toJSON;

  /*
  nearest :: [string] -> string -> string | null

  The known name that a mistyped one most likely means.

  nearest [ "description" "display_name" ] "descripton"
  => "description"
  */
  nearest = known: name: let
    distance = lib.strings.levenshtein name;
    closest = sort (a: b: distance a < distance b) known;
  in
    if known != [] && distance (head closest) <= lib.max 2 (stringLength name / 3)
    then head closest
    else null;

  /*
  didYouMean :: [string] -> string -> string

  didYouMean [ "bash" "edit" ] "bsh"
  => "; did you mean bash?"
  */
  didYouMean = known: name: let
    closest = nearest known name;
  in
    if closest == null
    then ", only ${concatStringsSep ", " known}"
    else "; did you mean ${closest}?";

  unknownFields = part: where: value:
    if !(part.additionalProperties or true)
    then
      map (name: "${where}there is no ${quoted name}${didYouMean (lib.attrNames part.properties) name}")
      (lib.attrNames (removeAttrs value (lib.attrNames part.properties)))
    else [];

  missingFields = part: where: value:
    map (name: "${where}${name} is missing")
    (lib.filter (name: !(value ? ${name})) (part.required or []));

  objectErrors = part: where: value:
    unknownFields part where value
    ++ missingFields part where value
    ++ concatLists (lib.mapAttrsToList (name: inner: errors inner "${where}${name}: " value.${name})
      (lib.filterAttrs (name: _: value ? ${name}) (part.properties or {})));

  arrayErrors = part: where: value:
    lib.optionals (part ? items) (concatLists (map (errors part.items where) value))
    ++ lib.optional (part.uniqueItems or false && lib.unique value != value) "${where}something is named twice";

  stringErrors = part: where: value:
    lib.optional (builtins.match ".*[\n\r].*" value != null && part ? pattern) "${where}${quoted value} has more than one line"
    ++ lib.optional (part ? pattern && builtins.match (posix part.pattern) value == null)
    "${where}${quoted value} does not have the form ${part.pattern}"
    ++ lib.optional (stringLength value < (part.minLength or 0)) "${where}is empty"
    ++ lib.optional (part ? maxLength && stringLength value > part.maxLength)
    "${where}${quoted value} is longer than ${toString part.maxLength}";

  /*
  errors :: attrs -> string -> any -> [string]

  What is wrong with a value, as sentences; only the schema keywords that ours uses are known here.
  */
  errors = unresolved: where: value: let
    part = resolve unresolved;
  in
    if part ? type && typeOf value != part.type
    then ["${where}must be of type ${part.type}, not ${typeOf value}"]
    else if part ? enum && !elem value part.enum
    then ["${where}${quoted value} is none of ${concatStringsSep ", " part.enum}"]
    else if typeOf value == "object"
    then objectErrors part where value
    else if typeOf value == "array"
    then arrayErrors part where value
    else if typeOf value == "string"
    then stringErrors part where value
    else lib.optional (part ? minimum && value < part.minimum) "${where}must be ${toString part.minimum} or more";
in {
  inherit didYouMean nearest schema;

  /*
  definitionErrors :: attrs -> [string]

  definitionErrors { name = "ada"; descripton = "Writes code."; }
  => [ "there is no \"descripton\"; did you mean description?" "description is missing" ]
  */
  definitionErrors = errors schema "";
}
