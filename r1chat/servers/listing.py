"""Asks a server which models it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from r1chat.engine.remote import listed
from r1chat.engine.remote.link import Link
from r1chat.engine.remote.server import Server
from r1chat.errors import NetworkError
from r1chat.sanitize import line

PATIENCE_S = 10.0
MOST_MODELS = 1000
_LONGEST_ID = 300
_MOST_CONTEXT = 1 << 40


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model that a server has."""

    id: str
    """As the server calls it; fit to be shown."""
    context: int = 0
    """Tokens of context; 0 where the server does not say."""


def models(server: Server, *, patience_s: float = PATIENCE_S) -> tuple[ServedModel, ...]:
    """The models of a server, as it lists them.

    Args:
        server: The server.
        patience_s: Seconds for the whole.

    Raises:
        NetworkError: If it does not say.
    """
    return read(Link(server).get(f"{server.url}/models", patience_s), server.host)


def read(value: object, host: str) -> tuple[ServedModel, ...]:
    """Reads a list of models. What cannot be named on a command line is left out.

    Args:
        value: What a server says, unchecked.
        host: The server.

    Raises:
        NetworkError: If it is none.
    """
    entries = listed.models(value)
    if entries is None:
        message = f"{host} does not list models as OpenAI's servers do: is its address right?"
        raise NetworkError(message)
    found: dict[str, ServedModel] = {}
    for entry in entries[:MOST_MODELS]:
        name = str(entry["id"])
        if line(name, _LONGEST_ID) == name:
            found.setdefault(name, ServedModel(name, _context(entry)))
    return tuple(found.values())


def _context(entry: Mapping[str, Any]) -> int:
    """Tokens of context: vLLM and SGLang say what they serve, llama-server what it was made for."""
    meta = entry.get("meta")
    says = (entry.get("max_model_len"), meta.get("n_ctx") if isinstance(meta, dict) else None)
    for count in says:
        if isinstance(count, int) and not isinstance(count, bool) and 0 < count < _MOST_CONTEXT:
            return count
    return 0
