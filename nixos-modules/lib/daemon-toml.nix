# The files that the daemon reads, as values for a TOML generator (docs/configuration.md).
{lib}: let
  inherit (import ./teammates.nix {inherit lib;}) teammates;
  inherit (import ./identity.nix {inherit lib;}) identityToml;

  # TOML has no null: what is not said is left out.
  said = lib.filterAttrsRecursive (_: value: value != null);
  notEmpty = lib.filterAttrs (_: value: value != {});

  # Servers compare addresses without regard to case, and so does the daemon.
  sameJid = a: b: lib.toLower a == lib.toLower b;
  withoutJids = without: builtins.filter (jid: ! builtins.any (sameJid jid) without);
in rec {
  /*
  xmppToml :: attrs -> attrs

  The agent's account, and who may speak to it: its owners, its peers and all teammates.

  xmppToml { agent = …; town = …; host = "signi"; pathOf = name: "/run/secrets/${name}"; }
  => { jid = "ada@6bit.com"; password_file = "/run/secrets/ada/email-password"; owners = [ "josh@6bit.com" ]; … }
  */
  xmppToml = {
    agent,
    town,
    host,
    pathOf,
  }: let
    mates = builtins.filter (jid: jid != null) (map (mate: mate.jid) (teammates {inherit agent town host;}));
  in
    said {
      inherit (agent.xmpp) jid owners rooms;
      inherit (town.xmpp) host port tls;
      ca_file = town.xmpp.caFile;
      password_file = lib.mapNullable pathOf agent.xmpp.passwordSecret;
      approval_jid = town.broker.approvalJid;
      peers = withoutJids ([agent.xmpp.jid] ++ agent.xmpp.owners) (lib.unique (agent.xmpp.peers ++ mates));
    };

  /*
  reposToml :: attrs -> attrs

  The repositories that an agent knows.

  reposToml { daemon.repos.hello = { url = "https://example.org/hello.git"; branch = null; }; }
  => { hello = { url = "https://example.org/hello.git"; }; }
  */
  reposToml = agent: said agent.daemon.repos;

  /*
  daemonToml :: attrs -> attrs

  Models, sessions and limits; the keys of daemon.settings over them.

  daemonToml { agent = …; town = …; pathOf = …; claude = "/nix/store/…/bin/claude"; }
  => { mode = "interactive"; cli_path = "/nix/store/…/bin/claude"; budget.per_day_usd = 20; … }
  */
  daemonToml = {
    agent,
    town,
    pathOf,
    claude,
  }: let
    inherit (agent) daemon portal;
    words =
      if builtins.isString portal.command
      then builtins.filter (word: word != "") (lib.splitString " " portal.command)
      else portal.command;
  in
    lib.recursiveUpdate
    (notEmpty (said {
      inherit (daemon) mode;
      bootstrap_model = daemon.bootstrapModel;
      headless_model = daemon.headlessModel;
      headless_timeout = daemon.headlessTimeout;
      human_user = town.humanUser;
      cli_path = claude;
      api_key_file = lib.mapNullable pathOf daemon.apiKeySecret;
      session.command = words;
      budget = {
        per_task_usd = daemon.budget.perTask;
        per_day_usd = daemon.budget.perDay;
      };
    }))
    daemon.settings;

  /*
  githubToml :: attrs -> attrs

  The table [github] of identity.toml (docs/identity.md); nothing where the agent does not register keys.

  githubToml { agent = { github = { enable = true; pat = "ada/github-pat"; … }; git.signingFormat = "gpg"; }; pathOf = …; }
  => { github = { api_url = "https://api.github.com"; key_title = "nuketown ada@signi"; signing = "gpg"; … }; }
  */
  githubToml = {
    agent,
    pathOf,
  }:
    lib.optionalAttrs agent.github.enable {
      github = said {
        api_url = agent.github.apiUrl;
        key_title = agent.github.keyTitle;
        token_file = lib.mapNullable pathOf agent.github.pat;
        signing =
          if agent.git.signingFormat == null
          then "none"
          else agent.git.signingFormat;
      };
    };

  /*
  daemonFiles :: attrs -> { identity, daemon, repos :: attrs; xmpp ? :: attrs }

  All of them, by the name of the file.

  daemonFiles { agent = …; town = …; host = "signi"; pathOf = …; claude = null; }
  => { identity = { name = "ada"; … }; daemon = { mode = "headless"; … }; repos = { }; }
  */
  daemonFiles = {
    agent,
    town,
    host,
    pathOf,
    claude,
  }:
    {
      identity = identityToml agent.identity // githubToml {inherit agent pathOf;};
      daemon = daemonToml {inherit agent town pathOf claude;};
      repos = reposToml agent;
    }
    // lib.optionalAttrs agent.xmpp.enable {
      xmpp = xmppToml {inherit agent town host pathOf;};
    };
}
