"""xmpp.toml: the agent's account and who may speak to it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, model_validator

from nuketown_daemon.configuration.values import (
    STRICT,
    AbsolutePath,
    BareJid,
    HostName,
    Whole,
    is_loopback,
)


class Xmpp(BaseModel):
    """xmpp.toml: the agent's account and who may speak to it."""

    model_config = STRICT
    jid: BareJid
    password_file: AbsolutePath | None = None
    rooms: tuple[BareJid, ...] = ()
    owners: tuple[BareJid, ...] = ()
    peers: tuple[BareJid, ...] = ()
    approval_jid: BareJid | None = None
    host: HostName | None = None
    port: Annotated[Whole, Field(ge=1, le=65535)] | None = None
    tls: Literal["required", "off-loopback-only"] = "required"
    ca_file: AbsolutePath | None = None

    @model_validator(mode="after")
    def _check(self) -> Xmpp:
        if self.jid in self.owners or self.jid in self.peers:
            raise ValueError(
                f"{self.jid} is the agent's own account: take it out of owners and peers"
            )
        if self.jid == self.approval_jid:
            raise ValueError(
                f"approval_jid: {self.jid} is the agent's own account, which can't approve: name "
                "the broker's, or the human's"
            )
        if self.tls == "off-loopback-only" and not is_loopback(self.host):
            raise ValueError(
                'tls = "off-loopback-only" needs host = "127.0.0.1" (or ::1): anywhere else the '
                "password would cross the network in the clear"
            )
        return self
