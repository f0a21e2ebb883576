import json
from pathlib import Path

import pytest

from nuketown_daemon.control.contract import HookReport
from nuketown_daemon.session.conversation import Conversation, ConversationStore, Turn
from nuketown_daemon.session.last_message import last_message


def _report(event: str, **fields: str) -> HookReport:
    return HookReport.model_validate({"session_id": "s", "hook_event_name": event, **fields})


@pytest.fixture
def conversation() -> Conversation:
    begun = Conversation("s", "hello", "/w")
    begun.begin(1, "our\ttext")
    begun.hand_over()
    return begun


def test_our_turn_ends_with_its_own_stop(conversation: Conversation) -> None:
    conversation.apply(_report("SessionStart"))
    assert (conversation.turn, conversation.busy) == (Turn.SENT, True)
    conversation.apply(_report("UserPromptSubmit", prompt="our    text", prompt_id="p"))
    conversation.apply(_report("Stop", prompt_id="p", last_assistant_message="Done."))
    assert (conversation.turn, conversation.message) == (Turn.ENDED, "Done.")
    assert not conversation.busy


def test_the_stop_of_another_turn_is_not_ours(conversation: Conversation) -> None:
    conversation.apply(_report("Stop", prompt_id="earlier", last_assistant_message="Old."))
    assert conversation.turn is Turn.SENT
    conversation.apply(_report("UserPromptSubmit", prompt="typed by a human", prompt_id="h"))
    assert conversation.turn is Turn.SENT
    conversation.apply(_report("UserPromptSubmit", prompt="draft our text", prompt_id="p"))
    assert conversation.turn is Turn.RUNNING
    conversation.apply(_report("Stop", prompt_id="h"))
    assert conversation.turn is Turn.RUNNING


def test_what_is_typed_after_an_interruption_carries_our_turn_on(
    conversation: Conversation,
) -> None:
    conversation.apply(_report("UserPromptSubmit", prompt="our text", prompt_id="p"))
    conversation.apply(_report("UserPromptSubmit", prompt="no, like this", prompt_id="q"))
    conversation.apply(_report("Stop", prompt_id="q", last_assistant_message="Like this."))
    assert (conversation.turn, conversation.message) == (Turn.ENDED, "Like this.")


def test_what_the_task_left_in_the_background_sets_it_to_work_again(
    conversation: Conversation,
) -> None:
    def stop(prompt_id: str, *ids: str) -> HookReport:
        running = [{"id": key, "description": f"make {key}"} for key in ids]
        report = {"session_id": "s", "hook_event_name": "Stop", "prompt_id": prompt_id}
        return HookReport.model_validate({**report, "background_tasks": running})

    conversation.apply(_report("UserPromptSubmit", prompt="our text", prompt_id="p"))
    conversation.apply(stop("p", "server", "build"))
    assert conversation.awaited == ["make server", "make build"]
    conversation.apply(_report("UserPromptSubmit", prompt="<task-notification>", prompt_id="q"))
    assert conversation.turn is Turn.RUNNING
    conversation.apply(stop("q", "server"))
    assert (conversation.turn, conversation.awaited) == (Turn.ENDED, ["make server"])
    conversation.begin(2, "next")
    assert conversation.awaited == []


@pytest.mark.parametrize("turn", [Turn.NONE, Turn.ENDED])
def test_what_could_not_be_handed_over_waits_again(turn: Turn) -> None:
    later = Conversation("s", "hello", "/w", busy=False)
    later.begin(1, "one", "two")
    later.turn = turn
    assert later.hand_over() == "one"
    later.take_back(turn)
    assert (later.waiting, later.turn, later.busy) == (["one", "two"], turn, False)


def test_an_error_of_the_api_fails_the_turn(conversation: Conversation) -> None:
    conversation.apply(_report("UserPromptSubmit", prompt="our text", prompt_id="p"))
    conversation.apply(_report("StopFailure", prompt_id="p", error="overloaded"))
    assert (conversation.turn, conversation.message) == (Turn.FAILED, "overloaded")


def test_a_new_start_of_the_same_conversation_is_open_again(conversation: Conversation) -> None:
    conversation.apply(_report("SessionEnd", reason="clear"))
    assert conversation.left
    conversation.apply(_report("SessionStart"))
    assert not conversation.left
    conversation.apply(_report("SessionEnd", reason="other"))
    assert conversation.closed
    assert not conversation.left


def test_a_very_long_prompt_is_known_by_its_beginning() -> None:
    long = Conversation("s", "hello", "/w")
    long.begin(1, "word " * 20000)
    long.hand_over()
    long.apply(_report("UserPromptSubmit", prompt="<pasted_content>\n" + "word " * 3000))
    assert long.turn is Turn.RUNNING


def test_the_store_keeps_conversations_and_passes_damaged_files(
    tmp_path: Path, conversation: Conversation
) -> None:
    store = ConversationStore(tmp_path / "sessions")
    store.save(conversation)
    (tmp_path / "sessions/damaged.json").write_text("{")
    (tmp_path / "sessions/other.json").write_text("[]")
    assert store.load() == {"hello": conversation}
    assert (tmp_path / "sessions/hello.json").stat().st_mode & 0o077 == 0


def test_the_last_message_is_read_from_a_transcript(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    entries = [
        {"type": "assistant", "message": {"content": [{"type": "text", "text": "Early."}]}},
        {"type": "assistant", "message": {"content": [{"type": "text", "text": "Late."}]}},
        {"type": "assistant", "isSidechain": True, "message": {"content": []}},
        {"type": "user", "message": {"content": "x"}},
        ["odd"],
    ]
    path.write_text("\n".join(json.dumps(entry) for entry in entries) + "\n{broken")
    assert last_message(path) == "Late."
    assert last_message(tmp_path / "missing") == ""
    assert last_message(tmp_path) == ""
    assert last_message(Path("/dev/zero")) == ""
