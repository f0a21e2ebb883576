# The agents' sudo on this machine: nuketown.sudo.*.
{
  lib,
  pkgs,
  ...
}: let
  inherit (lib) literalExpression mkOption types;
in {
  options.nuketown.sudo = {
    package = mkOption {
      type = types.package;
      default = pkgs.nuketown-sudo-helper or (pkgs.callPackage ../../packages/sudo-helper.nix {});
      defaultText = literalExpression "pkgs.nuketown-sudo-helper";
      example = literalExpression "inputs.nuketown.packages.\${pkgs.system}.nuketown-sudo-helper";
      description = "Package with the root helper and the agents' {command}`sudo`.";
    };

    securePath = mkOption {
      type = types.nonEmptyListOf (types.strMatching "/[^[:cntrl:]:]*");
      default = ["/run/wrappers/bin" "/run/current-system/sw/bin"];
      example = ["/run/current-system/sw/bin"];
      description = ''
        Where the commands that agents run with {command}`sudo` are looked for, and those of patterns. Only
        root may be able to change anything there.
      '';
    };
  };
}
