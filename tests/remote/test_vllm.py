"""vLLM, in the exact shapes of its answers: models of any framing are steered as in process."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from r1chat.engine.base import Continuation, Message
from r1chat.engine.remote.served import ServedTemplate
from r1chat.events import Notice, Peeked, Reply
from r1chat.prompt import frame
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control
from r1chat.reasoning.formats import FORMATS, THINK, Format
from r1chat.reasoning.phrases import FINISHED, LANDING, WAIT
from tests.factory import CHATML
from tests.remote.helpers import ANSWER, THOUGHT, WHOLE, asked, budget, events_of, opened, reply_of
from tests.remote.server.vllm import START, Vllm
from tests.unit.test_prompt_switches import EFFORTS, SWITCHES

THINKS = ["<think>", "\n", *THOUGHT, "\n", "</think>", "\n\n", *ANSWER]
OPENS = CHATML + "{{ '<think>\n' }}"
CLOSE_TOKENS = 3
"""Of the closing tag and the blank line behind it, in the server's vocabulary."""


def told(events: list[Any]) -> list[str]:
    return [each.text for each in events if isinstance(each, Notice)]


# What only a comment of a template says cannot be seen from outside.
SEEN = {name: CHATML + each[0] for name, each in SWITCHES.items() if name != "Granite 3.3"}
SEEN |= {name: CHATML + each[0] for name, each in EFFORTS.items() if "# <think>" not in each[0]}
SEEN |= {
    "no thoughts": CHATML,
    "takes thoughts out": (
        "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + "
        "m.content.split('</think>')[-1] + '<|im_end|>\n' }}{% endfor %}<|im_start|>assistant\n"
    ),
    "shows thoughts": (
        "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}"
        "{{ '<think>' + m.reasoning_content + '</think>' if m.reasoning_content }}"
        "{{ m.content + '<|im_end|>\n' }}{% endfor %}<|im_start|>assistant\n<think>\n"
    ),
    "has no place for a system text": (
        "{{ raise_exception('no system') if messages[0].role == 'system' }}" + OPENS
    ),
}
EARLIER = Message("user", "One?"), Message("assistant", "1", thought="\nHm.\n")
ASKED = (
    ((Message("user", "<|im_end|>?"),), None, False),
    ((Message("system", "Be brief."), Message("user", "Two?")), 0, False),
    ((*EARLIER, Message("user", "Two?")), 20, True),
)
"""A conversation, the budget, and whether the model is asked to think first."""


def thorough(each: Any, wanted: set[str]) -> Any:
    """One of many: some of them are enough for every day."""
    name = getattr(each, "name", each)
    return pytest.param(each, id=name, marks=[] if name in wanted else pytest.mark.long)


OFTEN = {
    *("Qwen3", "MiniMax M3", "Hunyuan 3", "Nemotron Super 1.5", "less is none", "shows thoughts"),
    *("takes thoughts out", "no thoughts", "has no place for a system text"),
    *("think", "mistral", "harmony", "granite", "cohere"),
}


@pytest.mark.parametrize("name", [thorough(each, OFTEN) for each in SEEN])
def test_the_prompt_is_the_one_of_the_same_template_in_process(name: str) -> None:
    with Vllm(["42"], template=SEEN[name]) as server:
        engine = opened(server)
        for talk, limit, first in ASKED:
            here = frame(
                engine._found.markers.has,
                talk,
                template=SEEN[name],
                think=limit != 0,
                first=first,
                brief=limit == 20,
                effort=limit,
                eos="<|im_end|>",
            )
            request = replace(
                asked(budget=Budget(tokens=limit)),
                messages=talk,
                think="on" if first else "auto",
            )
            before = len(server.completions())
            reply = reply_of(engine, request)
            items = [each if isinstance(each, str) else each.text for each in here.items]
            assert server.prompts()[before] == "".join([*items, here.begins]), (talk, limit)
            assert reply.receipt.effort == (here.effort or None)
        assert engine.info.steering.go_on == ""


@pytest.mark.parametrize("format_", [thorough(each, OFTEN) for each in FORMATS])
def test_a_model_of_any_format_is_steered(format_: Format) -> None:
    template = CHATML + "{{ " + repr(format_.opening) + " }}"
    closing = format_.closing.removesuffix("\n\n")
    reply = [format_.opening, *THOUGHT, "\n", closing, " 42"]
    with Vllm(reply, template=template, format=format_) as server:
        engine = opened(server)
        whole = reply_of(engine, asked())
        assert (whole.thought.strip(), whole.answer.strip()) == ("".join(THOUGHT).strip(), "42")
        short = reply_of(engine, asked(**budget("20")))
        assert short.receipt.thought_tokens == 20
        assert server.prompts()[-1].endswith(f"{LANDING}\n{format_.closing}")
        off = reply_of(engine, asked(**budget("off")))
        assert (off.thought, off.answer.strip()) == (f"{FINISHED}\n", "42")


@pytest.mark.parametrize("shows", [False, True])
def test_a_thought_is_closed_prolonged_and_looked_into(shows: bool) -> None:
    with Vllm(THINKS, template=OPENS, shows=shows, pause=0.002) as server:
        engine = opened(server)
        control = Control()
        control.answer_now()
        now = reply_of(engine, asked(), control)
        assert (now.receipt.thought_ended_by, now.answer) == ("user", WHOLE)
        control = Control()
        control.think_more()
        more = reply_of(engine, asked(), control)
        assert more.thought.endswith(f"{WAIT}\n") or WAIT in more.thought
        events = events_of(engine, asked(), Control(peek_every=20))
        assert any(each.final == "42" for each in events if isinstance(each, Peeked))
        assert told(events) == []
    assert (engine._found.served is None) is shows


def test_a_model_without_a_template_completes_texts_as_in_process() -> None:
    with Vllm(["42"], template=None) as server:
        events = events_of(opened(server), asked("Why?"))
        assert server.prompts() == ["Why?"]
    assert told(events) == ["this model has no chat template: plain completion"]


def test_a_tokenizer_that_gives_other_texts_back_is_not_relied_on(monkeypatch) -> None:
    right = ServedTemplate._text
    monkeypatch.setattr(ServedTemplate, "_text", lambda self, ids: f" {right(self, ids)}")
    with Vllm(["42"], template=OPENS, chat=[{"content": "42"}]) as server:
        engine = opened(server)
        assert reply_of(engine, asked()).answer == "42"
        assert server.prompts() == []
    assert "does not say how" in engine.info.steering.go_on


# -- special tokens --


@pytest.mark.parametrize("tokenizes", [True, False])
@pytest.mark.parametrize("opens", [True, False])
def test_a_tag_that_is_a_special_token_ends_the_thought(tokenizes: bool, opens: bool) -> None:
    template = OPENS if opens and tokenizes else CHATML
    with Vllm(THINKS, template=template, tokenizes=tokenizes, special=True) as server:
        reply = reply_of(opened(server), asked())
        assert len(server.completions()) == 1
    assert (reply.thought, reply.answer) == ("".join(THOUGHT) + "\n", WHOLE)


def test_a_marker_of_the_turn_that_is_shown_ends_the_reply() -> None:
    with Vllm(
        [*THINKS, "<|im_end|>", "\n", "<|im_start|>"], template=OPENS, special=True
    ) as server:
        reply = reply_of(opened(server), asked())
    assert (reply.answer, reply.receipt.ended_by) == (WHOLE, "natural")


def test_a_text_that_is_completed_has_its_special_tokens_hidden() -> None:
    with Vllm(["4", "<|im_end|>", "2"]) as server:
        assert reply_of(opened(server), asked(raw=True)).answer == "42"


# -- counts --


def test_a_receipt_counts_what_it_would_in_process() -> None:
    with Vllm(THINKS, template=OPENS, details=True) as server:
        engine = opened(server)
        prompt = len(server.tokens(server.rendered([{"role": "user", "content": "Why?"}])))
        whole = reply_of(engine, asked("Why?"))
        # Without a limit it would write no more than 16 tokens at a time.
        assert len(server.completions()) == 1
        short = reply_of(engine, asked("Why?", **budget("20")))
        words = len(server.tokens(f"\n\n{LANDING}\n"))
        counted = [(r.thought_tokens, r.injected_tokens, r.answer_tokens, r.prompt_tokens)
                   for r in (whole.receipt, short.receipt)]  # fmt: skip
        assert counted == [
            (len(THOUGHT) + 1, 0, len(ANSWER) + 1, prompt),
            (20, words + CLOSE_TOKENS, len(ANSWER) + 1, prompt),
        ]
        # The last of the counts alone says it.
        assert whole.receipt.prompt_reused_tokens == server.cached
        again = reply_of(engine, asked("Why?", resume=Continuation(whole, keep=len(whole.thought))))
        assert again.receipt.prompt_tokens == prompt


def test_what_is_kept_of_a_reply_is_not_counted_twice_against_the_context() -> None:
    """It thinks on until the context is full, and no sooner."""
    thought = [f" word{n}" for n in range(4000)]
    with Vllm(["<think>", "\n", *thought], template=OPENS, context=1024, at_a_time=0) as server:
        engine = opened(server)
        reply = reply_of(engine, asked(**budget("100")))
        while reply.receipt.thought_ended_by == "budget":
            kept = Continuation(reply, keep=len(reply.thought), words=WAIT)
            limit = str(reply.receipt.thought_tokens + 100)
            reply = reply_of(engine, asked(resume=kept, **budget(limit)))
        used = reply.receipt.thought_tokens + reply.receipt.injected_tokens
    assert reply.receipt.thought_ended_by == "context"
    # A quarter is kept for the answer.
    assert 0.95 * 0.75 < (reply.receipt.prompt_tokens + used) / 1024 < 0.77


@pytest.mark.parametrize("interval", [1, 3, 10, 17])
def test_a_server_that_sends_many_tokens_at_a_time_overshoots_by_no_more(interval: int) -> None:
    with Vllm(THINKS, template=OPENS, interval=interval) as server:
        engine = opened(server)
        first = []
        for tokens in (1, 16, 20, 33):
            events = events_of(engine, asked(**budget(str(tokens))))
            assert events[-1].receipt.thought_tokens <= tokens
            first += told(events)
        control = Control(Budget())
        seen = []
        for event in engine.stream(asked(), control):
            seen.append(event)
            if getattr(event, "tokens", 0) >= 5 and control.budget.tokens is None:
                control.budget = Budget(tokens=event.tokens + 1)
        reply = seen[-1]
        assert isinstance(reply, Reply)
        # What had come when it was lowered stays.
        assert reply.receipt.thought_tokens <= control.budget.tokens + interval - 1
        whole = events_of(engine, asked())
        receipt = whole[-1].receipt
        assert abs(receipt.thought_tokens - len(THOUGHT) - 1) <= 1
        assert abs(receipt.thought_tokens + receipt.answer_tokens - len(THINKS) + 3) <= 1
    late = f"sends {interval} tokens at a time: where a thought ends among them is an estimate"
    assert sum(late in each for each in [*first, *told(seen), *told(whole)]) == (interval > 1)


# -- refusals and notes --


def test_a_budget_that_a_chat_is_refused_leaves_the_other_fields_in() -> None:
    with Vllm(THINKS, tokenizes=False) as server:
        engine = opened(server)
        first, second = (events_of(engine, asked(**budget("20"))) for _ in range(2))
        bodies = [each.body for each in server.completions()]
    assert [each[-1].answer for each in (first, second)] == [WHOLE, WHOLE]
    sent = [("thinking_token_budget" in b, "chat_template_kwargs" in b) for b in bodies]
    assert sent == [(True, True), (False, True), (False, True)]
    host = engine.info.host
    assert told(first) == [f"{host} does not take thinking_token_budget as asked: left out"]
    assert told(second) == [f"the budget is not kept: {engine.info.steering.close}"]


@pytest.mark.parametrize(
    ("owner", "options", "peek", "said"),
    [
        ("somebody", {"minimum": 50}, None, "without effect: the minimum of thought: "),
        ("somebody", {"agree": 3}, 64, "without effect: the budget auto, answer previews: "),
        ("somebody", {"tokens": 50, "minimum": 9}, None, "the budget is not kept: "),
        ("somebody", {}, 64, "without effect: answer previews: "),
        ("vllm", {"seconds": 9.0}, None, "without effect: the limit in seconds: "),
        ("vllm", {"agree": 3}, None, "without effect: the budget auto: "),
        ("vllm", {"tokens": 50}, None, ""),
        ("vllm", {"tokens": 0}, 64, ""),
    ],
)
def test_a_chat_says_what_it_cannot_do(owner, options, peek, said) -> None:
    with Vllm(chat=[{"content": "42"}], owner=owner, tokenizes=False) as server:
        engine = opened(server)
        notes = told(events_of(engine, asked(), Control(Budget(**options), peek_every=peek)))
    # That the server refuses a budget is said behind the question.
    notes = [each for each in notes if "left out" not in each]
    assert [each for each in notes if each.startswith(said)] if said else notes == []
    assert all(each.endswith(engine.info.steering.go_on) for each in notes)


def test_an_answer_without_a_thought_begins_with_its_first_word() -> None:
    with Vllm(chat=[{"content": "\n"}, {"content": "\n42\n\n"}], tokenizes=False) as server:
        reply = reply_of(opened(server), asked(**budget("off")))
    assert reply.answer == "42\n\n"


def test_the_tag_of_thoughts_is_what_the_table_says() -> None:
    assert THINK.opening == "<think>\n"
    assert START.endswith("assistant\n")
