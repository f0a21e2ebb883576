# Which secrets an agent and the broker read, and how backends name them.
{lib}: let
  isPath = lib.hasPrefix "/";
in {
  /*
  isPath :: string -> bool

  Whether a secret is the path of a file that something else puts there, and no name at a backend.

  isPath "/run/keys/ada"
  => true
  */
  inherit isPath;

  /*
  isPlainName :: string -> bool

  Whether a secret's name stays below the directory of its backend.

  isPlainName "ada/../../shadow"
  => false
  */
  isPlainName = name:
    lib.all (part: !builtins.elem part ["" "." ".."]) (lib.splitString "/" name);

  /*
  ageName :: string -> string

  A secret's name as agenix takes it, without a slash and without two becoming one.

  ageName "ada/email-password"
  => "nuketown-ada_-email-password"
  */
  ageName = name: "nuketown-" + builtins.replaceStrings ["_" "/"] ["__" "_-"] name;

  /*
  agentSecrets :: attrs -> [{ option, secret }]

  The secrets that an agent reads, with the options that name them.

  agentSecrets { name = "ada"; xmpp = { enable = true; passwordSecret = "ada/email-password"; … }; … }
  => [ { option = "nuketown.agents.ada.xmpp.passwordSecret"; secret = "ada/email-password"; } ]
  */
  agentSecrets = agent: let
    named = option: secret: {
      option = "nuketown.agents.${agent.name}.${option}";
      inherit secret;
    };
  in
    lib.filter (wanted: wanted.secret != null) (
      lib.optional agent.xmpp.enable (named "xmpp.passwordSecret" agent.xmpp.passwordSecret)
      ++ lib.optional agent.daemon.enable (named "daemon.apiKeySecret" agent.daemon.apiKeySecret)
      ++ lib.optional agent.github.enable (named "github.pat" agent.github.pat)
      ++ [
        (named "secrets.sshKey" agent.secrets.sshKey)
        (named "secrets.gpgKey" agent.secrets.gpgKey)
      ]
      ++ lib.mapAttrsToList (link: named "secrets.extraSecrets.${link}") agent.secrets.extraSecrets
    );

  /*
  brokerSecrets :: attrs -> [{ option, secret }]

  Those of the broker, by nuketown.broker.

  brokerSecrets { enable = true; jid = "approvals@6bit.com"; passwordSecret = "approvals/email-password"; … }
  => [ { option = "nuketown.broker.passwordSecret"; secret = "approvals/email-password"; } ]
  */
  brokerSecrets = broker: let
    named = option: {
      option = "nuketown.broker.${option}";
      secret = broker.${option};
    };
    onWorkstation = broker.role == "workstation";
  in
    lib.filter (wanted: wanted.secret != null) (
      lib.optionals broker.enable (
        lib.optional (broker.jid != null) (named "passwordSecret")
        ++ lib.optionals onWorkstation [(named "humanPasswordSecret") (named "signingKeySecret")]
      )
    );
}
