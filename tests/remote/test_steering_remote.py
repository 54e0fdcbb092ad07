"""Thoughts that a server writes are steered as in this process, or that is refused in one line."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace

import pytest

from r1chat import load
from r1chat.engine.base import Continuation
from tests.program import run
from tests.remote.helpers import asked, budget, reply_of
from tests.remote.server import ModelServer

CHAT = [{"role": "assistant"}, {"reasoning": "hm"}, {"content": "It is 42"}]


@pytest.mark.parametrize("sentence", ["Enough.", ""])
def test_a_thought_is_closed_with_the_sentence_that_was_asked_for(engine, sentence):
    whole = reply_of(engine, asked(**budget("max")))
    keep = whole.thought.index("\n") + 1
    cut = Continuation(whole, keep, close=True, closing=sentence)
    request = asked(resume=cut, **budget("max"))
    remote = reply_of(engine, request)
    with closing(load("tiny")) as here:
        local = reply_of(here, replace(request, resume=replace(cut, reply=whole)))
    written = f"\n{sentence}\n" if sentence else ""
    assert remote.thought == local.thought == whole.thought[:keep] + written
    assert remote.answer == local.answer


def test_thoughts_on_a_server_are_steered(llama_cpp_url, tmp_path):
    (tmp_path / "q.jsonl").write_text(
        '{"problem": "What is 44 + 41?", "answer": "85"}', encoding="utf-8"
    )
    (tmp_path / "s.jsonl").write_text(
        '{"kind": "nothing"}\n{"kind": "stop", "words": "Enough."}', encoding="utf-8"
    )
    argv = ("--steer", tmp_path / "s.jsonl", "-m", f"{llama_cpp_url}#tiny", "--format", "json")
    code, out, err = run("eval", tmp_path / "q.jsonl", *argv, "--temperature", "0")
    assert code == 0, err
    found = json.loads(out)
    same, stopped = found["steering"]["rows"]
    assert (same["pairs"], same["changed"]["value"]) == (1, 0)
    assert stopped["thought_tokens"] < same["thought_tokens"]


def test_a_server_whose_thoughts_cannot_be_continued_is_refused(tmp_path):
    with ModelServer(owner="somebody", chat=CHAT) as server:
        model = ("-m", f"{server.url}#m", "-o", tmp_path / "results.jsonl")
        code, out, err = run("eval", "--limit", "1", "--steer", "default", *model)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "--steer: " in err
