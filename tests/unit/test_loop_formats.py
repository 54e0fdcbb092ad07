"""The thinking loop in every format, its markers as tokens and spelled in letters."""

from __future__ import annotations

import re

import pytest

from r1chat.engine.base import Continuation, Message, Request
from r1chat.engine.loop import ThinkingLoop
from r1chat.events import Notice, Reply
from r1chat.prompt import Prompt
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control
from r1chat.reasoning.formats import FORMATS, Format
from r1chat.reasoning.phrases import ANSWER, FINISHED, LANDING
from tests.unit.test_formats import HELD_OUT
from tests.unit.test_loop import MARKERS, Letters, Script, prose

FIRST = 0x110100
END = MARKERS["<eos>"]
LEAD_IN = "assistant\n"


class Pieces(Letters):
    """A vocabulary of code points, and of a format's markers if they are tokens."""

    def __init__(self, format_: Format, *, tokens: bool) -> None:
        super().__init__()
        self._names = dict(enumerate(sorted(format_.pieces), FIRST)) if tokens else {}
        self.size = FIRST + len(self._names)

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        ids = {name: token for token, name in self._names.items()} if special else {}
        pattern = "|".join(map(re.escape, ids)) or "(?!)"
        parts = re.split(f"({pattern})", text)
        return [
            token for part in parts for token in ([ids[part]] if part in ids else map(ord, part))
        ]

    def piece(self, token: int) -> bytes:
        return self._names[token].encode() if token in self._names else super().piece(token)

    def shown(self, token: int) -> bytes:
        return b"" if token in self._names else super().shown(token)

    def token_of(self, text: str) -> int | None:
        return next((token for token, name in self._names.items() if name == text), None)

    def read(self, ids: list[int]) -> str:
        """What the tokens say, markers too."""
        return b"".join(self.piece(token) for token in ids if token != END).decode()


CASES = [
    pytest.param(each, tokens, id=f"{each.name}-{'tokens' if tokens else 'letters'}")
    for each in (*FORMATS, *HELD_OUT)
    for tokens in (True, False)
    if not (tokens and each.sentences)
]
every = pytest.mark.parametrize(("format_", "tokens"), CASES)


class Case:
    """Runs replies of a model of one format."""

    def __init__(self, format_: Format, *, tokens: bool) -> None:
        self.format = format_
        self.vocabulary = Pieces(format_, tokens=tokens)
        self.around = format_.wrappers[0] if format_.wrappers else ("", "")
        self.said: list[str] = []

    def close(self, words: str = "It is 4.") -> str:
        """From the thought to the end of the answer, as the model writes it."""
        closing = self.format.closing.removesuffix("\n\n")
        begins, ends = self.around
        return f"{closing}{'' if closing.endswith(begins) else begins}{words}{ends}"

    def run(
        self,
        text: str,
        budget: str = "max",
        *,
        minimum: int = 0,
        opened: bool = True,
        resume: Continuation | None = None,
        on_sample: object = None,
        max_answer: int | None = None,
    ) -> Reply:
        script = Script(self.vocabulary.tokenize(text, special=True))
        control = Control(Budget.parse(budget, minimum=minimum))
        if callable(on_sample):
            script.on_sample = lambda: on_sample(control, script)
        request = Request(
            (Message("user", "?"),), control.budget, resume=resume, max_answer=max_answer
        )
        ids = self.vocabulary.tokenize(LEAD_IN + self.format.opening * opened, special=True)
        prompt = Prompt(tuple(ids), opened, thinks=True, framing="template", format=self.format)
        events: list[object] = []
        loop = ThinkingLoop(
            script, self.vocabulary, prompt, request, control, events.append, lambda: 0.0, began=0.0
        )
        reply = loop.run(seed=1, load_s=0.0)
        self.said = [each.text for each in events if isinstance(each, Notice)]
        self.cache = self.vocabulary.read(script.cache)
        return reply


@every
@pytest.mark.parametrize("opened", [True, False])
def test_a_thought_and_its_answer(format_: Format, tokens: bool, opened: bool) -> None:
    case = Case(format_, tokens=tokens)
    text = f"{'' if opened else format_.opening}so.\n{case.close()}"
    reply = case.run(text, opened=opened)
    assert (reply.thought.lstrip("\n"), reply.answer) == ("so.\n", "It is 4.")
    assert reply.receipt.ended_by == "natural"
    if tokens:
        marker = len(case.vocabulary.tokenize(format_.closes[0], special=True))
        assert reply.receipt.thought_tokens <= len("\n\nso.\n") + marker - 1
        around = len(case.vocabulary.tokenize("".join(case.around), special=True))
        assert reply.receipt.answer_tokens <= len("\n\nIt is 4.") + around
    assert case.cache.endswith(text)


@every
def test_a_budget_is_kept(format_: Format, tokens: bool) -> None:
    case = Case(format_, tokens=tokens)
    reply = case.run(prose(20) + "It is 4.", "20")
    assert reply.receipt.ended_by == "budget"
    assert reply.receipt.thought_tokens <= 20
    assert reply.thought.endswith(f"\n\n{LANDING}\n")
    assert f"{LANDING}\n{format_.closing}" in case.cache
    assert reply.answer.endswith("It is 4.")
    assert not any(piece in reply.answer for piece in format_.pieces)


@every
def test_answer_now(format_: Format, tokens: bool) -> None:
    def on_sample(control: Control, script: Script) -> None:
        if len(script.wanted) == 300:
            control.answer_now()

    case = Case(format_, tokens=tokens)
    reply = case.run(prose(100), on_sample=on_sample)
    assert reply.receipt.ended_by == "user"
    assert f"{LANDING}\n{format_.closing}" in case.cache
    assert reply.answer


@every
@pytest.mark.parametrize("close", [0, -1])
def test_thinking_more_takes_the_end_back(format_: Format, tokens: bool, close: int) -> None:
    case = Case(format_, tokens=tokens)
    end = format_.closes[close]
    # What spells a marker counts as thought.
    minimum = len(case.vocabulary.tokenize(end, special=True)) + len("so.\n") + 2
    reply = case.run(f"so.\n{end} it goes on.\n{case.close()}", minimum=minimum)
    assert re.fullmatch("so.\n\n+Wait, it goes on.\n", reply.thought)
    assert reply.answer == "It is 4."
    assert f"{reply.thought}{format_.closes[0]}" in case.cache


@every
def test_a_reply_that_ends_in_its_thought_is_asked_for_its_answer(
    format_: Format, tokens: bool
) -> None:
    case = Case(format_, tokens=tokens)
    reply = case.run("so it is 4.")
    assert reply.thought.startswith("so it is 4.")
    assert reply.receipt.answer_asked == "words"
    assert f"{format_.closing}{ANSWER}" in case.cache


@every
@pytest.mark.parametrize("known", [True, False])
def test_a_stopped_reply_goes_on(format_: Format, tokens: bool, known: bool) -> None:
    case = Case(format_, tokens=tokens)
    text = f"so it is.\n{case.close()}"

    def stop(control: Control, script: Script) -> None:
        if len(script.wanted) == 3:
            control.cancel()

    first = case.run(text, on_sample=stop)
    assert first.receipt.ended_by == "cancelled"
    if not known:
        if len(case.vocabulary.tokenize(case.around[1], special=True)) > 1:
            pytest.skip("what is cut off in the middle of a marker is not in the history")
        first = Reply(first.thought, first.answer, first.receipt)
    # The token that was drawn when it was stopped was not taken.
    tail = case.vocabulary.tokenize(text, special=True)[-3:]
    second = case.run(case.vocabulary.read(tail), resume=Continuation(first))
    assert (second.thought, second.answer) == ("so it is.\n", "It is 4.")
    assert second.receipt.thought_ended_by == "natural"


@every
def test_a_thought_is_gone_on_with_from_any_place_of_it(format_: Format, tokens: bool) -> None:
    case = Case(format_, tokens=tokens)
    first = case.run(f"one two.\n{case.close('3')}")
    resume = Continuation(first, keep=4, words="Hm,")
    second = case.run(f" four.\n{case.close('5')}", resume=resume)
    assert (second.thought, second.answer) == ("one Hm, four.\n", "5")


@every
def test_room_for_the_answer_is_not_taken_by_markers(format_: Format, tokens: bool) -> None:
    case = Case(format_, tokens=tokens)
    reply = case.run(f"so.\n{case.close('12345678')}", max_answer=4)
    if tokens:
        assert reply.answer == "1234"
    assert reply.receipt.answer_ended_by == "length"


def test_a_wrapper_in_letters_is_taken_off_where_the_thoughts_markers_are_tokens() -> None:
    format_ = next(each for each in FORMATS if each.name == "r1-zero")
    case = Case(format_, tokens=True)
    case.vocabulary = Pieces(next(each for each in FORMATS if each.name == "think"), tokens=True)
    reply = case.run("so.\n</think> <answer> It is <b>4</b>. </answer>")
    assert (reply.thought, reply.answer) == ("so.\n", "It is <b>4</b>. ")
    reply = case.run(f"{prose(20)}<answer>4</answer>", "20")
    assert reply.receipt.ended_by == "budget"
    assert reply.answer.endswith("<answer>4</answer>")


def test_a_marker_that_ends_every_message_ends_the_answer() -> None:
    format_ = next(each for each in FORMATS if each.name == "harmony")
    case = Case(format_, tokens=True)
    reply = case.run(f"so.\n{case.close()}<|end|><|start|>user<|message|>And now?")
    assert (reply.thought, reply.answer) == ("so.\n", "It is 4.")
    assert reply.receipt.ended_by == "natural"


def test_a_thought_that_nobody_asked_for_has_its_budget() -> None:
    format_ = next(each for each in FORMATS if each.name == "reasoning")
    vocabulary = Letters(tags=False)
    for budget, ended_by in (("20", "budget"), ("max", "natural")):
        text = f"<reasoning>\n{prose(10)}\n</reasoning>\n<answer>It is 4.</answer>"
        script = Script([*map(ord, text)])
        request = Request((Message("user", "?"),), Budget.parse(budget))
        prompt = Prompt(
            (1, 2, 3), opened=False, thinks=False, framing="template", others=(format_,)
        )
        control = Control(request.budget)
        loop = ThinkingLoop(
            script, vocabulary, prompt, request, control, lambda _: None, lambda: 0.0, began=0.0
        )
        reply = loop.run(seed=1, load_s=0.0)
        assert reply.receipt.thought_ended_by == ended_by
        if budget == "max":
            assert (reply.thought, reply.answer) == (f"{prose(10)}\n", "It is 4.")
        else:
            assert reply.receipt.thought_tokens <= 20
            assert f"{LANDING}\n</reasoning>" in bytes(script.cache[3:]).decode("latin-1")


def test_the_finished_thought_is_written_in_no_format() -> None:
    assert not any(marker in FINISHED for each in FORMATS for marker in each.markers)
