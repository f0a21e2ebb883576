# The words of the stories, put before each of them. `phone` is josh's client on the machine given.
import shlex


def say(machine, to, text):
    """josh writes this on his phone."""
    line = shlex.quote(f"{to}@town.example\t{text}")
    machine.succeed(f"printf '%s\\n' {line} > /run/client-phone/say")


def heard(machine, sender, pattern, client="phone"):
    """Wait until the client was told this; the line."""
    expression = shlex.quote(f"^{sender}@town\\.example\t.*{pattern}")
    return machine.wait_until_succeeds(
        f"grep -P {expression} /run/client-{client}/heard", timeout=180
    )


def not_heard(machine, sender, pattern, client="phone"):
    """It was not told this so far."""
    expression = shlex.quote(f"^{sender}@town\\.example\t.*{pattern}")
    machine.fail(f"grep -P {expression} /run/client-{client}/heard")


def as_user(name, command):
    """A command in a login shell of this account."""
    return f"su --login {name} --command {shlex.quote(command)}"


def user_unit(machine, name, unit):
    """Wait until this unit of the account's service manager is active."""
    machine.wait_until_succeeds(f"systemctl --user --machine={name}@ is-active {unit}", timeout=180)
