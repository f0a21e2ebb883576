# The Agent SDK in the version that requirements.lock names, where nixpkgs' is older: we use options
# that came since. From its sdist, so without the command line that the wheels bundle; agents run
# the declared one (daemon.toml, cli_path).
{
  lib,
  fetchPypi,
  python3Packages,
}: let
  version = "0.2.186";
  inherit (python3Packages) claude-agent-sdk;
in
  if lib.versionAtLeast claude-agent-sdk.version version
  then claude-agent-sdk
  else
    claude-agent-sdk.overridePythonAttrs {
      inherit version;
      src = fetchPypi {
        pname = "claude_agent_sdk";
        inherit version;
        # One of those in requirements.lock: ./dev test compares.
        hash = "sha256-FssBr4MJ03Gq58IUtp0ahfKDpa7Qb8FgVMG8NWyS96M=";
      };
      dependencies = with python3Packages; [
        anyio
        jsonschema
        mcp
        sniffio
      ];
      # Its tests are for the versions that it was released with.
      doCheck = false;
    }
