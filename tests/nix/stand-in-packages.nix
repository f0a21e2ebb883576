# Packages whose programs are this machine's own, so that scripts, units and files are really built
# where nothing can be fetched or compiled: <nixpkgs> with its own stdenv/native, which takes bash
# and what else it needs from /usr, and directories of links to this machine's programs in place of
# some packages. For tests that build; what a value shows is checked with plain <nixpkgs>.
# Builds need `sandbox = false`.
#
#   with import ./stand-in-packages.nix {}; writeShellApplication { … }
#
# environment: the virtual environment that has the project's programs, `claude` and tomli_w.
{
  environment ? builtins.getEnv "NUKETOWN_ENVIRONMENT",
  overlays ? [],
}: let
  python = "${environment}/bin/python";
  bundled = builtins.concatMap (
    version: [
      "${environment}/lib/${version}/site-packages/claude_agent_sdk/_bundled"
    ]
  ) (builtins.attrNames (builtins.readDir (environment + "/lib")));
  search = ["/usr/bin" "/usr/sbin" "/bin" "/sbin" "/usr/local/bin"] ++ bundled;

  # Looked for now: what the machine gets later makes another derivation.
  find = name: let
    found = builtins.filter builtins.pathExists (map (directory: "${directory}/${name}") search);
  in
    if found == []
    then []
    else [(builtins.head found)];

  plain = import <nixpkgs> {
    config.allowUnfreePredicate = import ./unfree.nix;
    overlays = [(import ./missing-files.nix)];
  };

  # What nixpkgs says of the package, and links instead of what it builds.
  standIn = final: name: names: let
    package = plain.${name};
    self = final.stdenvNoCC.mkDerivation {
      programs = builtins.concatMap find names;
      inherit (package) meta;
      outputs = package.outputs or ["out"];
      pname = package.pname or name;
      version = package.version or "0";
      args = [./stand-in.sh];
      builder = "/bin/bash";
      passthru =
        (package.passthru or {})
        // {
          interpreter = "${self}/bin/${builtins.head (names ++ [""])}";
          override = _: self;
          unwrapped = self;
        };
    };
  in
    self;

  programs = final: _:
    builtins.mapAttrs (standIn final) (import ./stand-in-programs.nix);

  ours = final: _: let
    program = name: module:
      builtins.toFile name (builtins.replaceStrings ["@program@" "@module@"] ["${environment}/bin/${name}" module]
        (builtins.readFile ./stand-in-program.sh));
  in {
    nuketown =
      final.runCommandLocal "nuketown-stand-in" {
        meta.mainProgram = "nuketown";
        programs = builtins.attrValues (builtins.mapAttrs program {
          nuketown = "nuketown_cli";
          nuketown-broker = "nuketown_broker";
          nuketown-daemon = "nuketown_daemon";
          nuketown-identity = "nuketown_daemon.identity";
        });
      } ''
        for program in $programs; do
          install -D --mode=755 "$program" "$out/bin/''${program#*-}"
        done
      '';
  };

  # Compiled programs that nixpkgs' generators of files call.
  generators = final: prev: let
    script = name: file: final.writeShellScriptBin name ''exec ${python} ${file} "$@"'';
    yaml = script "json2yaml" ./json2yaml.py;
  in {
    # A shell library, which nixpkgs puts together with compiled programs.
    nix-direnv = final.writeTextDir "share/nix-direnv/direnvrc" "";
    lndir = final.writeShellScriptBin "lndir" (builtins.readFile ./lndir.sh);
    remarshal = yaml;
    remarshal_0_17 = yaml;
    rustPlatform =
      prev.rustPlatform
      // {
        buildRustPackage = package:
          if package.pname or null == "json2x"
          then script "json2x" ./json2x.py
          else prev.rustPlatform.buildRustPackage package;
      };
  };
  project = [(import ../../packages/overlay.nix) ours];
in
  # On NixOS there is nothing to link to, and no need to.
  if !builtins.pathExists "/bin/bash"
  then plain.appendOverlays (project ++ overlays)
  else
    import <nixpkgs> {
      config.allowUnfreePredicate = import ./unfree.nix;
      overlays = [programs generators] ++ project ++ overlays;
      # Its last stage compiles xz. With native tools, nixpkgs' wrapper of GCC would not evaluate.
      stdenvStages = args:
        args.lib.take 2 (import <nixpkgs/pkgs/stdenv/native> (removeAttrs args ["crossOverlays"]))
        ++ [
          (previous: {
            inherit (args) config overlays;
            stdenv =
              previous.stdenv
              // {
                cc =
                  previous.stdenv.cc
                  // {
                    nativeLibc = false;
                    nativeTools = false;
                  };
              };
          })
        ];
    }
