"""Formats of thoughts on a server: framed here, as of llama-server; and recognised in chats."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from r1chat.engine.base import Continuation, Message
from r1chat.reasoning import formats
from r1chat.reasoning.formats import FORMATS, THINK, Format
from r1chat.reasoning.phrases import FINISHED, LANDING, WAIT
from tests.factory import CHATML
from tests.remote.helpers import asked, budget, events_of, opened, reply_of
from tests.remote.server import ModelServer
from tests.unit.test_formats import HELD_OUT, WRITTEN, sample

THOUGHT = [*(f" word{number}" for number in range(60)), "\n"]
ALL = (*FORMATS, *HELD_OUT)
every = pytest.mark.parametrize("format_", ALL, ids=lambda each: each.name)
unasked = [each for each in FORMATS if not each.sentences and each.opens != THINK.opens]


@pytest.fixture(autouse=True)
def own() -> Iterator[None]:
    """A user's own formats, as the settings have them."""
    formats.use(HELD_OUT)
    yield
    formats.use(())


@dataclass
class Llama(ModelServer):
    """A llama-server whose model has its own format."""

    owner: str = "llamacpp"
    context: int = 4096
    format: Format = field(default=THINK)

    @property
    def template(self) -> str:
        return (
            CHATML
            + "{{ "
            + repr(self.format.opening)
            + " }}"
            + "{# "
            + " ".join(self.format.markers)
            + " #}"
        )

    def _value(self, asked: Any) -> tuple[int, Any]:
        if asked.path == "/props":
            settings = {"n_ctx": self.context}
            return 200, {"default_generation_settings": settings, "chat_template": self.template}
        if asked.path == "/tokenize":
            text = asked.body["content"]
            parts = text if isinstance(text, list) else [text]
            return 200, {"tokens": [token for part in parts for token in self.tokens(part)]}
        return super()._value(asked)

    def tokens(self, text: str) -> list[int]:
        names = sorted((*self.format.pieces, "<|im_start|>", "<|im_end|>"), key=len, reverse=True)
        pattern = "|".join(map(re.escape, names)) + r"|\s?\w+|[^\w]"
        for name in (found := re.findall(pattern, text)):
            token = self._ids.setdefault(name, len(self._ids) + 1)
            self.vocabulary[token] = name
        return [self._ids[name] for name in found]

    def _rest(self, prompt: str) -> list[str]:
        written = prompt.rpartition(f"assistant\n{self.format.opening}")[2]
        if self.format.closes[0] in written:
            return [" 42"]
        closing = self.format.closing.removesuffix("\n\n")
        return [*THOUGHT, closing, " 42"]

    def prompts(self) -> list[str]:
        """What was to be gone on with, as text."""
        return [self.text_of(each.body["prompt"]) for each in self.completions()]


@pytest.fixture
def server(format_: Format) -> Iterator[Llama]:
    with Llama(format=format_) as running:
        yield running


@every
def test_a_thought_and_its_answer(server: Llama, format_: Format) -> None:
    engine = opened(server)
    assert engine.info.thinks
    reply = reply_of(engine, asked())
    assert reply.thought.strip() == "".join(THOUGHT).strip()
    assert reply.answer.strip() == "42"
    assert reply.receipt.ended_by == "natural"
    body = server.completions()[-1].body
    assert set(format_.pieces) <= set(body["preserved_tokens"])
    assert body["reasoning_budget_start_tag"] in format_.opens


@every
def test_a_budget_closes_it_in_its_own_way(server: Llama, format_: Format) -> None:
    reply = reply_of(opened(server), asked(**budget("20")))
    assert reply.receipt.thought_ended_by == "budget"
    assert reply.thought.endswith(f"{LANDING}\n")
    assert server.prompts()[-1].endswith(f"{LANDING}\n{format_.closing}")
    assert reply.answer.strip() == "42"


@every
def test_with_the_budget_off_it_thinks_nothing(server: Llama, format_: Format) -> None:
    reply = reply_of(opened(server), asked(**budget("off")))
    assert (reply.thought, reply.answer.strip()) == (f"{FINISHED}\n", "42")
    assert server.prompts()[-1].endswith(f"{format_.opening}{FINISHED}\n{format_.closing}")


@every
def test_it_is_gone_on_with(server: Llama, format_: Format) -> None:
    engine = opened(server)
    first = reply_of(engine, asked())
    second = reply_of(engine, asked(resume=Continuation(first, keep=6, words=WAIT)))
    assert second.thought.startswith(first.thought[:6] + WAIT)
    whole = events_of(engine, asked(resume=Continuation(first)))[-1]
    assert format_.closing in server.prompts()[-1]
    assert whole.thought == first.thought


@pytest.mark.parametrize("format_", [*unasked, *HELD_OUT], ids=lambda each: each.name)
def test_in_a_chat_it_is_recognised_as_it_streams(format_: Format) -> None:
    text, thought, answer = WRITTEN.get(format_.name) or sample(format_)
    deltas = [{"content": part} for part in re.findall(r".{1,3}", text, re.DOTALL)]
    with ModelServer(r1=False, chat=deltas, owner="me") as running:
        reply = reply_of(opened(running), asked())
    assert (reply.thought.rstrip(), reply.answer) == (thought.rstrip(), answer)


@dataclass
class Told(Llama):
    """A llama-server whose template is told how hard to think, and shows earlier thoughts."""

    @property
    def template(self) -> str:
        return (
            "{% if reasoning_effort is undefined %}{% set reasoning_effort = 'medium' %}{% endif %}"
            "{{ 'Effort ' + reasoning_effort }}{% for m in messages %}"
            "{{ '<think>' + m.reasoning_content + '</think>' if m.reasoning_content }}"
            "{{ m.content + '<|im_end|>' }}{% endfor %}<|im_start|>assistant\n<think>\n"
        )


def test_a_template_on_a_server_is_told_what_one_here_is() -> None:
    earlier = (Message("user", "One?"), Message("assistant", "1", thought="Hm, "))
    with Told() as server:
        engine = opened(server)
        for limit, effort in (("20", "low"), ("max", None)):
            request = asked("Two?", **budget(limit))
            request = replace(request, messages=(*earlier, *request.messages))
            assert reply_of(engine, request).receipt.effort == effort
            prompt = server.prompts()[-1]
            assert prompt.startswith(f"Effort {effort or 'medium'}")
            assert "<think>Hm,</think>1<|im_end|>Two?" in prompt
