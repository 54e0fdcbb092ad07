"""The thinking loop on scripted tokens: every way in which a thought can end."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from r1chat.engine.base import Continuation, Message, Request
from r1chat.engine.confidence import Score
from r1chat.engine.loop import ThinkingLoop
from r1chat.engine.parts import Scored
from r1chat.errors import Cancelled, EngineError
from r1chat.events import (
    CheckSums,
    Event,
    InjectedText,
    Injection,
    Notice,
    Peeked,
    Receipt,
    Reply,
    SumCounts,
    ThoughtEnded,
    ThoughtText,
)
from r1chat.prompt import Prompt
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control
from r1chat.reasoning.peeks import EVERY
from r1chat.reasoning.phrases import ANSWER, LANDING
from r1chat.shapes import Shape

MARKERS = {"<think>": 0x110000, "</think>": 0x110001, "<eos>": 0x110002}


class Letters:
    """A vocabulary whose tokens are code points and, if wanted, the two tags."""

    bos = None
    eos = None
    adds_bos = False
    size = 0x110003

    def __init__(self, *, tags: bool = True) -> None:
        self._tags = tags

    def is_marker(self, token: int) -> bool:
        return token >= 0x110000

    def piece(self, token: int) -> bytes:
        return self.shown(token)

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        del special
        return [ord(char) for char in text]

    def shown(self, token: int) -> bytes:
        if token >= 0x110000:
            return {v: k for k, v in MARKERS.items()}[token].encode()
        # Code points 128 to 255 stand for single bytes, so that a character can be cut in two.
        return bytes([token]) if 0x80 <= token < 0x100 else chr(token).encode()

    def token_of(self, text: str) -> int | None:
        return MARKERS.get(text) if self._tags else None

    def ends_reply(self, token: int) -> bool:
        return token == MARKERS["<eos>"]


class Script:
    """A machine that samples what it is told, then the end for ever."""

    def __init__(self, text: str | Sequence[int], capacity: int = 100_000) -> None:
        self.capacity = capacity
        self.cache: list[int] = []
        self.wanted: list[int] = list(tokens(text)) if isinstance(text, str) else list(text)
        self.on_sample: Callable[[], None] = lambda: None
        self.forbidden: list[int] = []
        self.constrained: list[tuple[str, str]] = []
        self.complete = False
        self.measured = 0
        """Tokens of which it was asked how sure it is."""
        self.shaped = ""
        """What it samples from when it is constrained."""
        self.sure = 0.9
        """How sure it is of that."""
        self.final = "42"
        """What it would answer, whenever one looks."""

    @property
    def position(self) -> int:
        return len(self.cache)

    @property
    def room(self) -> int:
        return self.capacity - self.position

    @property
    def speculated(self) -> tuple[int, int]:
        return 0, 0

    def sample(self) -> int:
        self.on_sample()
        return self.wanted.pop(0) if self.wanted else MARKERS["<eos>"]

    def constrain(self, grammar: str, ends: frozenset[int], written: Sequence[int]) -> None:
        del ends
        self.constrained.append((grammar, "".join(map(chr, written))))
        self.wanted = list(tokens(self.shaped))

    def forbid(self, token: int) -> None:
        self.forbidden.append(token)

    def evaluate(
        self, tokens: Sequence[int], *, on_progress: Callable[[int], None] | None = None
    ) -> None:
        if len(tokens) > self.room:
            message = "the context is full"
            raise EngineError(message)
        self.cache.extend(tokens)
        if on_progress is not None:
            on_progress(len(tokens))

    def score(self, token: int) -> Score:
        self.measured += 1
        return Score(math.log(0.5 if token == ord("?") else 0.9), token / 1000)

    def peek(
        self, tokens: Sequence[int], most: int, is_last: Callable[[int], bool]
    ) -> list[Scored]:
        del tokens
        drawn = [ord(char) for char in self.final + "}"][:most]
        assert [is_last(token) for token in drawn] == [False] * len(self.final) + [True]
        return [(token, Score(math.log(self.sure), 0.1)) for token in drawn]

    def truncate(self, length: int) -> None:
        del self.cache[length:]

    def reuse(self, tokens: Sequence[int]) -> int:
        del tokens
        return 0

    def clear(self) -> None:
        self.cache.clear()


def tokens(text: str) -> list[int]:
    """Code points, with the markers as one token each."""
    result = []
    while text:
        marker = next((m for m in MARKERS if text.startswith(m)), None)
        result.append(MARKERS[marker] if marker else ord(text[0]))
        text = text[len(marker or text[0]) :]
    return result


def run(  # noqa: PLR0913  (every knob of a reply)
    script: str | Sequence[int] | Script,
    budget: str = "max",
    *,
    minimum: int = 0,
    opened: bool = True,
    tags: bool = True,
    max_answer: int | None = None,
    timeout: float | None = None,
    control: Control | None = None,
    clock: Callable[[], float] | None = None,
    resume: Continuation | None = None,
    prefilled: bool = False,
    shape: Shape | None = None,
    check_sums: CheckSums = "off",
) -> tuple[Reply, list[Event], Script]:
    """Runs the loop over a script."""
    machine = script if isinstance(script, Script) else Script(script)
    control = control or Control(Budget.parse(budget, minimum=minimum))
    request = Request(
        (Message("user", "?"),),
        budget=control.budget,
        max_answer=max_answer,
        timeout=timeout,
        check_sums=check_sums,
        resume=resume,
        shape=shape,
    )
    prompt = Prompt(ids=(1, 2, 3), opened=opened, thinks=True, framing="r1", prefilled=prefilled)
    events: list[Event] = []
    clock = clock or (lambda: 0.0)
    loop = ThinkingLoop(
        machine, Letters(tags=tags), prompt, request, control, events.append, clock, began=clock()
    )
    return loop.run(seed=1, load_s=0.0), events, machine


def prose(sentences: int) -> str:
    """Sentences of five letters, no two alike."""
    return "".join(f"{number:03}. " for number in range(sentences))


def test_a_thought_that_closes_itself_is_natural() -> None:
    reply, events, _ = run("so.\n</think>\n\n42<eos>")
    assert (reply.thought, reply.answer) == ("so.\n", "42")
    assert reply.receipt.ended_by == "natural"
    assert reply.receipt.thought_tokens == 4
    assert [e.ended_by for e in events if isinstance(e, ThoughtEnded)] == ["natural"]


def test_near_its_budget_a_thought_ends_with_its_sentence() -> None:
    reply, _, _ = run("x" * 18 + ". more and more</think>no", "20")
    assert reply.thought == "x" * 18 + ".\n\n" + LANDING + "\n"
    assert reply.receipt.ended_by == "budget"


def test_a_budget_without_a_sentence_end_is_cut_where_it_is_used_up() -> None:
    reply, _, _ = run("x" * 500, "20")
    assert reply.receipt.thought_tokens == 20


def test_the_landing_leaves_one_blank_line_whatever_stood_before() -> None:
    for ending in ("x", "x\n", "x\n\n"):
        reply, _, _ = run("y" * 20 + ending + "z" * 99, str(20 + len(ending)))
        head, _, _ = reply.thought.partition(LANDING)
        assert head.endswith("\n\n")
        assert not head.endswith("\n\n\n")


@pytest.mark.parametrize("fence", ["```", "~~~~"])
def test_a_block_of_code_is_ended_before_the_thought_is(fence: str) -> None:
    begun = f"So:\n{fence}python\nx = 1"
    landed, _, _ = run(begun + "z" * 99, str(len(begun)))
    assert landed.thought == f"{begun}\n{fence}\n\n{LANDING}\n"
    ended, _, _ = run(f"{begun}<eos>42<eos>")
    assert ended.thought == f"{begun}\n{fence}\n"
    whole = f"{begun}\n{fence}\n" + "y" * 40
    closed, _, _ = run(whole + "z" * 99, str(len(whole)))
    assert closed.thought == f"{whole}\n\n{LANDING}\n"


def test_a_decimal_point_ends_no_sentence() -> None:
    reply, _, _ = run("x" * 17 + "3.14159. Then", "20")
    assert reply.thought.startswith("x" * 17 + "3.1\n")


def test_no_character_is_cut_in_two_by_a_budget() -> None:
    for char in ("€", "🙂", "é"):
        for budget in range(20):
            reply, _, _ = run(list(char.encode()) * 30, str(budget))
            assert "\ufffd" not in reply.thought
            assert reply.receipt.thought_tokens <= budget


def test_an_end_of_reply_inside_a_thought_still_gets_an_answer() -> None:
    reply, _, _ = run("so<eos>42<eos>")
    assert (reply.thought, reply.answer) == ("so\n", ANSWER + "42")
    assert reply.receipt.ended_by == "natural"


def test_a_second_closing_tag_is_swallowed() -> None:
    reply, _, _ = run("so</think>42</think>!<eos>")
    assert (reply.thought, reply.answer) == ("so", "42!")


def test_a_second_thought_in_the_answer_goes_to_the_thought() -> None:
    reply, _, _ = run("a</think>b<think>c</think>d<eos>")
    assert (reply.thought, reply.answer) == ("ac", "bd")


def test_a_second_thought_after_the_budget_is_closed_at_once() -> None:
    reply, _, _ = run("a" * 30 + "b<think>cccc<eos>d<eos>", "10")
    assert reply.receipt.thought_tokens <= 11


def test_a_model_that_opens_its_thoughts_for_ever_is_stopped() -> None:
    reply, _, _ = run("a</think>b<think>" * 50)
    assert reply.receipt.ended_by == "loop"


def test_a_model_that_opens_its_own_thought_is_split() -> None:
    reply, _, _ = run("<think>\nso</think>\n42<eos>", opened=False)
    assert (reply.thought, reply.answer) == ("so", "42")


def test_a_model_that_writes_no_thought_answers() -> None:
    reply, events, _ = run("42<eos>", opened=False)
    assert (reply.thought, reply.answer) == ("", "42")
    assert not any(isinstance(e, ThoughtEnded) for e in events)


def test_tags_spelled_in_letters_are_split_too() -> None:
    text = [ord(char) for char in "so</think>\n\n42"]
    reply, _, _ = run(text, tags=False)
    assert (reply.thought, reply.answer) == ("so", "42")


def test_a_closing_tag_in_letters_is_taken_back_for_a_minimum() -> None:
    text = [ord(char) for char in "so</think> and so it is</think>42"]
    reply, _, machine = run(text, tags=False, minimum=12)
    spoken = "".join(chr(token) for token in machine.cache if token < 0x110000)
    assert "so\n\nWait, and so it is</think>42" in spoken
    assert (reply.thought, reply.answer) == ("so\n\nWait, and so it is", "42")


def test_a_minimum_replaces_the_end_of_thinking_by_wait() -> None:
    reply, events, _ = run("so\n</think> it goes on</think>42<eos>", minimum=8)
    assert reply.thought == "so\n\nWait, it goes on"
    assert [e.text for e in events if isinstance(e, InjectedText)] == ["\nWait,"]


def test_waits_are_capped() -> None:
    reply, events, _ = run("a</think>" * 100, minimum=10_000)
    most = Control().max_waits
    assert reply.thought.count("Wait,") == most
    assert reply.receipt.thought_ended_by == "natural"
    [notice] = [event.text for event in events if isinstance(event, Notice)]
    assert f"“Wait,” {most} times" in notice
    assert f"{most + 1} of at least 10,000 tokens" in notice


def test_a_minimum_that_is_reached_is_not_worth_a_word() -> None:
    _, events, _ = run("a</think>" * 100, minimum=16)
    assert not [event for event in events if isinstance(event, Notice)]


def certain(text: str) -> Script:
    """A script that is sure of what it would answer, whenever one looks."""
    machine = Script(text)
    machine.sure = 0.9999
    return machine


def test_a_model_that_is_sure_need_not_think_on_but_for_its_minimum() -> None:
    reply, events, _ = run(certain(prose(400)), "auto")
    assert reply.receipt.thought_ended_by == reply.receipt.ended_by == "sure"
    assert [event.confidence for event in events if isinstance(event, Peeked)] == [
        pytest.approx(0.9999)
    ]
    assert EVERY <= reply.receipt.thought_tokens < EVERY + 6
    reply, _, _ = run(certain(prose(400)), "auto", minimum=500)
    assert reply.receipt.thought_ended_by == "sure"
    assert 500 <= reply.receipt.thought_tokens < 506
    # One that is not sure thinks to its end, however often it would say the same.
    reply, events, _ = run(Script(prose(400) + "</think>42<eos>"), "auto")
    assert reply.receipt.thought_ended_by == "natural"
    assert max(event.repeats for event in events if isinstance(event, Peeked)) > 3


def test_it_ends_right_where_a_paragraph_has_ended() -> None:
    reply, _, _ = run(certain("a" * 30 + ".\n\nThen more" + "b" * 99), "auto")
    assert reply.receipt.thought_ended_by == "sure"
    assert reply.thought == "a" * 30 + ".\n\n" + LANDING + "\n"


def test_an_end_before_the_minimum_becomes_wait_where_the_budget_is_auto_too() -> None:
    text = prose(20) + "</think>" + prose(200)
    reply, _, _ = run(certain(text), "auto", minimum=300)
    assert reply.thought.count("Wait,") == 1
    assert reply.receipt.thought_ended_by == "sure"
    assert reply.receipt.thought_tokens >= 300


def test_more_that_is_wanted_has_the_looks_begin_anew() -> None:
    control = Control(Budget.parse("auto"))
    control.think_more()
    reply, events, _ = run(certain(prose(400)), control=control)
    assert reply.thought.count("Wait,") == 1
    assert [event.repeats for event in events if isinstance(event, Peeked)] == [1, 1]
    assert reply.receipt.thought_ended_by == "sure"


def changed_to(budget: str, at: int, control: Control) -> tuple[Reply, list[Peeked]]:
    """Thinks, and has another budget from a token on."""
    machine = certain(prose(400))

    def change() -> None:
        if machine.position == at + 3:
            control.budget = Budget.parse(budget)

    machine.on_sample = change
    reply, events, _ = run(machine, control=control)
    return reply, [event for event in events if isinstance(event, Peeked)]


def test_a_figure_that_becomes_auto_holds_at_once() -> None:
    reply, peeks = changed_to("auto", 300, Control(Budget.parse("1000")))
    assert reply.receipt.thought_ended_by == "sure"
    assert [peek.tokens for peek in peeks] == [300]


def test_auto_that_becomes_a_figure_holds_at_once() -> None:
    reply, peeks = changed_to("160", 50, Control(Budget.parse("auto")))
    assert reply.receipt.thought_ended_by == "budget"
    assert 144 <= reply.receipt.thought_tokens <= 160
    assert not peeks


def test_think_more_is_honoured_once_a_wish() -> None:
    control = Control()
    control.think_more()
    reply, _, _ = run("so</think> on</think>42<eos>", control=control)
    assert reply.thought == "so\n\nWait, on"


def test_answer_now_beats_think_more() -> None:
    control = Control(Budget(minimum=100))
    control.think_more()
    control.answer_now()
    reply, _, _ = run("so on and on", control=control)
    assert reply.receipt.ended_by == "user"
    assert reply.receipt.thought_tokens == 0


def test_a_loop_in_a_thought_lands_it() -> None:
    reply, _, _ = run("round and " * 100)
    assert reply.receipt.ended_by == "loop"
    assert LANDING in reply.thought


def test_a_loop_of_characters_in_several_tokens_is_not_cut_inside_one() -> None:
    smile = list("🙂".encode())
    for offset in range(4):
        reply, _, _ = run([ord("a")] * offset + smile * 200)
        assert "\ufffd" not in reply.thought
        assert reply.receipt.thought_ended_by == "loop"


def test_a_landing_always_fits() -> None:
    sizes = [list(char.encode()) for char in "🙂🙃😀😃😄😁😆😅🤣😂"]
    for capacity in range(200, 260):
        thought = [byte for n in range(300) for byte in sizes[n * n % 7 + n % 3]]
        reply, _, _ = run(Script(thought, capacity=capacity), max_answer=1)
        assert reply.error is None
        assert reply.receipt.thought_ended_by == "context"


def test_stray_tags_cannot_outrun_the_limits_of_an_answer() -> None:
    reply, _, machine = run("so</think>a" + "</think>" * 5000)
    assert reply.receipt.answer_ended_by == "loop"
    assert machine.position < 2000


def test_tags_in_an_answer_without_a_thought_are_words() -> None:
    said = "Use <think> and <think> and <think> and <think> and </think>."
    reply, _, _ = run(said + "<eos>", opened=False)
    assert reply.answer == said
    assert reply.receipt.ended_by == "natural"
    assert len(reply.answer_ids) == len(tokens(said))


def test_a_whole_answer_is_told_from_one_that_was_cut() -> None:
    whole, _, _ = run("x" * 30 + "42<eos>", "20")
    assert (whole.receipt.ended_by, whole.receipt.answer_ended_by) == ("budget", "natural")
    cut, _, _ = run(Script(prose(900), capacity=400))
    assert (cut.receipt.ended_by, cut.receipt.answer_ended_by) == ("context", "context")


def test_a_reply_stopped_while_its_prompt_is_read_has_no_thought() -> None:
    script = Script("never")

    def stop(*_: object, **__: object) -> None:
        raise Cancelled

    script.evaluate = stop  # type: ignore[method-assign]
    control = Control()
    control.cancel()
    reply, events, _ = run(script, control=control)
    assert reply.receipt.ended_by == "cancelled"
    assert (reply.receipt.thought_s, reply.receipt.thought_ended_by) == (0.0, None)
    assert not any(isinstance(e, ThoughtEnded) for e in events)


def test_a_loop_in_an_answer_stops_it() -> None:
    reply, _, _ = run("so</think>" + "round and " * 500)
    assert reply.receipt.ended_by == "loop"
    assert len(reply.answer) < 2000


def test_room_for_the_answer_is_kept_free() -> None:
    reply, _, machine = run(Script(prose(900), capacity=400))
    assert machine.position <= 400
    assert reply.answer
    assert reply.receipt.thought_tokens < 300
    assert reply.receipt.ended_by == "context"


def test_an_answer_stops_at_its_limit() -> None:
    reply, _, _ = run("so</think>" + "abcdefgh", max_answer=3)
    assert reply.answer == "abc"
    assert reply.receipt.ended_by == "length"


def test_a_budget_in_seconds_lands_the_thought() -> None:
    ticks = itertools.count()
    reply, _, _ = run(prose(500), "30s", clock=lambda: float(next(ticks)))
    assert reply.receipt.ended_by == "time"
    assert LANDING in reply.thought


def test_a_timeout_leaves_time_for_the_answer_and_ends_it() -> None:
    ticks = itertools.count()
    reply, _, _ = run(prose(900), timeout=200, clock=lambda: float(next(ticks)))
    assert reply.receipt.ended_by == "time"
    assert reply.answer


def test_a_cancelled_reply_keeps_what_there_is() -> None:
    control = Control()
    script = Script("one two three")
    samples = itertools.count()
    script.on_sample = lambda: control.cancel() if next(samples) == 5 else None
    reply, _, _ = run(script, control=control)
    assert reply.receipt.ended_by == "cancelled"
    assert reply.thought == "one t"


def test_invalid_bytes_become_replacement_characters_and_nothing_is_lost() -> None:
    reply, _, _ = run([0xFF, ord("a"), 0xE2, 0x82, ord("b"), MARKERS["</think>"], 0xC3])
    assert reply.thought == "\ufffda\ufffdb"
    assert reply.answer == "\ufffd"


def test_a_token_limit_moved_while_it_thinks_takes_hold_at_the_next_token() -> None:
    control = Control()
    script = Script(prose(100))
    samples = itertools.count()

    def move() -> None:
        if next(samples) == 20:
            control.budget = Budget(tokens=4)

    script.on_sample = move
    reply, _, _ = run(script, control=control)
    assert reply.receipt.ended_by == "budget"
    assert reply.receipt.thought_tokens == 20
    assert reply.receipt.budget == "4"


def stopped_reply(after: int) -> Reply:
    """A reply that was stopped at a token, with words of ours in its thought."""
    control = Control(Budget(minimum=6))
    script = Script("one\n</think> two three four</think>answer")
    samples = itertools.count()
    script.on_sample = lambda: control.cancel() if next(samples) == after else None
    return run(script, control=control)[0]


def test_a_stopped_thought_goes_on_where_it_stood() -> None:
    first = stopped_reply(9)
    assert first.thought == "one\n\nWait, two"
    second, events, machine = run(" three</think>4<eos>", resume=Continuation(first))
    assert second.thought == "one\n\nWait, two three"
    assert second.answer == "4"
    assert second.injected == first.injected
    assert "".join(e.text for e in events if isinstance(e, ThoughtText)) == " three"
    assert tuple(machine.cache[3:]) == second.ids


def test_a_stopped_answer_goes_on_where_it_stood() -> None:
    first = stopped_reply(24)
    assert first.answer == "ans"
    second, _, _ = run("wer!<eos>", resume=Continuation(first))
    assert (second.thought, second.answer) == (first.thought, "answer!")
    assert second.receipt.thought_ended_by == first.receipt.thought_ended_by == "natural"


def test_an_answer_from_an_earlier_point_of_the_thought() -> None:
    first = stopped_reply(99)
    kept = first.thought.index(" three")
    second, _, _ = run("42<eos>", resume=Continuation(first, keep=kept, close=True))
    assert second.thought == first.thought[:kept] + "\n\n" + LANDING + "\n"
    assert second.answer == "42"
    assert second.receipt.ended_by == "user"


def test_rethinking_from_an_earlier_point_with_words_of_the_user() -> None:
    first = stopped_reply(99)
    resume = Continuation(first, keep=4, words="\nBut </think> no:")
    second, _, machine = run(" else</think>7<eos>", resume=resume)
    assert second.thought == "one\n\nBut </think> no: else"
    assert second.answer == "7"
    assert machine.cache.count(MARKERS["</think>"]) == 1


def test_an_answer_without_a_thought_goes_on_behind_its_own_prompt() -> None:
    words = "Okay, I think I have finished thinking.\n"
    first = Reply(
        thought=words,
        answer="44 +",
        receipt=Receipt(thought_ended_by="budget"),
        injected=(Injection(0, words),),
        ids=tuple(tokens("44 +")),
    )
    second, events, _ = run(" 41<eos>", resume=Continuation(first), opened=False, prefilled=True)
    assert (second.thought, second.answer) == (words, "44 + 41")
    assert not any(isinstance(e, (InjectedText, ThoughtEnded)) for e in events)


def test_going_on_changes_no_count_of_what_was_there() -> None:
    first, _, _ = run("x" * 30 + "abcdef", "20", max_answer=4)
    second, _, _ = run("<eos>", resume=Continuation(first))
    for name in ("thought_tokens", "answer_tokens", "injected_tokens"):
        assert getattr(second.receipt, name) == getattr(first.receipt, name), name


def test_a_budget_that_was_off_can_be_thought_about_after_all() -> None:
    first = Reply(
        thought="Okay, I think I have finished thinking.\n", answer="1", receipt=Receipt()
    )
    second, _, _ = run("hm</think>2<eos>", resume=Continuation(first, keep=40))
    assert (second.thought, second.answer) == ("hm", "2")


@pytest.mark.parametrize("after", [0, 2, 5, 9, 18, 24, 99])
@pytest.mark.parametrize("tags", [True, False])
def test_a_reply_of_which_only_the_text_is_known_goes_on_as_well(after: int, tags: bool) -> None:
    first = stopped_reply(after)
    end = "" if after == 99 else " more</think>more" if after < 19 else "more"
    known = run(f"{end}<eos>", resume=Continuation(first), tags=tags)[0]
    bare = replace(first, ids=(), answer_ids=())
    second, events, machine = run(f"{end}<eos>", resume=Continuation(bare), tags=tags)
    for name in ("thought", "answer", "injected"):
        assert getattr(second, name) == getattr(known, name), name
    assert second.receipt.thought_ended_by == known.receipt.thought_ended_by
    assert "".join(e.text for e in events if isinstance(e, ThoughtText)) in {"", " more"}
    assert tuple(machine.cache[3:]) == second.ids


def test_a_reply_of_which_only_the_text_is_known_can_be_cut_and_answered() -> None:
    first = replace(stopped_reply(99), ids=(), answer_ids=())
    kept = first.thought.index(" three")
    second, _, _ = run("42<eos>", resume=Continuation(first, keep=kept, close=True))
    assert second.thought == first.thought[:kept] + "\n\n" + LANDING + "\n"
    assert (second.answer, second.injected[0]) == ("42", first.injected[0])


def test_a_text_alone_goes_on_without_a_thought_behind_its_own_prompt() -> None:
    words = "Okay, I think I have finished thinking.\n"
    receipt = Receipt(thought_ended_by="budget")
    first = Reply(words, "44 +", receipt, injected=(Injection(0, words),))
    second, _, _ = run(" 41<eos>", resume=Continuation(first), opened=False, prefilled=True)
    assert (second.thought, second.answer) == (words, "44 + 41")


class Clock:
    """Time that passes by sleeping alone."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr("r1chat.engine.pacing.time.sleep", self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def __call__(self) -> float:
        return self.now


def test_a_pace_makes_the_model_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    _, _, machine = run("so.\n</think>42<eos>", control=Control(pace=10), clock=clock)
    # Eight tokens, of which the first need not wait.
    assert clock.now == pytest.approx(0.7)
    assert not machine.wanted


def test_a_model_that_is_slower_than_the_pace_does_not_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    script = Script("so.\n</think>42<eos>")
    script.on_sample = lambda: clock.sleep(1.0)
    run(script, control=Control(pace=10), clock=clock)
    assert clock.now == pytest.approx(8.0)


def test_a_stop_does_not_wait_for_a_slow_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    control = Control(pace=0.001)

    def sleep(seconds: float) -> None:
        clock.now += seconds
        control.cancel()

    monkeypatch.setattr("r1chat.engine.pacing.time.sleep", sleep)
    reply, _, _ = run("abcdef", control=control, clock=clock)
    assert reply.receipt.ended_by == "cancelled"
    assert clock.now < 1


def test_a_wrong_sum_is_doubted_in_place_of_what_would_follow_it() -> None:
    script = "So 17 * 6 = 112.\nThat is 5 * 5 = 26</think></think>\n\n102"
    reply, events, machine = run(script, check_sums="fix")
    first, second = (
        f"\n\nWait, let me check that: {left} is not {claim}.\n\nCorrection: {left} = {right}.\n\n"
        for left, claim, right in (("17 * 6", "112", "102"), ("5 * 5", "26", "25"))
    )
    # The line break and the end of the thought are what would have followed.
    assert reply.thought == f"So 17 * 6 = 112.{first}That is 5 * 5 = 26{second}"
    assert [injection.text for injection in reply.injected] == [first, second]
    assert [event.text for event in events if isinstance(event, InjectedText)] == [first, second]
    assert reply.receipt.sums == SumCounts(doubted=2)
    assert reply.answer == "102"
    assert [ord(char) for char in second] == machine.cache[-len(second) - 6 : -6]
    plain, _, _ = run(script, check_sums="mark")
    assert (plain.injected, plain.receipt.sums) == ((), None)
