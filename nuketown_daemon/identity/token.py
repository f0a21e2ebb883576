"""The agent's one secret, a GitHub token: read, checked, and hidden from whatever is printed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import SecretStr

from nuketown_daemon.errors import ConfigError
from nuketown_daemon.identity.secret_source import SecretSource

HIDDEN = "[token]"
_FINE_GRAINED = "github_pat_"


@dataclass(frozen=True)
class Token:
    """A personal access token; its value appears in the ``Authorization`` header alone."""

    value: SecretStr
    place: str
    """Where it was read, for remedies."""

    @property
    def fine_grained(self) -> bool:
        """Has permissions instead of scopes (GitHub: managing your personal access tokens)."""
        return self.value.get_secret_value().startswith(_FINE_GRAINED)

    @property
    def header(self) -> str:
        """Value of ``Authorization``."""
        return f"Bearer {self.value.get_secret_value()}"

    @property
    def hide(self) -> Callable[[str], str]:
        """A function that takes the token out of a text that came from elsewhere."""
        value = self.value.get_secret_value()
        return lambda text: text.replace(value, HIDDEN)


def read_token(source: SecretSource, name: str) -> Token:
    """Read the token.

    :raises ConfigError: missing, readable by others, or with a character that no token has
    """
    value, place = source.read(name), source.place(name)
    text = value.get_secret_value()
    # Checked here, because an HTTP library would put an unfit header into its error.
    if len(text) < 4 or not all("!" <= character <= "~" for character in text):
        raise ConfigError(
            f"{place} does not hold a GitHub token (letters, digits and _ on one line): "
            "write the token, and nothing else, into it."
        )
    return Token(value, place)
