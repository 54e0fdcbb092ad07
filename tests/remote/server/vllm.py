"""vLLM 0.32 as it answers: what it says of tokens, templates and counts, and what it refuses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from jinja2.sandbox import ImmutableSandboxedEnvironment

from r1chat.reasoning.formats import THINK, Format
from tests.factory import CHATML
from tests.remote.server.server import Asked, ModelServer, choice, event

NO_BUDGET = (
    "thinking_token_budget is set but reasoning_config is not configured. Please set "
    "--reasoning-parser and/or --reasoning-config to use thinking_token_budget."
)
NO_TEMPLATE = (
    "As of transformers v4.44, default chat template is no longer allowed, so you must provide a "
    "chat template if the tokenizer does not define one."
)
START = "<|im_start|>assistant\n"
OFF = ("/tokenize", False)
TURNS = ("<|im_start|>", "<|im_end|>", "<|endoftext|>")


def refusal(message: str, code: int = 400) -> dict[str, Any]:
    """An error as it sends it, by a status or in a stream."""
    kind = "BadRequestError" if code == 400 else "InternalServerError"
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


@dataclass
class Vllm(ModelServer):
    """The server; its model has ChatML's turns, and the thoughts of a format."""

    context: int = 4096
    template: str | None = CHATML
    """The model's own."""
    shows: bool = False
    """Whether it shows that, as with --enable-tokenizer-info-endpoint."""
    tokenizes: bool = True
    special: bool = False
    """Whether the markers of thoughts are special tokens."""
    format: Format = field(default=THINK)
    details: bool = False
    """As with --enable-prompt-tokens-details."""
    interval: int = 1
    """As with --stream-interval."""
    cached: int = 7

    def _value(self, asked: Asked) -> tuple[int, Any]:
        path, body = asked.path, asked.body
        if path == "/tokenizer_info" and self.shows:
            info = {"tokenizer_class": "Qwen2Tokenizer", "eos_token": TURNS[1]}
            return 200, info | {"chat_template": self.template}
        if path == "/detokenize" and self.tokenizes:
            return 200, {"prompt": self.text_of(body["tokens"])}
        if path in {"/detokenize", "/tokenizer_info"} or (path, self.tokenizes) == OFF:
            return 404, {"detail": "Not Found"}
        return super()._value(asked)

    def _tokenized(self, body: dict[str, Any]) -> tuple[int, Any]:
        if "messages" not in body:
            text = body["prompt"]
        elif self.template is None:
            return 400, refusal(NO_TEMPLATE)
        else:
            values = body.get("chat_template_kwargs", {})
            try:
                text = self.rendered(body["messages"], **values)
            except Exception as error:  # noqa: BLE001  (a template can raise anything)
                return 400, refusal(str(error))
        tokens = self.tokens(text)
        about = {"count": len(tokens), "max_model_len": self.context, "tokens": tokens}
        spelled = [self.vocabulary[token].replace("\n", "Ċ") for token in tokens]
        return 200, about | {"token_strs": spelled if body.get("return_token_strs") else None}

    def rendered(self, messages: list[dict[str, Any]], **values: Any) -> str:
        """A prompt, as the model's own template writes it."""

        def refuse(words: str) -> None:
            raise ValueError(words)

        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        environment.globals["raise_exception"] = refuse
        template = environment.from_string(self.template or "")
        return template.render(messages=messages, add_generation_prompt=True, **values)

    def tokens(self, text: str) -> list[int]:
        names = sorted((*self.format.pieces, *TURNS), key=len, reverse=True)
        pattern = "|".join(map(re.escape, names)) + r"|\s?\w+|[^\w]"
        for name in (found := re.findall(pattern, text)):
            token = self._ids.setdefault(name, len(self._ids) + 1)
            self.vocabulary[token] = name
        return [self._ids[name] for name in found]

    def prompts(self) -> list[str]:
        """What was to be gone on with, as text."""
        asked = (each.body.get("prompt") for each in self.completions())
        return [self.text_of(prompt) for prompt in asked if prompt is not None]

    def _rest(self, prompt: str) -> list[str]:
        written = prompt.rpartition(START)[2]
        close = self.format.closing.strip()
        ends = [at for at, token in enumerate(self.reply) if close in token]
        done = ""
        for at, token in enumerate(self.reply):
            if not written.startswith(done + token):
                return self.reply[ends[0] + 1 if ends and close in written else at :]
            done += token
            if done == written:
                return self.reply[at + 1 :]
        return []

    def _stream(self, body: dict[str, Any]) -> Iterator[bytes]:
        prompt = self.text_of(body["prompt"])
        size, rest = len(self.tokens(prompt)), self._rest(prompt)
        room = self.context - size
        limit = min(body.get("max_tokens") or 16, room)
        # The end of the reply is a token as well.
        cut = [*rest, ""][:limit]
        finish = "stop" if len(cut) > len(rest) else "length"
        options = body.get("stream_options") or {}
        hidden = body.get("skip_special_tokens", True)
        name = {"id": "cmpl-1", "object": "text_completion"}
        at, several = 0, range(body.get("n", 1))
        while at < len(cut):
            # The first goes out at once.
            end = at + self.interval if at else 1
            text = "".join(each for each in cut[at:end] if not (hidden and self._is_special(each)))
            at = min(end, len(cut))
            usage = {"usage": {"prompt_tokens": size, "completion_tokens": at}}
            for index in several:
                told = self._logprobs(cut[at - 1 : at]) if body.get("logprobs") else {}
                piece = choice(text, finish if at == len(cut) else None, index) | told
                known = usage if options.get("continuous_usage_stats") else {}
                yield event({**name, "choices": [piece], **known})
        if options.get("include_usage"):
            usage["usage"]["completion_tokens"] *= len(several)
            if self.details:
                usage["usage"]["prompt_tokens_details"] = {"cached_tokens": self.cached}
            yield event({**name, "choices": [], **usage})
        yield b"data: [DONE]\n\n"

    def _is_special(self, token: str) -> bool:
        return token in TURNS or (self.special and token in self.format.pieces)

    def _chat_stream(self, body: dict[str, Any]) -> Iterator[bytes]:
        if body.get("thinking_token_budget") is not None:
            yield event(refusal(NO_BUDGET))
            yield b"data: [DONE]\n\n"
            return
        if self.chat:
            yield from super()._chat_stream(body)
            return
        hidden = body.get("skip_special_tokens", True)
        deltas = [each for each in self.reply if not (hidden and self._is_special(each))]
        yield from _chatted(deltas)


def _chatted(texts: list[str]) -> Iterator[bytes]:
    for delta in ({"role": "assistant", "content": ""}, *({"content": text} for text in texts)):
        yield event({"id": "chatcmpl-1", "choices": [{"index": 0, "delta": delta}]})
    yield event({"choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}]})
    yield b"data: [DONE]\n\n"
