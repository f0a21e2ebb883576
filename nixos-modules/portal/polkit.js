// machinectl shell AGENT@.host, for the human of this machine and nobody else, as an agent with a
// portal and as nobody else. Everything else is left to the rules and defaults that follow.
polkit.addRule(function (action, subject) {
  if (
    action.id === "org.freedesktop.machine1.host-shell" &&
    subject.user === @human@ &&
    @agents@.indexOf(action.lookup("user")) >= 0
  ) {
    return polkit.Result.YES;
  }
  return polkit.Result.NOT_HANDLED;
});
