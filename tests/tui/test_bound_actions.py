"""The table of actions, as the app has it: bindings, conditions, the help and the palette."""

from __future__ import annotations

import pytest

from r1chat.actions import ACTIONS, BY_ID, PALETTE
from r1chat.keymap import shown
from r1chat.settings import Settings
from r1chat.tui.app import R1ChatApp
from r1chat.tui.chat.conditions import Conditions
from r1chat.tui.chat.screen import ChatScreen
from r1chat.tui.keys import bindings
from r1chat.tui.models.details import AboutModel
from r1chat.tui.models.quants import PickQuant
from r1chat.tui.models.rows import Row
from r1chat.tui.models.screen import ModelsScreen
from r1chat.tui.screens import help as the_help
from r1chat.tui.screens.attach import AttachFile
from r1chat.tui.screens.one_line import OneLine
from r1chat.tui.screens.pick import Pick
from r1chat.tui.screens.question import Question
from r1chat.tui.screens.reader import Reader
from r1chat.tui.screens.statistics import StatisticsScreen
from r1chat.tui.settings.screen import SettingsScreen
from r1chat.tui.widgets.answer import AnswerView
from r1chat.tui.widgets.composer import Composer
from r1chat.tui.widgets.conversation import ConversationView
from r1chat.tui.widgets.history_panel import HistoryPanel
from r1chat.tui.widgets.outline_list import OutlineList
from r1chat.tui.widgets.slider import BudgetSlider
from r1chat.tui.widgets.tally import Tally
from r1chat.tui.widgets.thinking import ThinkingHeader
from r1chat.tui.widgets.thought import ThoughtView
from tests.tui.chat import an_app, ready

PARTS = {
    "about": AboutModel,
    "answer": AnswerView,
    "app": R1ChatApp,
    "attach": AttachFile,
    "chat": ChatScreen,
    "composer": Composer,
    "conversation": ConversationView,
    "help": the_help.Help,
    "history": HistoryPanel,
    "models": ModelsScreen,
    "one-line": OneLine,
    "outline": OutlineList,
    "pick": Pick,
    "quants": PickQuant,
    "question": Question,
    "reader": Reader,
    "settings": SettingsScreen,
    "slider": BudgetSlider,
    "statistics": StatisticsScreen,
    "tally": Tally,
    "thinking": ThinkingHeader,
    "thought": ThoughtView,
}
STATES = {**PARTS, "chat": Conditions, "models": Row}
"""What has the conditions."""


def test_every_part_of_the_table_is_a_part_of_the_app():
    assert {each.owner for each in ACTIONS} == PARTS.keys()


@pytest.mark.parametrize("owner", PARTS)
def test_what_is_bound_is_what_the_table_says(owner):
    bound = vars(PARTS[owner])["BINDINGS"]
    assert [each for each in bound if each.id.startswith(f"{owner}.")] == bindings(owner)
    # The header of a thought has some of the thought's keys.
    for each in bound:
        assert each in bindings(each.id.partition(".")[0])
        assert hasattr(PARTS[owner], f"action_{each.action.partition('(')[0]}")


@pytest.mark.parametrize("action", ACTIONS, ids=lambda each: f"{each.id}:{each.name}")
def test_what_an_action_runs_and_asks_is_there(action):
    assert callable(getattr(PARTS[action.owner], f"action_{action.name}"))
    if action.when:
        assert hasattr(STATES[action.owner], action.when) or action.when in _set_by_init(action)


def _set_by_init(action):
    """Names that a part's `__init__` sets."""
    return STATES[action.owner].__init__.__code__.co_names


def test_every_action_that_has_keys_stands_in_the_help():
    text = str(the_help.text({name: each.keys for name, each in BY_ID.items()}, 200))
    for each in ACTIONS:
        if each.keys:
            rows = [row for row in text.splitlines() if each.help in row]
            assert any(shown(each.keys) in row or "…" in row for row in rows), each.id


def test_what_the_user_gave_a_key_stands_in_the_help():
    assert BY_ID["chat.export"].keys == ""
    text = str(the_help.text({"chat.export": "ctrl+e"}, 80))
    assert [
        row for row in text.splitlines() if "Ctrl+E" in row and BY_ID["chat.export"].help in row
    ]


@pytest.mark.asyncio
async def test_the_palette_has_what_the_table_says(monkeypatch):
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        monkeypatch.setattr(type(app), "check_action", lambda *_: True)
        monkeypatch.setattr(type(chat), "check_action", lambda *_: True)
        offered = [(each.title, each.help) for each in app.get_system_commands(chat)]
        assert offered == [
            (each.title, each.help)
            for each in ACTIONS
            if each.where & PALETTE and each.owner in {"chat", "app"}
        ]


@pytest.mark.asyncio
async def test_what_has_no_key_can_be_given_one():
    app = an_app(settings=Settings(keys={"chat.statistics": "f12"}))
    async with app.run_test() as pilot:
        await ready(pilot)
        await pilot.press("f12")
        await pilot.pause()
        assert isinstance(app.screen, StatisticsScreen)
