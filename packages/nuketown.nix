# The daemon, the broker and the command `nuketown`, from the project's own pyproject.toml.
{
  lib,
  stdenv,
  callPackage,
  git,
  gnupg,
  installShellFiles,
  makeWrapper,
  openssh,
  python3Packages,
  tmux,
  claude-agent-sdk ? callPackage ./claude-agent-sdk.nix {inherit python3Packages;},
}: let
  project = import ./project.nix {inherit lib;};
  fs = lib.fileset;
in
  python3Packages.buildPythonApplication {
    pname = "nuketown";
    inherit (project) version;
    pyproject = true;

    src = fs.toSource {
      root = ../.;
      fileset = fs.unions [
        ../LICENSE
        ../README.md
        ../broker/nuketown_approval
        ../broker/nuketown_broker
        ../nuketown_cli
        ../nuketown_daemon
        ../nuketown_demo
        ../pyproject.toml
      ];
    };

    build-system = [python3Packages.setuptools];
    dependencies = lib.attrVals project.dependencies (python3Packages // {inherit claude-agent-sdk;});
    # The lower bounds are the newest releases, and nixpkgs is weeks behind. The tests pass with the
    # versions of nixpkgs 26.11pre as it was in July 2026 (docs/install.md).
    pythonRelaxDeps = true;

    nativeBuildInputs = [
      installShellFiles
      makeWrapper
    ];

    # nixpkgs' wrapper would put this Python first in PATH, also for all that an agent runs in its
    # sessions. The programs find their own modules without it; git and tmux are those of the PATH
    # and ours where it has none.
    dontWrapPythonPrograms = true;
    # The modules, for `nuketown agents render`, come last: nothing is to be mended in them.
    postFixup =
      ''
        buildPythonPath "$out ''${pythonPath[*]}"
        for program in $out/bin/*; do
          sed -i '1 s/$/ -I/' "$program"
          patchPythonScript "$program"
          wrapProgram "$program" --suffix PATH : ${lib.makeBinPath [git gnupg openssh tmux]}
        done
        mkdir -p $out/share/nuketown
        cp -r ${../nixos-modules} $out/share/nuketown/nixos-modules
        # They read it where it is in a checkout.
        install -Dm444 ${../nuketown_cli/agents/agent.schema.json} $out/share/nuketown/nuketown_cli/agents/agent.schema.json
      ''
      + lib.optionalString (stdenv.buildPlatform.canExecute stdenv.hostPlatform) ''
        installShellCompletion --cmd nuketown \
          --bash <(_NUKETOWN_COMPLETE=source_bash $out/bin/nuketown) \
          --fish <(_NUKETOWN_COMPLETE=source_fish $out/bin/nuketown) \
          --zsh <(_NUKETOWN_COMPLETE=source_zsh $out/bin/nuketown)
      '';

    pythonImportsCheck = project.modules;

    meta =
      project.meta
      // {
        inherit (project) description;
        mainProgram = "nuketown";
      };
  }
