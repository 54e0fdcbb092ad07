"""Replies that would end without an answer, on scripted tokens: they are asked for one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1chat.engine.base import Continuation, Message, Request
from r1chat.engine.loop import ThinkingLoop
from r1chat.events import AnswerText, Event, InjectedText, Injection, Reply, ThoughtText
from r1chat.prompt import Prompt
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control
from r1chat.reasoning.final import final_answer, open_boxes
from r1chat.reasoning.phrases import ANSWER, BOX, FINISHED, LANDING
from r1chat.reasoning.rescue import Rescue, asks_for_box
from tests.examples import examples
from tests.unit.test_loop import MARKERS, Letters, Script, tokens

BOXED = "so \\boxed{42}"
USER = 0x110003


class Turns(Letters):
    """Letters, the tags, and a marker that begins a user's turn and that no file calls an end."""

    def shown(self, token: int) -> bytes:
        return b"" if token == USER else super().shown(token)


def run(  # noqa: PLR0913  (every side of a reply)
    script: str | Script,
    budget: str = "max",
    *,
    asked: str = "?",
    system: str = "",
    prefilled: bool = False,
    closed: bool = False,
    opened: bool = True,
    raw: bool = False,
    tags: bool = True,
    max_answer: int | None = None,
    resume: Continuation | None = None,
    ends: frozenset[int] = frozenset(),
    stops: tuple[str, ...] = (),
) -> tuple[Reply, list[Event], Script]:
    machine = script if isinstance(script, Script) else Script(script)
    control = Control(Budget.parse(budget))
    before = (Message("system", system),) if system else ()
    request = Request(
        (*before, Message("user", asked)),
        budget=control.budget,
        raw=raw,
        max_answer=max_answer,
        resume=resume,
    )
    prompt = Prompt(
        ids=(1, 2, 3),
        opened=opened and not (prefilled or closed or raw),
        thinks=not raw,
        framing="r1",
        prefilled=prefilled,
        closed=prefilled or closed,
        stops=stops,
        ends=ends,
    )
    events: list[Event] = []
    loop = ThinkingLoop(
        machine, Turns(tags=tags), prompt, request, control, events.append, lambda: 0.0, began=0.0
    )
    return loop.run(seed=1, load_s=0.0), events, machine


def shown(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, AnswerText))


def in_cache(machine: Script) -> str:
    names = {token: name for name, token in MARKERS.items()}
    return "".join(names.get(token) or chr(token) for token in machine.cache[3:])


# Where the model ends: what it writes, and whether its thought is closed by us.
ENDINGS = {
    "inside the thought": BOXED + "<eos>",
    "behind the thought": BOXED + "</think><eos>",
    "behind white space": BOXED + "</think>\n\n<eos>",
    "behind a second closing tag": BOXED + "</think>\n</think><eos>",
    "behind an empty second thought": BOXED + "</think><think></think><eos>",
}


@pytest.mark.parametrize("script", ENDINGS.values(), ids=ENDINGS)
@pytest.mark.parametrize("after", ["42}", " 42}.", "42", "4<think>2"])
def test_words_ask_for_an_answer_that_stayed_empty(script: str, after: str) -> None:
    machine = Script(script)
    # An end that is refused comes again, as often as a model knows ends.
    machine.wanted += [MARKERS["<eos>"]] * (17 if "</think>" in script else 0)
    machine.wanted += tokens(after + "<eos>")
    reply, events, _ = run(machine)
    assert reply.answer.startswith(ANSWER + BOX)
    assert reply.receipt.answer_asked == "words"
    assert reply.receipt.answer_ended_by == "natural"
    assert shown(events) == reply.answer
    assert open_boxes(reply.answer) == 0
    if "think" not in after:
        assert reply.final == "42"
    assert reply.answer_injected[0] == Injection(0, ANSWER + BOX)
    marked = [event.text for event in events if isinstance(event, AnswerText) and event.injected]
    assert marked == [each.text for each in reply.answer_injected]
    assert reply.answer_ids == tuple(tokens(reply.answer))


@pytest.mark.parametrize("script", [s for s in ENDINGS.values() if "</think>" in s])
def test_an_end_in_place_of_an_answer_is_refused_once_before_words_are_written(script: str) -> None:
    reply, events, machine = run(script + "42<eos>")
    assert reply.answer == shown(events) == "42"
    assert reply.receipt.answer_asked == "again"
    assert machine.forbidden == [MARKERS["<eos>"]]
    assert not reply.answer_injected
    assert "Final" not in in_cache(machine)


@pytest.mark.parametrize(
    ("script", "budget"),
    [
        *((script, budget) for script in ENDINGS.values() for budget in ("max", "64")),
        *((script, budget) for script in ("<eos>", "</think><eos>") for budget in ("max", "off")),
        ("x" * 12, "12"),
        ("\n\n<eos>", "off"),
    ],
)
def test_what_stays_empty_is_empty(script: str, budget: str) -> None:
    reply, events, machine = run(script, budget, prefilled=budget == "off")
    assert reply.answer == ""
    assert shown(events) == ""
    assert reply.answer_ids == ()
    assert not reply.answer_injected
    assert reply.receipt.answer_asked == "words"
    assert reply.receipt.answer_ended_by == "natural"
    assert tuple(machine.cache[3 : 3 + len(reply.ids)]) == reply.ids
    assert len(machine.forbidden) <= 32


def test_a_reply_that_never_ends_its_white_space_is_asked_too() -> None:
    reply, _, _ = run("so</think>" + " " * 600 + "<eos>")
    assert (reply.answer, reply.receipt.answer_asked) == ("", "words")


@pytest.mark.parametrize(
    ("asked", "system", "thought", "box"),
    [
        ("2+2?", "", "so 4", ""),
        ("2+2? put it within \\boxed{}", "", "so 4", BOX),
        ("2+2?", "final answer within \\boxed{}", "so 4", BOX),
        ("2+2?", "", "so \\boxed{4}", BOX),
        ("2+2?", "", "a boxed lunch", ""),
    ],
)
def test_a_box_is_opened_where_one_is_wanted(
    asked: str, system: str, thought: str, box: str
) -> None:
    reply, _, machine = run(thought + "<eos>4}<eos>", asked=asked, system=system)
    assert in_cache(machine).startswith(f"{thought}\n</think>\n\n{ANSWER}{box}4")
    assert reply.answer == f"{ANSWER}{box}4}}"


def test_an_answer_that_follows_by_itself_is_left_alone() -> None:
    for script in ("so</think>\n\n42<eos>", "so</think>42<eos>", "<think>so</think>4<think>2<eos>"):
        reply, _, machine = run(script)
        assert reply.receipt.answer_asked is None
        assert not machine.forbidden
        assert "Final" not in in_cache(machine)


def test_an_end_inside_a_second_thought_leaves_the_answer_as_it_is() -> None:
    reply, _, _ = run("a</think>b<think>c<eos>d<eos>")
    assert (reply.answer, reply.receipt.answer_asked) == ("bd", None)


def test_a_thought_that_was_landed_is_asked_for_its_answer_too() -> None:
    script = Script("x" * 13)
    script.wanted += [MARKERS["<eos>"]] * 17 + tokens("7<eos>")
    reply, _, _ = run(script, "12")
    assert LANDING in reply.thought
    assert (reply.answer, reply.receipt.answer_asked) == (ANSWER + "7", "words")
    assert reply.receipt.ended_by == "budget"


def test_a_text_that_is_merely_completed_may_be_empty() -> None:
    reply, _, machine = run("<eos>", raw=True)
    assert (reply.answer, reply.receipt.answer_asked) == ("", None)
    assert not machine.forbidden


def test_a_model_without_thoughts_has_its_end_refused_but_gets_no_words() -> None:
    reply, _, machine = run("<eos>", opened=False)
    assert (reply.answer, reply.receipt.answer_asked) == ("", "again")
    assert "Final" not in in_cache(machine)
    reply, _, _ = run("<eos>Hello.<eos>", opened=False)
    assert (reply.answer, reply.receipt.answer_asked) == ("Hello.", "again")


def test_without_room_for_an_answer_none_is_asked_for() -> None:
    reply, _, _ = run(Script("</think>" + "\n" * 60 + "<eos>" * 40, capacity=85))
    assert (reply.answer, reply.receipt.answer_asked) == ("", None)
    assert reply.error is None


def test_a_stopped_reply_goes_on_behind_words_of_ours() -> None:
    whole, _, _ = run(BOXED + "<eos>42} or so<eos>")
    for cut in range(1, 9):
        first, _, _ = run(BOXED + "<eos>42} or so<eos>", max_answer=cut)
        rest = "42} or so"[cut:]
        second, events, machine = run(rest + "<eos>", resume=Continuation(first))
        assert second.answer == whole.answer
        assert second.answer_injected[0] == whole.answer_injected[0]
        assert second.answer_ids == tuple(tokens(second.answer))
        assert shown(events) == rest
        assert tuple(machine.cache[3:]) == second.ids
        bare = replace(first, ids=(), answer_ids=(), answer_injected=())
        third, _, _ = run(rest + "<eos>", resume=Continuation(bare))
        assert third.answer == whole.answer


@pytest.mark.parametrize("tags", [True, False])
@pytest.mark.parametrize("before", ["so</think>", BOXED + "<eos>"])
@pytest.mark.parametrize(
    ("held", "shown_as"), [([0xE2, 0x82], "\ufffd"), ([ord("<")], "<"), (tokens("<|im_"), "<|im_")]
)
def test_an_answer_that_was_held_back_to_the_end_is_one(
    held: list[int], shown_as: str, before: str, tags: bool
) -> None:
    end = MARKERS["<eos>"]
    begun = tokens(before) if tags else [t for part in _in_letters(before) for t in part]
    machine = Script([*begun, *held, *[end] * 40])
    reply, events, _ = run(machine, tags=tags, stops=("<|im_end|>",))
    ours = ANSWER + BOX if before.startswith(BOXED) else ""
    assert reply.answer == shown(events) == ours + shown_as + "}" * (bool(ours))
    assert [each.text for each in reply.answer_injected] == [ours, "}"] * bool(ours)
    # Gone on with, it is the same reply: no words of ours pass for the model's.
    again, events, _ = run(Script([end] * 40), tags=tags, resume=Continuation(reply))
    assert (again.answer, again.ids) == (reply.answer, reply.ids)


# -- the decision by itself --


def test_each_remedy_is_used_once_and_the_end_once_more_behind_words() -> None:
    rescue = Rescue(["2+2?"])
    used = [rescue.refuses_end(False), rescue.refuses_end(False)]
    used += [rescue.begins_answer(False), rescue.refuses_end(False)]
    used += [rescue.refuses_end(False), rescue.begins_answer(False)]
    assert used == [True, False, True, True, False, False]
    assert rescue.done == "words"


def test_nothing_is_done_where_there_is_an_answer_or_nothing_was_asked() -> None:
    for rescue, answered in ((Rescue(), True), (Rescue(allowed=False), False)):
        assert not rescue.refuses_end(answered)
        assert not rescue.begins_answer(answered)
        assert rescue.done is None


@pytest.mark.parametrize(
    ("text", "braces"),
    [
        ("\\boxed{", 1),
        ("\\boxed{\\frac{1}{2}", 1),
        ("\\boxed{\\frac{1", 2),
        ("\\boxed{1}", 0),
        ("{", 0),
        ("{\\boxed{", 1),
        ("\\boxed{1} \\boxed{", 1),
        ("", 0),
    ],
)
def test_open_boxes_are_counted_in_braces(text: str, braces: int) -> None:
    assert open_boxes(text) == braces
    if braces:
        assert final_answer(text + "1" + "}" * braces) is not None


def test_only_boxes_of_tex_are_asked_for() -> None:
    assert asks_for_box(["a", "in \\fbox{}"])
    assert not asks_for_box(["box it", "boxed"])


# -- markers that have no business in an answer --

STRAYS = {
    "behind the answer": "42</think>",
    "before the answer": "</think>42",
    "doubled": "</think></think>42</think></think>",
    "with white space": "\n</think>\n\n42\n</think>\n",
    "in the middle": "4</think>2",
}
MODES = {
    "off": {"budget": "off", "prefilled": True},
    "closed by the template": {"closed": True},
    "opened by the prompt": {"before": "so</think>"},
    "opened by the model": {"before": "<think>so</think>", "opened": False},
    "budget used up": {"before": "x" * 13, "budget": "12"},
    "no thought": {"opened": False},
    "raw": {"raw": True},
}


@pytest.mark.parametrize("tags", [True, False])
@pytest.mark.parametrize("stray", STRAYS.values(), ids=STRAYS)
@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
def test_stray_closing_tags_never_reach_the_answer(mode: dict, stray: str, tags: bool) -> None:
    options = dict(mode)
    script = options.pop("before", "") + stray + "<eos>"
    wanted = tokens(script) if tags else [t for part in _in_letters(script) for t in part]
    machine = Script(wanted)
    reply, events, _ = run(machine, options.pop("budget", "max"), tags=tags, **options)
    assert reply.answer.strip() == "42"
    assert shown(events) == reply.answer
    assert "think>" not in reply.thought


def _in_letters(script: str) -> list[list[int]]:
    """The script with its tags spelled in letters."""
    return [
        [MARKERS["<eos>"]] if part == "<eos>" else [ord(char) for char in part]
        for part in script.replace("<eos>", "\0<eos>\0").split("\0")
    ]


WORDS = {
    "in a block of code": "```xml\n<think>a</think>\n</think>\n```\n42",
    "between backticks": "Write `</think>` and then `<think>`.",
    "in a block with waves": "~~~~\n</think>\n~~~\n</think>\n~~~~\n",
}


@pytest.mark.parametrize("tags", [True, False])
@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
def test_tags_in_code_are_words(mode: dict, words: str, tags: bool) -> None:
    options = dict(mode)
    script = options.pop("before", "") + words + "<eos>"
    wanted = tokens(script) if tags else [t for part in _in_letters(script) for t in part]
    reply, _, _ = run(Script(wanted), options.pop("budget", "max"), tags=tags, **options)
    assert reply.answer == words


def test_a_tag_that_was_asked_for_is_a_word() -> None:
    for options in ({"raw": True}, {"opened": False}):
        reply, _, _ = run(
            "End it by </think>.<eos>", asked="What ends <think>? </think>?", **options
        )
        assert reply.answer == "End it by </think>."


# -- models that go on as their user --


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("opened", [True, False])
def test_the_beginning_of_another_turn_ends_a_reply(opened: bool, raw: bool) -> None:
    thought = "so</think>" if opened and not raw else ""
    machine = Script([*tokens(thought + "42"), USER])
    machine.wanted += tokens("And 43?")
    reply, _, _ = run(machine, opened=opened, raw=raw, ends=frozenset({USER}))
    assert reply.answer == "42"
    assert reply.receipt.answer_ended_by == "natural"
    assert USER not in machine.cache
    assert USER not in (*reply.ids, *reply.answer_ids)


def test_the_beginning_of_another_turn_inside_a_thought_closes_it() -> None:
    machine = Script([*tokens("so"), USER, *tokens("42<eos>")])
    reply, _, _ = run(machine, ends=frozenset({USER}))
    assert (reply.thought, reply.answer) == ("so\n", ANSWER + "42")
    assert USER not in machine.cache


def test_a_turn_that_begins_in_place_of_an_answer_is_refused_as_an_end_is() -> None:
    machine = Script([*tokens("so</think>"), USER, *tokens("42"), USER])
    reply, _, _ = run(machine, ends=frozenset({USER}))
    assert (reply.answer, machine.forbidden) == ("42", [USER])


def test_a_turn_in_words_ends_a_reply_and_an_empty_one_is_asked_for() -> None:
    reply, _, _ = run("so</think>42<|im_end|>\nmore", stops=("<|im_end|>",))
    assert reply.answer == "42"
    reply, _, _ = run("so</think><|im_end|>42<|im_end|>", stops=("<|im_end|>",))
    assert reply.answer == ANSWER + "42"


def test_a_turn_in_words_ends_a_thought_and_a_role_does_not() -> None:
    stops = ("<|im_end|>", "\nUser:")
    reply, _, _ = run("so\nUser: he<|im_end|>42<|im_end|>more", stops=stops)
    assert reply.thought.startswith("so\nUser: he")
    assert (reply.answer, reply.receipt.answer_asked) == (ANSWER + "42", "words")


def test_the_thought_of_a_budget_that_is_off_is_ours() -> None:
    reply, _, _ = run("42</think><eos>", "off", prefilled=True)
    assert (reply.thought, reply.answer) == (FINISHED + "\n", "42")


ASKED = "Put it within \\boxed{}."
WITHOUT_FINAL = ["First we add them up, and then we see it", "<step1>It is so.</step1>\n"]


@pytest.mark.parametrize("answer", WITHOUT_FINAL)
@pytest.mark.parametrize("tags", [True, False])
def test_behind_an_answer_without_the_box_that_was_asked_for_one_is_opened(answer, tags):
    script = Script(f"so.</think>{answer}<eos>42}}.<eos>")
    reply, events, _ = run(script, asked=ASKED, tags=tags)
    assert reply.answer == f"{answer.rstrip()}\n\n{ANSWER}{BOX}42}}."
    assert (reply.final, reply.receipt.final_from) == ("42", "answer")
    assert reply.receipt.answer_asked == "final"
    words = f"\n\n{ANSWER}{BOX}".removeprefix(answer[len(answer.rstrip()) :])
    assert reply.answer_injected == (Injection(len(answer), words),)
    assert shown(events) == reply.answer
    assert reply.answer_ids == (tuple(tokens(reply.answer)) if tags else ())


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        (f"so.</think>{WITHOUT_FINAL[0]}<eos>", "?"),
        ("so.</think>It is \\boxed{42}.<eos>", ASKED),
        ("so.</think>The final answer is 42.<eos>", ASKED),
        ("so.</think>42<eos>", ASKED),
    ],
)
def test_an_answer_that_has_its_final_or_was_asked_for_none_is_left_alone(text, asked):
    reply, _, _ = run(text + "more<eos>", asked=asked)
    assert reply.answer == text.partition("</think>")[2].removesuffix("<eos>")
    assert reply.receipt.answer_asked is None


def test_an_opened_box_is_not_left_empty() -> None:
    reply, _, machine = run(f"so.</think>{WITHOUT_FINAL[0]}<eos><eos>42}}<eos>", asked=ASKED)
    assert machine.forbidden == [MARKERS["<eos>"]]
    assert reply.final == "42"


# -- whatever a model writes --

PIECES = [
    *("<think>", "</think>", "</think>", "<eos>", "<eos>"),
    *("a", "b. ", " ", "\n", "\n\n", "`", "```\n", "é", "🙂", "\\boxed{", "}", "42"),
]


@given(
    pieces=st.lists(st.sampled_from([*PIECES, None]), max_size=40),
    budget=st.sampled_from(["max", "off", "0", "1", "3", "7", "20"]),
    mode=st.sampled_from([{}, {"opened": False}, {"closed": True}, {"raw": True}]),
    asked=st.sampled_from(["?", ASKED]),
)
@examples(400)
def test_whatever_a_model_writes_a_reply_keeps_its_promises(
    pieces: list[str | None], budget: str, mode: dict[str, bool], asked: str
) -> None:
    script = Script([])
    script.wanted = [t for piece in pieces for t in ([USER] if piece is None else _bytes(piece))]
    off = budget in {"off", "0"} and not mode
    options = {"prefilled": True} if off else mode
    reply, events, machine = run(script, budget, ends=frozenset({USER}), asked=asked, **options)
    assert reply.error is None
    assert shown(events) == reply.answer
    told = "".join(e.text for e in events if isinstance(e, (ThoughtText, InjectedText)))
    assert told == reply.thought
    most = Budget.parse(budget).tokens
    if most is not None and "raw" not in options:
        assert reply.receipt.thought_tokens <= most
    assert tuple(machine.cache[3 : 3 + len(reply.ids)]) == reply.ids
    assert not {USER, MARKERS["<eos>"]} & {*reply.ids, *reply.answer_ids}
    if "`" not in "".join(filter(None, pieces)) and ({"opened", "raw"} & {*options}) == set():
        assert "</think>" not in reply.answer
    for injection in reply.answer_injected:
        assert reply.answer.startswith(injection.text, injection.at)
    for injection in reply.injected:
        assert reply.thought.startswith(injection.text, injection.at)
    ended = reply.receipt.answer_ended_by == "natural" and reply.receipt.thought_ended_by
    if ended and not reply.answer.strip():
        assert reply.receipt.answer_asked == "words"


def _bytes(piece: str) -> list[int]:
    """A marker as its token, a text as tokens of a byte each: so characters are cut in two."""
    if piece in MARKERS:
        return [MARKERS[piece]]
    return list(piece.encode())


@pytest.mark.parametrize("asked", ["Put it within \\boxed{}.", "?"])
@pytest.mark.parametrize("tags", [True, False])
def test_behind_a_budget_a_model_without_tags_is_given_the_box_that_it_is_asked_for(asked, tags):
    script = Script("one two three four five six seven")
    script.wanted += tokens("42}<eos>")
    reply, events, _ = run(script, "4", asked=asked, tags=tags)
    assert reply.receipt.thought_ended_by == "budget"
    assert reply.receipt.thought_tokens <= 4
    if tags or asked == "?":
        assert not reply.answer.startswith(ANSWER)
        assert reply.receipt.answer_asked == (None if asked == "?" else "final")
    else:
        assert reply.answer.startswith(ANSWER + BOX)
        assert reply.receipt.answer_asked == "words"
        assert reply.answer_injected[0] == Injection(0, ANSWER + BOX)
    assert shown(events) == reply.answer
