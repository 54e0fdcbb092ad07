"""Servers that the user has given a name: where they are, what keys they take, what they serve."""

from __future__ import annotations

from r1chat import settings
from r1chat.addresses import is_name
from r1chat.errors import ModelError
from r1chat.sanitize import line


def known() -> dict[str, str]:
    """The addresses of all named servers, by their names."""
    return dict(settings.load()[0].servers or {})


def find(name: str) -> str:
    """The address of a named server.

    Raises:
        ModelError: If none is called that.
    """
    servers = known()
    if name in servers:
        return servers[name]
    have = f"there are {', '.join(sorted(servers))}" if servers else "none has a name yet"
    message = (
        f"no server is called {line(name, 40)!r} ({have}); "
        "give one a name with: r1chat servers add NAME URL"
    )
    raise ModelError(message)


def split(ref: str) -> tuple[str, str] | None:
    """Takes apart what names a model on a named server.

    Args:
        ref: A model reference; ``NAME#model`` is one of those.

    Returns:
        The server's name and the model's; None for any other reference.
    """
    name, mark, model = ref.partition("#")
    return (name, model) if mark and model and is_name(name) else None
