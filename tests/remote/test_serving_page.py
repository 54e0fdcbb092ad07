"""docs/serving.md says what r1chat does on each make of server; it must not say anything else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from r1chat.engine.remote import dialects
from r1chat.engine.remote.engine import _describe
from r1chat.engine.remote.finding import Found
from r1chat.engine.remote.link import Link
from r1chat.engine.remote.markers import Markers, Tokenizer
from r1chat.engine.remote.server import Server
from r1chat.reasoning.control import Control
from tests.factory import CHATML
from tests.remote.helpers import REPLY, asked, budget, opened
from tests.remote.server import ModelServer
from tests.remote.server.server import Asked
from tests.remote.server.vllm import Vllm

PAGE = Path(__file__).parents[2] / "docs" / "serving.md"


def table(first: str) -> list[dict[str, str]]:
    """The rows of the page's table whose first column has this head."""
    lines = iter(PAGE.read_text("utf-8").splitlines())
    head = next(line for line in lines if line.startswith(f"| {first} |"))
    names = cells(head)
    next(lines)
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append(dict(zip(names, cells(line), strict=True)))
    return rows


def cells(line: str) -> list[str]:
    return [each.strip() for each in line.strip().strip("|").split("|")]


MAKES = {each.name: each for each in dialects.KNOWN} | {"any other": dialects.UNKNOWN}
SILENT = "vLLM that does not tokenise"
STEERED = table("server")


def test_every_make_that_is_known_has_a_row():
    assert {make(row) for row in STEERED} == {*MAKES, SILENT}


def make(row: dict[str, str]) -> str:
    """The make that a row is about, without the models for which it holds."""
    return row["server"].partition(",")[0]


@pytest.mark.parametrize("row", STEERED, ids=lambda row: row["server"])
def test_the_page_says_what_can_be_steered_on_a_make_of_server(row):
    dialect = dialects.VLLM if make(row) == SILENT else MAKES[make(row)]
    server = Server("http://h/v1")
    tokenizes = dialect.tokenize and make(row) != SILENT
    # A model with R1's markers: whatever is asked about is one token.
    found = Found(
        server,
        dialect,
        "m",
        markers=Markers((lambda text: [1] * bool(text)) if tokenizes else None),
        tokenizer=Tokenizer(Link(server), dialect, "m") if tokenizes else None,
    )
    steering = _describe(found, None, 0.0).steering
    way = "chat" if steering.close else "completions"
    if not steering.close:
        way += ", tokens" if dialect.takes_tokens else ", text"
    assert row["goes by"] == way
    grey = {name: value.startswith("grey") for name, value in row.items()}
    assert grey["budget in tokens"] == bool(steering.budget)
    assert grey["in seconds, answer now"] == bool(steering.close)
    assert grey["think more, steer, go on, peek"] == bool(steering.go_on)
    assert bool(steering.go_on) == bool(steering.peek)
    if grey["budget in tokens"]:
        assert ("`off`" in row["budget in tokens"]) == bool(not steering.off)
    own = "reasoning_budget_tokens" if dialect.forces else ""
    field = dialect.chat_budget if steering.close else own
    assert set(re.findall(r"`(\w+)`", row["budget in tokens"])) - {"off", "max"} == {field} - {""}
    several = row["`-n`"]
    if dialect.interrupts:
        assert several.startswith("one after another")
    else:
        assert several.startswith("in one request") == (dialect.several and not steering.close)
        numbers = re.findall(r"\d+", several) or [str(dialect.parallel)]
        assert numbers == [str(dialect.parallel)]


ON_VLLM = {
    "R1, its distills, and others with its markers": lambda: ModelServer(REPLY),
    "any other with a chat template": lambda: Vllm(REPLY, template=OPENS),
    "one without a template": lambda: Vllm(["42"], template=None),
    "one whose tokens, as text, give other tokens": lambda: Garbling(chat=[{"content": "42"}]),
    "any, behind a gateway that passes no `/tokenize` on": lambda: Vllm(
        chat=[{"content": "42"}], tokenizes=False
    ),
}
OPENS = CHATML + "{{ '<think>\n' }}"


class Garbling(Vllm):
    """One whose texts are not those of its tokens."""

    def text_of(self, prompt):
        return super().text_of(prompt).replace("user", "us er")


@pytest.mark.parametrize("row", table("model on vLLM"), ids=lambda row: row["model on vLLM"])
def test_the_page_says_which_models_are_steered_on_vllm(row):
    with ON_VLLM[row["model on vLLM"]]() as server:
        engine = opened(server)
        request = asked(**budget("20"))
        *_, reply = engine.stream(request, Control(request.budget))
        paths = {each.path.rpartition("/v1")[2] for each in server.completions()}
    assert reply.error is None
    way = row["goes by"].partition(",")[0]
    assert paths == {"/chat/completions" if way == "chat" else "/completions"}
    steered = row["thoughts are steered"].startswith("yes")
    assert (reply.receipt.thought_ended_by == "budget") == steered
    if steered:
        framed = any("messages" in (each.body or {}) for each in server.asked if not is_chat(each))
        assert framed == ("/tokenize" in row["framing from"])
    if way == "chat":
        # One without a parser for reasoning refuses it.
        assert "`thinking_token_budget`" in row["thoughts are steered"]
        assert any("thinking_token_budget" in each.body for each in server.completions())


def is_chat(request: Asked) -> bool:
    return request.path.endswith("/chat/completions")
