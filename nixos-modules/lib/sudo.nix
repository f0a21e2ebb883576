# The sudoers rule and sudo.json, as values.
{lib}: {
  /*
  helperOf :: package -> string

  The one program that an agent's rule allows.

  helperOf pkgs.nuketown-sudo-helper
  => "/nix/store/…-nuketown-sudo/libexec/nuketown-sudo/nuketown-sudo"
  */
  helperOf = package: "${package}/libexec/nuketown-sudo/nuketown-sudo";

  /*
  ruleFor :: string -> string -> attrs

  An agent's rule, for security.sudo.extraRules and security.sudo-rs.extraRules.

  ruleFor "/nix/store/…/nuketown-sudo" "ada"
  => { users = [ "ada" ]; runAs = "root"; commands = [ { command = "/nix/store/…"; options = [ "NOPASSWD" ]; } ]; }
  */
  ruleFor = helper: name: {
    users = [name];
    runAs = "root";
    commands = [
      {
        command = helper;
        options = ["NOPASSWD"];
      }
    ];
  };

  /*
  sudoJson :: attrs -> attrs

  What /etc/nuketown/sudo.json says (docs/sudo.md).

  sudoJson { names = [ "ada" ]; brokerUser = "josh"; securePath = [ "/run/wrappers/bin" ]; timeouts = [ 120 300 ]; }
  => { agents = [ "ada" ]; broker_user = "josh"; secure_path = "/run/wrappers/bin"; timeout_s = 300; … }
  */
  sudoJson = {
    names,
    brokerUser,
    securePath,
    timeouts,
  }: {
    agents = names;
    broker_user = brokerUser;
    secure_path = lib.concatStringsSep ":" securePath;
    socket = "/run/nuketown/broker/socket";
    # A request lives as long as anybody's; the broker ends each at its own agent's time.
    timeout_s = lib.foldl' lib.max 1 timeouts;
  };
}
