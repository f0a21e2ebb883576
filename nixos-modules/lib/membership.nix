# Which groups an account is in.
{lib}: {
  # Groups that are root by another name.
  likeRoot = ["wheel" "root" "docker" "podman" "lxd" "incus-admin" "libvirtd" "kvm" "disk"];

  /*
  groupsOf :: attrs -> string -> [string]

  The groups of an account, whichever option put it there.

  groupsOf { users.ada = { group = "ada"; extraGroups = [ "wheel" ]; }; groups.docker.members = [ "ada" ]; } "ada"
  => [ "ada" "wheel" "docker" ]
  */
  groupsOf = {
    users,
    groups,
  }: name: let
    user = users.${name} or {};
    listing = lib.filterAttrs (_: group: builtins.elem name (group.members or [])) groups;
  in
    lib.unique (
      lib.filter (group: group != "") [(user.group or "")]
      ++ (user.extraGroups or [])
      ++ map (group: group.name or "") (builtins.attrValues listing)
      ++ builtins.attrNames listing
    );
}
