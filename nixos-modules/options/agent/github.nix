# Keys that it makes and registers itself: github.*.
{
  config,
  lib,
  name,
  town,
  host,
  ...
}: let
  inherit (lib) mkOption types;
  inherit (import ../../lib/types.nix {inherit lib;}) line secretName;
in {
  options.github = {
    enable = mkOption {
      type = types.bool;
      default = false;
      example = true;
      description = ''
        Let it make its own SSH and GPG keys and register them with its GitHub account; the directories of
        the keys are added to {option}`nuketown.agents.<name>.persist`.
      '';
    };

    pat = mkOption {
      type = types.nullOr secretName;
      default =
        if town.secrets.backend == null
        then null
        else "${name}/github-pat";
      defaultText = lib.literalMD "`<name>/github-pat` where a secrets backend is set";
      example = "${name}/github-pat";
      description = "Its personal access token: name of a secret, or absolute path of a file.";
    };

    apiUrl = mkOption {
      type = types.strMatching "https?://[^[:cntrl:][:space:]]+";
      default = "https://api.github.com";
      example = "https://github.example.org/api/v3";
      description = "The REST API; another one for GitHub Enterprise.";
    };

    keyTitle = mkOption {
      type = types.nullOr line;
      # A pod's host name is another one every time: there the running place makes the title.
      default =
        if config.deploymentModel == "cloud"
        then null
        else "nuketown ${name}@${host}";
      defaultText = lib.literalMD "nuketown `<name>@<host>`; in the cloud nuketown `<name>@<provider>/<namespace>`";
      example = "nuketown ada@signi";
      description = "Title of its keys there. Only keys with exactly this title are ever removed.";
    };
  };
}
