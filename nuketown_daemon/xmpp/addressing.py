"""Whether something said in a room is said to the agent. Pure: no I/O."""

from __future__ import annotations

import re
from dataclasses import replace

from nuketown_daemon.xmpp.reading import Reading


def said_to(reading: Reading, *, name: str, nickname: str, our_id: str | None) -> Reading | None:
    """``reading`` where it begins with the agent's name or answers a message of the agent.

    :param name: the agent's; the body that is returned begins with it, whatever people call it
    :param nickname: what the agent is called in the room, where somebody else has its name
    :param our_id: the agent's own id for the message that is answered, if it is the agent's
    """
    message = reading.message
    names = "|".join(map(re.escape, {name, nickname}))
    called = re.match(rf"\s*@?({names})(?:[\s,:;.!?]|$)", reading.words, re.IGNORECASE)
    if called is None and our_id is None and reading.reply_to != f"{message.room}/{nickname}":
        return None
    if called is not None and message.body and called[1].casefold() != name.casefold():
        begin, end = called.span(1)
        message = replace(message, body=message.body[:begin] + name + message.body[end:])
    return replace(reading, message=replace(message, reply_to_id=our_id or message.reply_to_id))
