# The root helper behind an agent's `sudo`, and that `sudo`: standard library only, and not wrapped,
# so that nothing but root's own files decides what runs.
{
  lib,
  stdenvNoCC,
  python3Minimal,
}: let
  project = import ./project.nix {inherit lib;};
  fs = lib.fileset;
in
  stdenvNoCC.mkDerivation {
    pname = "nuketown-sudo-helper";
    inherit (project) version;

    src = fs.toSource {
      root = ../broker/nuketown_sudo;
      fileset = fs.unions [
        (fs.fileFilter (file: file.hasExt "py") ../broker/nuketown_sudo)
        ../broker/nuketown_sudo/shim
      ];
    };

    strictDeps = true;
    dontConfigure = true;
    dontBuild = true;

    installPhase = ''
      runHook preInstall
      sh shim/install $out ${python3Minimal.interpreter}
      runHook postInstall
    '';

    doInstallCheck = true;
    installCheckPhase = ''
      runHook preInstallCheck
      # Not called by sudo, it says so and runs nothing; that takes all its modules.
      $out/libexec/nuketown-sudo/nuketown-sudo -- true 2>&1 | tee said || true
      grep -q '^sudo: ' said
      runHook postInstallCheck
    '';

    passthru.helper = "libexec/nuketown-sudo/nuketown-sudo";

    meta =
      project.meta
      // {
        description = "Root helper that asks a human before it runs an agent's command";
        mainProgram = "sudo";
      };
  }
