"""What each make of server is sent: a table, so that a change for one is none for another."""

from __future__ import annotations

import pytest

from r1chat.engine.remote import dialects
from r1chat.engine.remote.dialects import Dialect
from tests.remote.helpers import REPLY, asked, budget, opened, reply_of
from tests.remote.server import ModelServer
from tests.remote.server.vllm import Vllm
from tests.remote.test_formats_remote import Llama

USUAL = {"model", "stream", "temperature", "top_p", "seed"}
USAGE = {"stream_options"}
PENALTIES = {"repeat_penalty", "presence_penalty", "frequency_penalty"}
OWN = {
    "llama-server": {"timings_per_token", "return_progress", "cache_prompt"}
    | {"generation_prompt", "preserved_tokens", "reasoning_control"}
    | {f"reasoning_budget_{name}" for name in ("tokens", "start_tag", "end_tags", "message")},
    "vLLM": {"repetition_penalty", "add_special_tokens", "stop_token_ids"}
    | {"skip_special_tokens", "spaces_between_special_tokens"},
    "SGLang": {"repetition_penalty", "stop_token_ids", "skip_special_tokens"},
}
TAKES = {
    "llama-server": USUAL | {"prompt", "max_tokens", "top_k", "min_p"} | PENALTIES,
    "vLLM": USUAL | USAGE | {"prompt", "max_tokens", "top_k", "min_p"},
    "SGLang": USUAL | USAGE | {"prompt", "max_tokens", "top_k", "min_p"},
    "llama-cpp-python": USUAL | {"prompt", "max_tokens", "top_k", "min_p", "repeat_penalty"},
    "Ollama": USUAL | USAGE | {"messages", "reasoning_effort"},
    "LM Studio": USUAL | {"messages", "reasoning_effort"},
    "OpenAI": USUAL | {"messages", "reasoning_effort"},
}
"""The fields of the request for a reply with a thought, whose budget has 20 tokens."""
SERVERS = {
    "llama-server": Llama,
    "vLLM": lambda: Vllm(["<think>", *REPLY]),
    "SGLang": lambda: ModelServer(REPLY, owner="sglang"),
    "llama-cpp-python": lambda: LlamaCpp(REPLY, owner="me"),
    "Ollama": lambda: Chats(owner="library"),
    "LM Studio": lambda: Chats(owner="organization_owner"),
    "OpenAI": lambda: Chats(owner="openai"),
}


class Chats(ModelServer):
    """A server that chats and does nothing else."""

    def _value(self, asked):
        if asked.path == "/api/version" and self.owner == "library":
            return 200, {"version": "0.30.0"}
        return super()._value(asked)

    def _chat_stream(self, body):
        self.chat = [{"content": "42"}]
        return super()._chat_stream(body)


class LlamaCpp(ModelServer):
    """llama-cpp-python's, which begins each text with a token of its own."""

    def _value(self, asked):
        if asked.path == "/extras/tokenize":
            return 200, {"tokens": [0, *self.tokens(asked.body["input"])]}
        return super()._value(asked)


@pytest.mark.parametrize("make", TAKES)
def test_a_make_of_server_is_sent_what_it_takes(make: str) -> None:
    with SERVERS[make]() as server:
        reply_of(opened(server), asked(**budget("20")))
        body = server.completions()[0].body
        paths = {each.path for each in server.asked if "/completions" not in each.path}
    assert set(body) == TAKES[make] | OWN.get(make, set())
    assert make == "llama-server" or body.get("max_tokens", 0) is not None
    # What is asked about prompts goes to makes that answer it.
    known = {
        "llama-server": {"/props", "/tokenize"},
        "vLLM": {"/version", "/tokenize", "/detokenize", "/tokenizer_info"},
        "SGLang": {"/get_model_info", "/tokenize"},
        "llama-cpp-python": {"/extras/tokenize"},
    }
    probes = {each.proof for each in dialects.KNOWN if each.proof}
    assert paths <= {"/v1/models", *known.get(make, probes)}


@pytest.mark.parametrize("dialect", [*dialects.KNOWN, dialects.UNKNOWN], ids=lambda each: each.name)
def test_a_text_that_is_completed_is_sent_no_more(dialect: Dialect) -> None:
    assert not set(dialect.shown) & {*dialect.plain, *dialect.completion, *dialect.extra}
