"""A model on a server is asked to think first where r1chat frames its prompts; else it is said."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from r1chat.engine.base import Continuation
from r1chat.events import Notice
from r1chat.reasoning.phrases import FINISHED, LANDING, OPEN_ANSWER, STEPS_BOXED, THINK_FIRST, WAIT
from tests.factory import CHATML
from tests.remote.helpers import asked, budget, events_of, opened, reply_of
from tests.remote.server import ModelServer
from tests.remote.test_formats_remote import THOUGHT, Llama

WORDS = THINK_FIRST.format("</think>")
BEHIND = "<|im_end|>\n<|im_start|>assistant\n"
OPENING = "<think>\nThe user wants"


@dataclass
class Instruct(Llama):
    """A llama-server with an instruct model: its vocabulary has no tags of thoughts."""

    opens: bool = False
    silent: bool = False

    @property
    def template(self) -> str:
        return CHATML + ("{{ '<think>\n' }}" if self.opens else "")

    def tokens(self, text: str) -> list[int]:
        pattern = r"<\|im_start\|>|<\|im_end\|>|\s?\w+|[^\w]"
        for name in (found := re.findall(pattern, text)):
            token = self._ids.setdefault(name, len(self._ids) + 1)
            self.vocabulary[token] = name
        return [self._ids[name] for name in found]

    def _rest(self, prompt: str) -> list[str]:
        _, opening, written = prompt.rpartition("assistant\n<think>\n")
        if not opening or OPEN_ANSWER in written:
            return [" 42"]
        if "</think>" in written:
            return [] if self.silent else [" 42"]
        return [*THOUGHT, "</", "think", ">", *([] if self.silent else ["\n\n", "42"])]


def the_prompt(server: Llama, at: int = -1) -> str:
    return server.prompts()[at]


@pytest.mark.parametrize(
    ("opens", "think", "ending", "style"),
    [
        (False, "auto", BEHIND, None),
        (False, "on", f"\n{WORDS}{BEHIND}{OPENING}", "free"),
        (False, "off", BEHIND, None),
        (True, "auto", f"{BEHIND}<think>\n", None),
        (True, "on", f"{BEHIND}<think>\n", None),
        (True, "off", f"{BEHIND}<think>\n{FINISHED}\n</think>\n\n", None),
    ],
)
def test_the_prompt_ends_as_in_process(opens, think, ending, style):
    with Instruct(opens=opens) as server:
        engine = opened(server)
        reply = reply_of(engine, asked("Why?", think=think))
        assert the_prompt(server).endswith(f"Why?{ending}")
        assert reply.receipt.thought_style == style
        assert reply.answer.strip() == "42"
        assert bool(reply.receipt.thought_tokens) == (
            "<think>" in ending and FINISHED not in ending
        )
        assert engine.info.thinks_with(think) == bool(style or (opens and think != "off"))


def test_with_the_instruction_it_is_the_prompt_of_a_template_that_opens_thoughts():
    question = f"1 + 1?\n{STEPS_BOXED}"
    with Instruct() as instruct, Instruct(opens=True) as opening:
        for server, think in ((instruct, "on"), (opening, "auto")):
            reply_of(opened(server), asked(question, think=think, **budget("100")))
        assert the_prompt(instruct, 0) == the_prompt(opening, 0)


def test_it_is_closed_and_gone_on_with_as_if_it_thought_by_itself():
    with Instruct() as server:
        engine = opened(server)
        reply = reply_of(engine, asked("Why?", think="on", **budget("20")))
        assert reply.receipt.thought_ended_by == "budget"
        assert reply.receipt.thought_style == "brief"
        assert reply.thought.startswith("The user wants")
        assert reply.thought.endswith(f"{LANDING}\n")
        more = Continuation(reply, keep=20, words=WAIT)
        again = reply_of(engine, asked("Why?", resume=more))
        assert again.thought.startswith(reply.thought[:20] + WAIT)
        assert again.receipt.thought_style == "brief"


def test_an_answer_that_does_not_come_is_begun_at_once():
    with Instruct(silent=True) as server:
        reply = reply_of(opened(server), asked("Why?", think="on"))
        assert reply.receipt.answer_asked == "words"
        assert reply.answer == f"{OPEN_ANSWER} 42"
        assert len(server.completions()) == 2


def test_a_text_that_is_completed_is_left_alone():
    with Instruct() as server:
        reply = reply_of(opened(server), asked("Why?", think="on", raw=True))
        assert the_prompt(server) == "Why?"
        assert reply.receipt.thought_style is None


@pytest.mark.parametrize("think", ["auto", "on", "off"])
def test_in_a_chat_it_is_said_that_it_is_not_asked(think):
    with ModelServer(r1=False, chat=[{"content": "42"}], owner="me") as server:
        engine = opened(server)
        events = events_of(engine, asked("Why?", think=think))
        notes = [event.text for event in events if isinstance(event, Notice)]
        said = [note for note in notes if note.startswith("the model is not asked to think first")]
        assert len(said) == (think == "on")
        assert not engine.info.asks("on")
        why = "thoughts cannot be turned off: the server does not say how its model's prompts"
        assert sum(note.startswith(why) for note in notes) == (think == "off")
        assert not any("budget" in note for note in notes)
        assert server.asked[-1].body["messages"] == [{"role": "user", "content": "Why?"}]
        assert events[-1].receipt.thought_style is None
