# Names for tools that know only a-z, 0-9 and the hyphen.
{lib}: let
  # Letters that people's names have; what is not here becomes a hyphen.
  plain = {
    a = "à á â ã å ā ă ą ǎ À Á Â Ã Å Ā Ă Ą Ǎ";
    ae = "ä æ Ä Æ";
    c = "ç ć ĉ ċ č Ç Ć Ĉ Ċ Č";
    d = "ď đ ð Ď Đ Ð";
    e = "è é ê ë ē ĕ ė ę ě È É Ê Ë Ē Ĕ Ė Ę Ě";
    g = "ĝ ğ ġ ģ Ĝ Ğ Ġ Ģ";
    h = "ĥ ħ Ĥ Ħ";
    i = "ì í î ï ĩ ī ĭ į ı ǐ Ì Í Î Ï Ĩ Ī Ĭ Į İ Ǐ";
    j = "ĵ Ĵ";
    k = "ķ Ķ";
    l = "ĺ ļ ľ ŀ ł Ĺ Ļ Ľ Ŀ Ł";
    n = "ñ ń ņ ň ŋ Ñ Ń Ņ Ň Ŋ";
    o = "ò ó ô õ ō ŏ ő ǒ Ò Ó Ô Õ Ō Ŏ Ő Ǒ";
    oe = "ö ø œ Ö Ø Œ";
    r = "ŕ ŗ ř Ŕ Ŗ Ř";
    s = "ś ŝ ş š ș Ś Ŝ Ş Š Ș";
    ss = "ß ẞ";
    t = "ţ ť ŧ ț Ţ Ť Ŧ Ț";
    th = "þ Þ";
    u = "ù ú û ũ ū ŭ ů ű ų ǔ Ù Ú Û Ũ Ū Ŭ Ů Ű Ų Ǔ";
    ue = "ü Ü";
    w = "ŵ Ŵ";
    y = "ý ÿ ŷ Ý Ÿ Ŷ";
    z = "ź ż ž Ź Ż Ž";
  };
  pairs = lib.concatLists (lib.mapAttrsToList
    (to: from:
      map (letter: {
        inherit letter to;
      }) (lib.splitString " " from))
    plain);
  transliterated = builtins.replaceStrings (map (pair: pair.letter) pairs) (map (pair: pair.to) pairs);
in {
  /*
  slugify :: string -> string

  A kebab-case name for any name. One without a letter that can be written so gets a name made of its hash,
  which is the same everywhere.

  slugify "Chiron Forge (Builder)"
  => "chiron-forge-builder"
  slugify "Élodie Müller"
  => "elodie-mueller"
  */
  slugify = name: let
    words = lib.filter (word: lib.isString word && word != "") (builtins.split "[^a-z0-9]+" (lib.toLower (transliterated name)));
  in
    if builtins.match "[a-z0-9]+(-[a-z0-9]+)*" name != null
    then name
    else if words == []
    then "agent-${builtins.substring 0 8 (builtins.hashString "sha256" name)}"
    else lib.concatStringsSep "-" words;

  /*
  onePathEach :: [{ name, value }] -> { ${path} :: any }

  An attribute set of files; two agents whose names come out the same are an error.
  */
  onePathEach = files: let
    twice = lib.attrNames (lib.filterAttrs (_: same: lib.length same > 1) (lib.groupBy (file: file.name) files));
  in
    if twice != []
    then throw "agents: two agents would be written to ${lib.head twice}; rename one of them."
    else lib.listToAttrs files;
}
