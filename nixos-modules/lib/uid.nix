{lib}: {
  /*
  uidOf :: string -> int

  The uid of an agent that was given none: from its name alone, so that it is the same on every host and
  does not change when agents come and go. Between 20000 and 29999, above what NixOS hands out by itself.

  uidOf "liver"
  => 27482
  */
  uidOf = name: let
    digest = builtins.substring 0 8 (builtins.hashString "sha256" "nuketown agent ${name}");
  in
    20000 + lib.mod (lib.fromHexString digest) 10000;
}
