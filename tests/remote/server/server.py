"""Speaks the protocol of OpenAI's completions over real sockets; a thread for each connection.

Its "model" has one reply, a list of tokens, and goes on with it wherever the prompt has come to.
"""

from __future__ import annotations

import json
import math
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tests.remote.server.faults import Fault

NO_LINGER = struct.pack("ii", 1, 0)
MARKERS = ("<｜begin▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>", "<｜end▁of▁sentence｜>")
TAGS = ("<think>", "</think>")
_TOKEN = re.compile("|".join(map(re.escape, (*MARKERS, *TAGS))) + r"|\s?\w+|[^\w]", re.DOTALL)


def marked(tokens: list[int], vocabulary: dict[int, str]) -> list[str]:
    """The markers among some tokens."""
    return [name for token in tokens if (name := vocabulary[token]) in (*MARKERS, *TAGS)]


@dataclass
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    sent: int = 0
    """Bytes of the answer's body that went out."""


@dataclass
class ModelServer:
    """The server; listens from `__enter__` to `__exit__`.

    Args:
        reply: What its model writes, a token a string.
        owner: What it says about who owns its models; decides which make it is taken for.
        models: Their names.
        pause: Seconds between tokens.
        tls: Encrypts, where there is one.
        chat: The deltas of a chat, in place of a reply that is split.
        key: The key that it wants, if it wants one.
        r1: Whether its vocabulary has R1's markers.
        context: Tokens of context; 0 says nothing of it.
        at_a_time: Tokens that it writes for one request; 0 for any number.
    """

    reply: list[str] = field(default_factory=list)
    owner: str = "vllm"
    models: tuple[str, ...] = ("m",)
    pause: float = 0.0
    tls: ssl.SSLContext | None = None
    chat: list[dict[str, Any]] = field(default_factory=list)
    key: str | None = None
    r1: bool = True
    context: int = 0
    at_a_time: int = 0
    lists_logprobs: bool = False
    """Whether it says how sure it is as chats do, an object a token."""
    port: int = 0
    """Where it listens; 0 for any free port."""

    def __post_init__(self) -> None:
        self.faults: list[Fault] = []
        self.asked: list[Asked] = []
        self.vocabulary: dict[int, str] = {}
        self.gone = threading.Event()
        """Set once a client has left in the middle of an answer."""
        self._ids: dict[str, int] = {}
        self._closing = threading.Event()
        self._socket = socket.socket()
        self._connections: set[socket.socket] = set()

    @property
    def url(self) -> str:
        scheme = "http" if self.tls is None else "https"
        return f"{scheme}://127.0.0.1:{self._socket.getsockname()[1]}/v1"

    def __enter__(self) -> ModelServer:  # noqa: PYI034 - Self is in typing from Python 3.11 on
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", self.port))
        self._socket.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def completions(self) -> list[Asked]:
        """What was asked of the model."""
        return [each for each in self.asked if each.path.endswith("/completions")]

    # -- connections --

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connections.add(connection)
        try:
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
            asked = _read(connection)
            if asked is not None:
                self.asked.append(asked)
                self._answer(connection, asked)
        except (OSError, ValueError):
            self.gone.set()
        finally:
            self._connections.discard(connection)
            with suppress(OSError):
                connection.close()

    def _answer(self, connection: socket.socket, asked: Asked) -> None:
        fault = self._fault(asked)
        if fault is not None and fault.how and fault.after is None:
            self._break(connection, fault)
            return
        if fault is not None and fault.status is not None:
            _head(connection, fault.status, "application/json", fault.headers, len(fault.body))
            connection.sendall(fault.body)
            return
        if self.key is not None and asked.headers.get("authorization") != f"Bearer {self.key}":
            body = b'{"error": {"message": "Invalid API key"}}'
            _head(connection, 401, "application/json", {}, len(body))
            connection.sendall(body)
            return
        status, value = self._value(asked)
        if isinstance(value, (dict, list)):
            body = json.dumps(value).encode()
            _head(connection, status, "application/json", {}, len(body))
            connection.sendall(body)
            return
        parts = iter([fault.raw]) if fault is not None and fault.raw is not None else value
        headers = fault.headers if fault else {}
        _head(connection, status, fault.kind if fault else "text/event-stream", headers, None)
        self._send(connection, asked, parts, fault)

    def _fault(self, asked: Asked) -> Fault | None:
        for fault in self.faults:
            meant = not fault.when or fault.when in (asked.body or {})
            if fault.times and meant and asked.path.endswith(fault.on):
                fault.times -= 1
                return fault
        return None

    def _send(
        self, connection: socket.socket, asked: Asked, parts: Iterator[bytes], fault: Fault | None
    ) -> None:
        for part in parts:
            data = part
            if fault is not None and fault.after is not None:
                data = part[: max(0, fault.after - asked.sent)]
            connection.sendall(data)
            asked.sent += len(data)
            if fault is not None and fault.after is not None and asked.sent >= fault.after:
                self._break(connection, fault)
                return
            if self.pause:
                self._closing.wait(self.pause)

    def _break(self, connection: socket.socket, fault: Fault) -> None:
        if fault.how == "stall":
            # Until the client leaves, or the test ends.
            connection.settimeout(0.05)
            while not self._closing.is_set():
                with suppress(TimeoutError):
                    if not connection.recv(1):
                        self.gone.set()
                        return
        elif fault.how == "reset":
            # What was sent has to arrive first.
            time.sleep(0.02)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)

    # -- what it says --

    def _value(self, asked: Asked) -> tuple[int, Any]:  # noqa: PLR0911  (one for each address)
        path, body = asked.path, asked.body
        if path.endswith("/models"):
            about = {"object": "model", "owned_by": self.owner}
            about |= {"max_model_len": self.context} if self.context else {}
            data = [{"id": name, **about} for name in self.models]
            return 200, {"object": "list", "data": data}
        if path == "/version" and self.owner == "vllm":
            return 200, {"version": "0.0.0-test"}
        if path == "/get_model_info" and self.owner == "sglang":
            return 200, {"model_path": "m"}
        if path == "/tokenize" and self.owner in {"vllm", "sglang"}:
            return self._tokenized(body)
        if path.endswith("/chat/completions"):
            return 200, self._chat_stream(body)
        if path.endswith("/completions"):
            if not body.get("stream"):
                found = choice("42}", "stop")
                told = self._logprobs(["42", "}", " and"]) if body.get("logprobs") else {}
                return 200, {"choices": [found | told]}
            if self.owner == "sglang" and self.context:
                asked_for = len(body["prompt"]) + body["max_tokens"]
                if asked_for > self.context:
                    words = f"Requested token count exceeds the context length of {self.context}"
                    return 400, {"error": {"message": words}}
            return 200, self._stream(body)
        return 404, {"error": {"message": f"no {path}"}}

    def _tokenized(self, body: dict[str, Any]) -> tuple[int, Any]:
        if "messages" in body:
            # Texts alone.
            return 400, {"error": {"message": "prompt: Field required", "code": 400}}
        tokens = self.tokens(body["prompt"])
        return 200, {"tokens": tokens, "count": len(tokens)}

    def tokens(self, text: str) -> list[int]:
        """Tokenises: markers and words, else single characters."""
        found = [match[0] for match in _TOKEN.finditer(text)] if self.r1 else list(text)
        for name in found:
            token = self._ids.setdefault(name, len(self._ids) + 1)
            self.vocabulary[token] = name
        return [self._ids[name] for name in found]

    def text_of(self, prompt: str | list[int]) -> str:
        """A prompt as text."""
        if isinstance(prompt, str):
            return prompt
        return "".join(self.vocabulary[token] for token in prompt)

    def _stream(self, body: dict[str, Any]) -> Iterator[bytes]:
        prompt = self.text_of(body["prompt"])
        rest = self._rest(prompt)
        limit = body.get("max_tokens")
        cut = rest[: min(limit or len(rest), self.at_a_time or len(rest))]
        count = len(self.tokens(prompt))
        several = range(body.get("n", 1))
        for number, token in enumerate(cut, 1):
            usage = {"prompt_tokens": count, "completion_tokens": number}
            for index in several:
                told = self._logprobs([token]) if body.get("logprobs") else {}
                yield event({"choices": [choice(token, None, index) | told], "usage": usage})
        reason = "stop" if len(cut) == len(rest) else "length"
        for index in several:
            yield event({"choices": [choice("", reason, index)]})
        yield b"data: [DONE]\n\n"

    def _logprobs(self, tokens: list[str]) -> dict[str, Any]:
        """How sure it is of tokens: by one half."""
        if self.lists_logprobs:
            content = [{"token": token, "logprob": math.log(0.5)} for token in tokens]
            return {"logprobs": {"content": content}}
        logprobs = [math.log(0.5)] * len(tokens)
        return {"logprobs": {"tokens": tokens, "token_logprobs": logprobs, "text_offset": [0]}}

    def _rest(self, prompt: str) -> list[str]:
        """What of the reply is still to come behind a prompt."""
        written = prompt.rpartition("<｜Assistant｜><think>\n")[2]
        done = ""
        for at, token in enumerate(self.reply):
            if done == written:
                return self.reply[at:]
            if not written.startswith(done + token):
                # Other words stand there: a closed thought gets the answer.
                closes = "</think>" in written and "</think>" in self.reply
                return self.reply[self.reply.index("</think>") + 1 :] if closes else self.reply[at:]
            done += token
        return []

    def _chat_stream(self, body: dict[str, Any]) -> Iterator[bytes]:
        limit = body.get("max_tokens")
        for delta in self.chat[:limit]:
            yield event({"id": "c", "choices": [{"index": 0, "delta": delta}]})
        reason = "stop" if limit is None or limit >= len(self.chat) else "length"
        yield event({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
        yield b"data: [DONE]\n\n"


def event(value: Any) -> bytes:
    """An event of a stream."""
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def choice(text: str, reason: str | None = None, index: int = 0) -> dict[str, Any]:
    """A piece of a reply."""
    return {"index": index, "text": text, "finish_reason": reason}


def _read(connection: socket.socket) -> Asked | None:
    data = b""
    while b"\r\n\r\n" not in data:
        if data.startswith(b"\x16\x03"):
            # TLS, where none is spoken.
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            return None
        more = connection.recv(65536)
        if not more:
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {k.lower(): v.strip() for k, _, v in (each.partition(":") for each in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(65536)
    return Asked(method, path, headers, json.loads(body) if body else None)


def _head(
    connection: socket.socket, status: int, kind: str, headers: dict[str, str], length: int | None
) -> None:
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Type: {kind}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
