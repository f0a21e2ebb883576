"""The main job, end to end: a DM from a client becomes a commit and a summary."""

from __future__ import annotations

import json

import pytest

from nuketown_demo.scripted_model import demo_script
from nuketown_demo.turns import say, use
from tests.e2e.conftest import Settle


async def test_the_conversation_of_the_readme(settle: Settle) -> None:
    street = await settle(demo_script)
    street.say("ada, work on hello -- add a LICENSE file")
    await street.heard("On it: add a LICENSE file (hello, task 1)")
    await street.owner.presence(
        lambda p: p["show"] == "dnd" and p["status"] == "Working: add a LICENSE file"
    )
    summary = (await street.heard("Done: add a LICENSE file"))["body"]
    assert "Branch: main" in summary
    assert "1 commit, 1 file changed" in summary
    assert await street.town.git("log", "--format=%s %an", "-1") == "Add the MIT license ada"
    assert (street.town.clone / "LICENSE").read_text().startswith("MIT License")
    await street.owner.presence(lambda p: p["show"] == "chat" and p["status"] == "Ready")
    assert street.count("Done: ") == 1


async def test_a_repository_that_is_not_cloned_yet(settle: Settle) -> None:
    street = await settle(demo_script, clone=False)
    street.say("please add a LICENSE file to hello")
    await street.heard("Done: ")
    assert await street.town.git("log", "--format=%s", "-1") == "Add the MIT license"
    assert len(street.api.requests) == 4


async def test_one_at_a_time_and_the_second_is_told_its_place(settle: Settle) -> None:
    def slow(call):
        return say("first done", delay_s=0.3) if "first" in call.user_texts[-1] else say("second")

    street = await settle(slow)
    street.say("work on hello -- first")
    await street.heard("On it: first")
    street.say("work on hello -- second")
    await street.heard("ada is currently working on first, your request is queued (2nd)")
    await street.heard("Done: second")
    bodies = street.owner.bodies(street.town.agent)
    order = [next(i for i, b in enumerate(bodies) if part in b) for part in ("Done: f", "Done: s")]
    assert order == sorted(order)


@pytest.mark.attack
async def test_a_prompt_is_data_to_the_last_character(settle: Settle) -> None:
    prompts = []

    def remember(call):
        prompts.extend(call.user_texts)
        return say("seen")

    street = await settle(remember)
    prompt = "--help '\"$(touch /tmp/pwned) `id` \\ \n\n  second line; exit 1 # @README.md /clear é"
    street.say(f"work on hello -- {prompt}")
    await street.heard("Done: ")
    assert any(prompt in text for text in prompts)


async def test_a_task_as_a_json_object(settle: Settle) -> None:
    street = await settle([say("ok")])
    task = {"project": "hello", "prompt": "look around", "branch": "topic", "mode": "headless"}
    street.say(json.dumps(task))
    await street.heard("Done: look around")
    assert await street.town.git("branch", "--show-current") == "topic"


async def test_the_commands(settle: Settle) -> None:
    def slow(call):
        return say("done", delay_s=0.5)

    street = await settle(slow)
    street.say("help")
    await street.heard("work on PROJECT")
    street.say("status")
    await street.heard("Ready")
    street.say("queue")
    await street.heard("Nothing is running")
    street.say("work on hello -- one")
    await street.heard("On it")
    street.say("work on hello -- two")
    await street.heard("queued (2nd)")
    street.say("queue")
    await street.heard("#2 queued: two")
    street.say("cancel 2")
    await street.heard("Taken out of the queue: two")
    street.say("attach")
    await street.heard("No interactive session runs")
    street.say("stop")
    await street.heard("Stopping: one")
    await street.heard("Stopped: one")
    street.say("cost")
    await street.heard("Today: $")
    street.say("retry 1")
    await street.heard("On it: one (hello, task 3)")
    await street.heard("Done: one (hello, task 3)")


async def test_words_in_the_thread_steer_the_running_session(settle: Settle) -> None:
    def model(call):
        if any("also the tests" in text for text in call.user_texts):
            return say("Tests as well.")
        if call.last_tool_result is None:
            return use("Bash", command="sleep 2", description="wait")
        return say("Only the code.")

    street = await settle(model)
    street.say("work on hello -- fix it", thread="T1")
    await street.heard("On it")
    await street.owner.presence(lambda p: p["show"] == "dnd")
    street.say("also the tests", thread="T1")
    await street.heard("Passed on.")
    summary = (await street.heard("Done: "))["body"]
    assert "Tests as well." in summary
    assert street.count("Done: ") == 1


async def test_a_question_is_answered_from_the_phone(settle: Settle) -> None:
    def model(call):
        if call.last_tool_result is None:
            return use(
                "mcp__nuketown__ask_human", question="Which license?", choices=["MIT", "GPL"]
            )
        return say(f"I heard: {call.last_tool_result}")

    street = await settle(model)
    street.say("work on hello -- add a license")
    await street.heard("Which license?")
    await street.owner.presence(
        lambda p: p["show"] == "away" and p["status"] == "Waiting for an answer"
    )
    street.say("MIT")
    summary = (await street.heard("Done: "))["body"]
    assert "MIT" in summary


async def test_an_unclear_request_is_asked_about(settle: Settle) -> None:
    street = await settle(demo_script)
    (street.town.home / "projects" / "other").mkdir()
    await street.town.git("init", cwd=street.town.home / "projects" / "other")
    street.say("please add a LICENSE file")
    question = (await street.heard("Which project do you mean"))["body"]
    assert "hello" in question
    assert "other" in question
    street.say("hello")
    await street.heard("Done: please add a LICENSE file (hello")
    assert await street.town.git("log", "--format=%s", "-1") == "Add the MIT license"
