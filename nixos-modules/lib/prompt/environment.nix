# Its home: what of it stays, where the projects are, where secrets are.
{
  agent,
  town,
  isCloud,
  lib,
  text,
  ...
}: let
  projects = agent.daemon.settings.projects_dir or "~/projects";
  rolledBack = agent.deploymentModel == "workstation" && town.ephemeral.enable;
  inherit (import ../persist.nix {inherit lib;}) normalise;
  kept = lib.optionals (isCloud || town.persistence.backend != null) (normalise agent.persist);
  links = map (name: "~/.config/nuketown/secrets/${name}") (builtins.attrNames agent.secrets.extraSecrets);
in
  text.bullets [
    (
      if rolledBack || isCloud
      then [
        (
          if isCloud
          then "Your home begins empty whenever your pod starts."
          else "Your home is rolled back to empty at every boot of the machine."
        )
        (
          if kept == []
          then "Nothing that you put into it survives: what has to last is pushed to a remote."
          else "Of what you put into it, only this survives: ${text.codes (map (path: "~/${path}") kept)}."
        )
        (lib.optionalString (kept != []) "What has to last belongs there, or on a remote.")
      ]
      else "Your home, `${agent.home}`, stays across reboots. Keep it tidy: nobody else cleans it."
    )
    "Dotfiles that are links into the Nix store are declared: have the declaration changed, not the file."
    (lib.optionalString agent.daemon.enable "Each project is a clone of your own: `${projects}/<name>`.")
    (lib.optionalString (agent.secrets.sshKey != null) "Your SSH key is `~/.ssh/id_ed25519`.")
    (lib.optionals agent.github.enable [
      "Your SSH and GPG keys are made here and registered with your GitHub account, by a service of yours."
      "Don't make or upload others."
    ])
    (lib.optionals (links != []) [
      "Secrets that were given to you: ${text.codes links}."
      "Let programs read these files where they need them; never print, copy, commit or send what is in them."
    ])
  ]
