# Stands in for python3Packages where nothing can be compiled: `buildPythonApplication` installs
# with the project's own environment, runs the phases of the expression that it is given, and
# nixpkgs' own hook makes the programs find their modules, which are that environment's.
#
#   pkgs.callPackage ../../packages/nuketown.nix {python3Packages = import ./stand-in-python.nix {…};}
{
  environment,
  pkgs,
}: let
  inherit (pkgs) lib;
  version = builtins.head (
    builtins.filter (lib.hasPrefix "python3.") (
      builtins.attrNames (builtins.readDir (environment + "/lib"))
    )
  );
  sitePackages = "lib/${version}/site-packages";

  # The environment's modules without the project's own, which an editable install names in files.
  modules = pkgs.runCommandLocal "modules" {} ''
    mkdir -p $out/${sitePackages}
    ln -s ${environment}/${sitePackages}/* $out/${sitePackages}/
    rm -f $out/${sitePackages}/{*nuketown*,*.pth}
  '';

  wrapPython = pkgs.callPackage <nixpkgs/pkgs/development/interpreters/python/wrap-python.nix> {
    makePythonHook = arguments:
      pkgs.makeSetupHook (
        arguments
        // {
          substitutions = builtins.mapAttrs (_: toString) arguments.substitutions;
        }
      );
    python = {
      inherit sitePackages;
      interpreter = "/usr/bin/${version}";
      outPath = "/usr";
      pythonOnBuildForHost = "/usr";
    };
  };
in
  {
    setuptools = null;
    buildPythonApplication = arguments:
      pkgs.stdenv.mkDerivation (
        removeAttrs arguments ["build-system" "dependencies" "pyproject"]
        // {
          nativeBuildInputs = (arguments.nativeBuildInputs or []) ++ [wrapPython];
          pythonPath = [modules];
          installPhase = ''
            runHook preInstall
            ${environment}/bin/python -m pip --quiet --disable-pip-version-check --no-cache-dir install \
              --no-deps --no-build-isolation --no-index --ignore-installed --prefix $out .
            sed -i '1 s|.*|#!/usr/bin/${version}|' $out/bin/*
            runHook postInstall
          '';
        }
      );
  }
  // lib.genAttrs (import ../../packages/project.nix {inherit lib;}).dependencies (_: {
    version = "as requirements.lock has it";
  })
