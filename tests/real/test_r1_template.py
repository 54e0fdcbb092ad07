"""The framing of a real R1 distill gets the tokens that its file's own template gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from jinja2.sandbox import ImmutableSandboxedEnvironment

from r1chat.engine.base import Message
from r1chat.engine.llama import LlamaEngine, LoadOptions
from r1chat.engine.parts import Vocabulary
from r1chat.gguf import read_header
from r1chat.prompt import build
from r1chat.reasoning.phrases import FINISHED

pytestmark = pytest.mark.real

TURNS = [
    ("What is 44 + 41 + 25?", "Okay. 44 + 41 = 85.\n", "\n\nIt is \\boxed{110}."),
    ("  And half of it?\n\n", "\n", "**55**\n"),
    ("用中文说。", "嗯。\n", "是 55。"),
    ('Write `</` + `think>` in C:\n```c\n\tputs("🙂");\n```', "Hm.", "```c\n    /* é */\n```"),
    ("Thanks!", "", "You are welcome."),
]
SYSTEMS = ["", "Answer in one word.", "Reason step by step.\n\nUse \\boxed{}.  ", "你好"]
THOUGHT_BEGINS = "<think>\n"


class Real:
    """The real vocabulary and template."""

    def __init__(self, vocabulary: Vocabulary, template: str) -> None:
        self.vocabulary = vocabulary
        self.text = template
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        self._template = environment.from_string(template)

    def ids(self, messages: list[Message]) -> tuple[int, ...]:
        """What the file's own template gives, tokenised as one text."""
        assert self.vocabulary.bos is not None
        text = self._template.render(
            messages=[{"role": each.role, "content": each.text} for each in messages],
            bos_token=self.vocabulary.piece(self.vocabulary.bos).decode(),
            add_generation_prompt=True,
        )
        if not text.endswith(THOUGHT_BEGINS):
            # The first published ones leave it to the model to begin its thought.
            text += THOUGHT_BEGINS
        return tuple(self.vocabulary.tokenize(text, special=True))


@pytest.fixture(scope="module")
def real(real_model) -> Iterator[Real]:
    path = real_model("r1-vocabulary")
    template = read_header(path).chat_template
    assert template is not None
    engine = LlamaEngine(path, options=LoadOptions(ctx=256))
    yield Real(engine.inside(lambda model: model.machine.vocabulary), template)
    engine.close()


def conversations() -> Iterator[list[Message]]:
    """A conversation, turn by turn, its thoughts known."""
    said: list[Message] = []
    for question, thought, answer in TURNS:
        said.append(Message("user", question))
        yield list(said)
        said.append(Message("assistant", answer, thought=thought))


@pytest.mark.parametrize("system", SYSTEMS, ids=["none", "short", "lines", "chinese"])
def test_turn_by_turn_the_tokens_are_those_of_the_files_own_template(real, system):
    told = [Message("system", system)] if system else []
    for said in conversations():
        prompt = build(real.vocabulary, [*told, *said], template=real.text)
        # R1 is to have no system text: its words go before the first question.
        first = replace(said[0], text=f"{system}\n\n{said[0].text}" if system else said[0].text)
        assert prompt.ids == real.ids([first, *said[1:]])
        assert (prompt.framing, prompt.opened, prompt.effort) == ("r1", True, "")


def test_with_the_budget_off_the_thought_is_finished_behind_the_same_tokens(real):
    for said in conversations():
        open_ = build(real.vocabulary, said, template=real.text).ids
        for effort in (None, 64):
            off = build(real.vocabulary, said, template=real.text, think=False, effort=effort)
            assert off.ids[: len(open_) - 1] == open_[:-1]
            end = real.vocabulary.tokenize(f"<think>\n{FINISHED}\n</think>\n\n", special=True)
            assert list(off.ids[-len(end) :]) == end
            assert (off.prefilled, off.closed) == (True, True)


def test_answers_keep_the_tokens_that_were_sampled(real):
    said = list(conversations())[-1]
    # Spelled letter by letter, as a model may sample them.
    sampled = [
        replace(
            each,
            ids=tuple(t for c in each.text for t in real.vocabulary.tokenize(c, special=False)),
        )
        if each.role == "assistant"
        else each
        for each in said
    ]
    ids = build(real.vocabulary, sampled, template=real.text).ids
    assert b"".join(map(real.vocabulary.piece, ids)) == b"".join(
        map(real.vocabulary.piece, real.ids(said))
    )
    assert len(ids) > len(real.ids(said))


@pytest.mark.parametrize("budget", ["64", "100000", "max"])
def test_no_budget_changes_a_token(real, budget):
    said = list(conversations())[2]
    effort = int(budget) if budget.isdecimal() else None
    usual = build(real.vocabulary, said, template=real.text).ids
    assert build(real.vocabulary, said, template=real.text, effort=effort).ids == usual
