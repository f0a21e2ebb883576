# nixpkgs' set with ours: pkgs.nuketown, pkgs.nuketown-sudo-helper, pkgs.prosody-mod-nuketown-approval.
final: _: {
  nuketown = final.callPackage ./nuketown.nix {};
  nuketown-sudo-helper = final.callPackage ./sudo-helper.nix {};
  prosody-mod-nuketown-approval = final.callPackage ./prosody-module.nix {};
}
