# Root on the host of the chat server is the server's operator, who can write answers in chat.
{
  config,
  lib,
  ...
}: let
  cfg = config.nuketown;
  withSudo = builtins.attrNames (lib.filterAttrs (_: agent: agent.sudo.enable) cfg.localAgents);
  servers = lib.filter (name: config.services.${name}.enable or false) ["prosody" "ejabberd"];
  remedy =
    if cfg.broker.role == "workstation"
    then "Let the chat server run on another machine."
    else "Set nuketown.broker.approverKey: then only signed answers approve.";
in {
  config.warnings = lib.optional (withSudo != [] && servers != [] && cfg.broker.approverKey == null) ''
    services.${builtins.head servers}.enable: the chat server runs where ${lib.concatStringsSep ", " withSudo} may ask
    for root (nuketown.agents.<name>.sudo.enable). One yes there makes it the operator of the server, who can
    write further answers. ${remedy}
  '';
}
