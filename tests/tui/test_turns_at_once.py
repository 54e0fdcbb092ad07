"""What changes the turns on the screen may come while something else is changing them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from r1chat.settings import Settings
from r1chat.tui.chat.screen import ChatScreen
from r1chat.tui.widgets.conversation import MOUNTED
from r1chat.tui.widgets.turn import TurnView
from tests.tui.chat import an_app, ask, until

pytestmark = pytest.mark.asyncio

ROUNDS = 20


async def send(chat: ChatScreen) -> None:
    chat.composer.load_text("and now?")
    chat.composer.action_send()


async def go_back(chat: ChatScreen) -> None:
    if chat.last is not None:
        await chat._passages._go_back(chat.last, 6, "rethink")


async def edited(chat: ChatScreen) -> None:
    await chat.action_edit()
    chat.composer.action_send()


async def wanted(chat: ChatScreen, step: int) -> None:
    for view in chat.conversation.turns[-1:]:
        chat.post_message(TurnView.VersionWanted(view, step))


async def opened(chat: ChatScreen) -> None:
    await chat.open_conversation(chat.app.other)


async def shown(chat: ChatScreen) -> None:
    await chat.open_conversation(chat.app.first)


CHANGES: dict[str, Callable[[ChatScreen], Awaitable[Any]]] = {
    "send": send,
    "edit": edited,
    "regenerate": ChatScreen.action_regenerate,
    "regenerate with samples": ChatScreen.action_ask_samples,
    "think more": ChatScreen.action_think_more,
    "continue": ChatScreen.action_go_on,
    "answer now": ChatScreen.action_answer_now,
    "from a paragraph": go_back,
    "the version before": lambda chat: chat.action_version(-1),
    "the version after": lambda chat: chat.action_version(1),
    "a click on the version before": lambda chat: wanted(chat, -1),
    "a click on the version after": lambda chat: wanted(chat, 1),
    "open another": opened,
    "open the first": shown,
    "new": ChatScreen.action_begin_anew,
    "page up": lambda chat: chat.conversation.action_earlier(),
    "page down": lambda chat: chat.conversation.action_further(),
    "to the end": ChatScreen.action_tail,
    "ask what waits": ChatScreen.ask_next,
}


async def test_no_changes_at_once_break_the_turns_or_have_two_replies_written():
    app = an_app(lanes=2, settings=Settings(pace=0, samples=2))
    rng = random.Random(5)
    async with app.run_test(size=(80, 24)) as pilot:
        chat = await ask(pilot)
        app.first = chat.shown_id
        await chat.action_begin_anew()
        await ask(pilot, "three and three?")
        app.other = chat.shown_id
        for _ in range(ROUNDS):
            names = rng.sample(list(CHANGES), 5)
            found = await asyncio.gather(
                *(CHANGES[name](chat) for name in names), return_exceptions=True
            )
            assert not [each for each in found if isinstance(each, Exception)], (names, found)
            await quiet(pilot)
            assert app._exception is None, names
            shows_the_conversation(chat, names)


async def quiet(pilot: Pilot[None]) -> None:
    """Waits until everything has been done."""
    chat = pilot.app.chat
    for _ in range(2):
        await pilot.pause()
        await until(pilot, lambda: not chat.running and not chat.queue.questions)


def shows_the_conversation(chat: ChatScreen, told: object) -> None:
    """The turns are the last of the conversation as it goes, each with its reply."""
    turns = chat.conversation.turns
    nodes = [turn.node for turn in turns]
    path = [node for node in chat.state.tree.path() if node.turn is not None]
    assert nodes == path[-len(nodes) :] if nodes else not path, told
    assert len(nodes) >= min(len(path), MOUNTED), told
    for turn in turns:
        assert turn.answer.source, (told, turn.status)


ON_A_TURN: dict[str, Callable[[ChatScreen, TurnView], object]] = {
    "branch": lambda chat, view: chat.replies.branch(view),
    "drop": lambda chat, view: chat.conversation.drop_from(view),
    "a paragraph": lambda chat, view: chat._passages._go_back(view, 6, "answer"),
    "a version": lambda chat, view: chat.on_turn_view_version_wanted(view.VersionWanted(view, 7)),
    "a sample": lambda _, view: view.show_sample(1),
    "scroll": lambda chat, view: chat.conversation.go_to(view.node, open_thought=True),
}
GOES: dict[str, Callable[[ChatScreen], Awaitable[Any]]] = {
    "another version": lambda chat: chat.action_version(1 if chat.last.node.version == 1 else -1),
    "another conversation": shown,
    "a new conversation": ChatScreen.action_begin_anew,
    "its deletion": ChatScreen.action_delete_this,
}


@pytest.mark.parametrize("goes", GOES)
async def test_what_is_done_to_a_turn_that_has_just_gone_changes_nothing(goes):
    app = an_app(lanes=2, settings=Settings(pace=0, samples=2))
    async with app.run_test(size=(80, 24)) as pilot:
        chat = await ask(pilot)
        app.first = chat.shown_id
        await chat.action_begin_anew()
        await ask(pilot, "three and three?")
        gone = chat.last
        await GOES[goes](chat)
        assert gone not in chat.conversation.turns
        path = [*chat.state.tree.path()]
        for name, act in ON_A_TURN.items():
            found = act(chat, gone)
            if asyncio.iscoroutine(found):
                await found
            await quiet(pilot)
            assert app._exception is None, name
            assert [*chat.state.tree.path()] == path, name
            shows_the_conversation(chat, name)
