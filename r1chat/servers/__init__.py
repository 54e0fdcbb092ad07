"""Servers that the user has given a name: where they are, what keys they take, what they serve."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from r1chat import settings
from r1chat.addresses import is_name
from r1chat.errors import ModelError
from r1chat.sanitize import line

if TYPE_CHECKING:
    from r1chat.engine.remote.server import Server


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
        ref: A model reference; ``NAME#model`` is one of those, and the NAME of a known server.

    Returns:
        The server's name and the model's, which may be empty; None for any other reference.
    """
    name, mark, model = ref.partition("#")
    return (name, model) if is_name(name) and (mark or name in known()) else None


def server(name: str, url: str | None = None) -> Server:
    """A named server, with its key.

    Args:
        name: Its name.
        url: Its address, if it is known already.

    Raises:
        ModelError: If none is called that.
        R1ChatError: If its key cannot be had.
    """
    from r1chat.engine.remote.server import Server
    from r1chat.servers import keys

    url = url or find(name)
    key = keys.of_name(name, url)
    return Server(url, key.text if key else None, name)


def unnamed(server: Server) -> Server:
    """A server that is known by its address, with its key.

    Raises:
        UsageError: If what is in the environment can be no key.
    """
    from r1chat.servers import keys

    key = keys.of_address(server.url)
    return replace(server, key=key.text) if key else server
