# mod_nuketown_approval: services.prosody.extraPluginPaths = ["${package}/share/prosody/modules"];
{
  lib,
  stdenvNoCC,
}: let
  project = import ./project.nix {inherit lib;};
in
  stdenvNoCC.mkDerivation {
    pname = "prosody-mod-nuketown-approval";
    inherit (project) version;
    src = ../broker/prosody/mod_nuketown_approval.lua;

    dontUnpack = true;
    dontConfigure = true;
    dontBuild = true;

    installPhase = ''
      runHook preInstall
      install -D -m 644 $src $out/share/prosody/modules/mod_nuketown_approval.lua
      runHook postInstall
    '';

    meta = project.meta // {description = "Prosody gives approval requests to the approval broker";};
  }
