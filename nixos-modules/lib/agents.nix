/*
Definitions of agents, written once: loaded, checked, and rendered for the tools that run them
(docs/agent-definitions.md). Functions of `lib` alone; those that build take `pkgs`.

import ./agents.nix { inherit lib; }
*/
{lib}: let
  frontMatter = import ./agents/front-matter.nix {inherit lib;};
  patterns = import ./agents/patterns.nix {inherit lib;};
  schema = import ./agents/schema.nix {inherit lib;};
  slug = import ./agents/slug.nix {inherit lib;};

  legacy = import ./agents/legacy.nix {inherit lib patterns slug;};
  loading = import ./agents/loading.nix {inherit legacy lib schema;};

  opencodePermission = import ./agents/opencode-permission.nix {inherit lib patterns;};
  opencode = import ./agents/opencode.nix {inherit frontMatter lib opencodePermission slug;};

  claudeRules = import ./agents/claude-code-rules.nix {inherit lib patterns;};
  claudeSettings = import ./agents/claude-code-settings.nix {inherit claudeRules lib patterns;};
  claudeCode = import ./agents/claude-code.nix {inherit claudeRules claudeSettings frontMatter lib patterns slug;};

  pi = import ./agents/pi.nix {inherit lib patterns;};

  below = directory: lib.mapAttrs' (path: lib.nameValuePair "${directory}/${path}");
  settingsFile = path: settings: lib.optionalAttrs (settings != {}) {${path} = builtins.toJSON settings + "\n";};

  # Each gives { files, warnings } with paths below a project. Another tool is one more line, and its file.
  renderers = {
    opencode = {
      canonical,
      headless,
      modelOverrides,
      ...
    }: let
      rendered = opencode.opencodeFiles {inherit canonical headless modelOverrides;};
    in {
      files = below ".opencode" rendered.files;
      inherit (rendered) warnings;
    };

    claude-code = {
      canonical,
      modelOverrides,
      ...
    }: let
      rendered = claudeCode.claudeCodeFiles {inherit canonical modelOverrides;};
    in {
      files = below ".claude" rendered.files // settingsFile ".claude/settings.json" rendered.settings;
      inherit (rendered) warnings;
    };

    pi = {
      canonical,
      modelOverrides,
      primary,
      ...
    }: let
      rendered = pi.piFiles {inherit canonical modelOverrides primary;};
      system = lib.optionalAttrs (rendered.files ? "SYSTEM.md") {".pi/SYSTEM.md" = rendered.files."SYSTEM.md";};
    in {
      files = removeAttrs rendered.files ["SYSTEM.md"] // system // settingsFile ".pi/settings.json" rendered.settings;
      inherit (rendered) warnings;
    };
  };

  project = import ./agents/project.nix {inherit lib loading renderers schema slug;};
in
  project
  // {
    inherit (claudeCode) claudeCodeAccount claudeCodeFiles;
    inherit (legacy) agentsJson;
    inherit (loading) loadAgents loadCanonical;
    inherit (opencode) opencodeFiles;
    inherit (pi) piFiles;
  }
  // import ./agents/coding-rules.nix {inherit lib;}
