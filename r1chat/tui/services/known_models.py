"""What the app knows of models from one look to the next, and of those of named servers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from r1chat.errors import R1ChatError
from r1chat.formatting import format_duration
from r1chat.tui.threads import on_thread

if TYPE_CHECKING:
    from r1chat.hub.inventory import Inventory, Survey
    from r1chat.servers.listing import ServedModel

_LISTS_S = 8.0
"""How long a server has to list its models."""
_ANSWERS_S = 12.0
"""The same, all that comes before it included."""


@dataclass(frozen=True, slots=True)
class Served:
    """A named server, and what it has."""

    name: str
    url: str
    models: tuple[ServedModel, ...] | None = None
    """None before it has said."""
    problem: str = ""
    """Why it has not, in a line."""


class NamedServers:
    """Asks named servers; called on threads alone."""

    def known(self) -> dict[str, str]:
        """The addresses of named servers, by their names."""
        from r1chat import servers

        return servers.known()

    def models(self, name: str, url: str) -> tuple[ServedModel, ...]:
        """The models of a named server.

        Raises:
            NetworkError: If it does not say.
            R1ChatError: If its key cannot be had.
        """
        from r1chat import servers
        from r1chat.servers import listing

        return listing.models(servers.server(name, url), patience_s=_LISTS_S)


class KnownModels:
    """The latest survey of this machine, and what named servers have said.

    Args:
        inventory: Looks models up.
        servers: Asks named servers.
        in_use: Tells the file of the model in use, wherever it lies.
    """

    def __init__(
        self,
        inventory: Inventory,
        servers: NamedServers,
        in_use: Callable[[], Path | None] = lambda: None,
    ) -> None:
        self.inventory = inventory
        self.survey: Survey | None = None
        """None before anybody looked."""
        self.served: dict[str, Served] = {}
        """By the servers' names."""
        self._servers = servers
        self._in_use = in_use

    async def look_around(self) -> Survey:
        """Looks what there is on this machine, on a thread.

        Raises:
            ModelError: If the catalogue is damaged.
        """
        path = self._in_use()
        self.survey = await on_thread(lambda: self.inventory.survey(path), "r1chat-look")
        return self.survey

    async def ask_servers(self, then: Callable[[], object], name: str | None = None) -> None:
        """Asks named servers what models they have, all at the same time.

        What one has said before stands until it says something else.

        Args:
            then: Is called whenever there is something new to show.
            name: The one to ask; by default all of them.
        """
        known = await on_thread(self._servers.known, "r1chat-servers")
        self.served = {
            each: self.served.get(each) or Served(each, url) for each, url in sorted(known.items())
        }
        asked = [each for each in known if name in {None, each}]
        for each in asked:
            if not self.served[each].models or self.served[each].url != known[each]:
                self.served[each] = Served(each, known[each])
        then()

        async def ask(each: str) -> None:
            url = known[each]
            try:
                asking = on_thread(lambda: self._servers.models(each, url), f"r1chat-ask-{each}")
                said = Served(each, url, await asyncio.wait_for(asking, _ANSWERS_S))
            except asyncio.TimeoutError:
                # A name that is looked up for a minute, a keyring that asks something.
                patience = format_duration(_ANSWERS_S, trim=True)
                problem = f"no answer within {patience}: is it running?"
                said = Served(each, url, problem=problem)
            except R1ChatError as error:
                said = Served(each, url, problem=str(error))
            if each in self.served:
                self.served[each] = said
            then()

        await asyncio.gather(*map(ask, asked))
