# The NixOS modules that <nixpkgs> has but leaves out of its own list: none in a whole nixpkgs.
# A tree cut down for somebody's machines has most lines of the list commented out, and then its
# remaining modules set options that nothing declares. A system that imports these is a whole one.
let
  directory = <nixpkgs/nixos/modules>;
  listed = map toString (builtins.filter builtins.isPath (import (directory + "/module-list.nix")));
  lines = builtins.filter builtins.isString (
    builtins.split "\n" (builtins.readFile (directory + "/module-list.nix"))
  );
  named = builtins.concatMap (
    line: let
      path = builtins.match "[ #]*\\./([^ ;]+).*" line;
    in
      if path == null
      then []
      else map (name: directory + "/${name}") path
  ) lines;
  isListed = builtins.listToAttrs (
    map (path: {
      name = path;
      value = true;
    })
    listed
  );
in
  builtins.filter (path: !isListed ? ${toString path}) named
