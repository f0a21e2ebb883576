"""Questions to the human with a few answers to choose from."""

from __future__ import annotations

from nuketown_daemon.errors import WorkspaceError
from nuketown_daemon.workspace.contract import PreparationObserver

CANCEL = "cancel"


async def choose(
    observer: PreparationObserver, question: str, choices: tuple[str, ...], *, cancelled: str
) -> str:
    """Ask ``question`` until one of ``choices`` is the answer, twice at most.

    :param choices: one word each; :data:`CANCEL` is always among what is offered
    :param cancelled: the sentence for the error when the human wants nothing done
    :raises WorkspaceError: cancelled, or not understood twice
    """
    offered = (*choices, CANCEL)
    answer = chosen(await observer.ask_human(question, offered), offered)
    if answer is None:
        again = f"I understand only {' / '.join(offered)}. {question}"
        answer = chosen(await observer.ask_human(again, offered), offered)
    if answer is None or answer == CANCEL:
        raise WorkspaceError(cancelled)
    return answer


def chosen(answer: str, choices: tuple[str, ...]) -> str | None:
    """The one of ``choices`` that ``answer`` means: the word, its beginning, or its number.

    >>> chosen("Stash it, please", ("commit", "stash", "cancel"))
    'stash'
    >>> chosen("2", ("commit", "stash", "cancel"))
    'stash'
    >>> chosen("don't stash, commit", ("commit", "stash", "cancel")) is None
    True
    """
    words = [word.strip(".,;:!?()'\"").casefold() for word in answer.split()]
    if len(words) == 1 and words[0].isdecimal() and 0 < int(words[0]) <= len(choices):
        return choices[int(words[0]) - 1]
    named = {choice for choice in choices if choice.casefold() in words}
    if not named and len(words) == 1 and words[0]:
        named = {choice for choice in choices if choice.casefold().startswith(words[0])}
    return named.pop() if len(named) == 1 else None
