"""Draws several samples in one stream, for servers that take `n`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from queue import Empty, Queue
from typing import Any

from r1chat.engine.remote.chunks import Chunk
from r1chat.engine.remote.link import Link, Prepare, Stream
from r1chat.errors import R1ChatError


class Branch:
    """One of the replies, with the interface of a stream of its own.

    Args:
        shared: The stream of all.
    """

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._queue: Queue[list[Chunk] | R1ChatError | None] = Queue()
        self.ended = False
        """Whether all of it has been taken."""
        self.left = False
        """Whether nobody takes the rest."""

    @property
    def sent(self) -> Mapping[str, Any]:
        """The fields of the request."""
        return self._shared.sent

    @property
    def whole(self) -> bool:
        """Whether the server said that it was all."""
        return self._shared.whole

    def put(self, what: list[Chunk] | R1ChatError | None) -> None:
        """Delivers an item, unless its receiver is gone."""
        if what != [] and not self.left:
            self._queue.put(what)

    def take(self, wait_s: float) -> list[Chunk] | None:
        """Takes what came; as `Stream.take`."""
        if self.ended:
            return None
        try:
            found = self._queue.get(timeout=wait_s)
        except Empty:
            return None
        if isinstance(found, list):
            # A reply of several is over before the stream is.
            self.ended = found[-1].finish is not None
            return found
        self.ended = True
        if found is not None:
            raise found
        return []

    def close(self) -> None:
        """Leaves the rest of it; the stream ends with the last who leaves."""
        self.left = True
        self._shared.one_left()


class Shared(Stream):
    """A stream of several replies.

    Args:
        link: To the server.
        prepare: Makes the request.
        model: For the words of a refusal.
        count: How many replies.
        sent: The fields of the request.
    """

    def __init__(
        self, link: Link, prepare: Prepare, model: str, count: int, sent: Mapping[str, Any]
    ) -> None:
        self.sent = sent
        self.branches = tuple(Branch(self) for _ in range(count))
        super().__init__(link, prepare, model)

    def one_left(self) -> None:
        """Closes the stream once its last receiver is gone."""
        if all(branch.left or branch.ended for branch in self.branches):
            self.close()

    def _put(self, what: list[Chunk] | R1ChatError | None) -> None:
        for index, branch in enumerate(self.branches):
            if not isinstance(what, list):
                branch.put(what)
                continue
            # Without its name: by that the server would steer any of them.
            branch.put([replace(chunk, name="") for chunk in what if chunk.index in {index, None}])
