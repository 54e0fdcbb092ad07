"""Downloads one file, whole and verified."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from r1chat.hub.download.control import Control
from r1chat.hub.download.faults import Broken, Damaged, Worthless
from r1chat.hub.download.fetch import Fetch, Source
from r1chat.hub.download.hashing import Hasher
from r1chat.hub.download.part import Part
from r1chat.hub.download.patience import Patience
from r1chat.hub.download.progress import Reporter
from r1chat.hub.download.saver import Saver
from r1chat.hub.download.several import Several

if TYPE_CHECKING:
    import httpx2

SEGMENT = 64 << 20
"""Bytes of a request while there are several connections: the checksum is taken in order, so
that they had better not be far apart."""
_LOOK_S = 0.1


class Transfer:
    """Fills a part and takes its checksum. The caller's thread looks after those that work.

    Args:
        part: The part.
        source: Where the bytes are.
        client: Speaks HTTP.
        control: The user's wishes.
        patience: Goes on over several transfers of one file.
        report: Whom to tell.
    """

    def __init__(
        self,
        part: Part,
        source: Source,
        client: httpx2.Client,
        control: Control,
        patience: Patience,
        report: Reporter,
    ) -> None:
        self._part = part
        self._source = source
        self._client = client
        self._control = control
        self._patience = patience
        self._report = report
        self._several = Several()
        self._fetches: list[Fetch] = []
        self._hasher = Hasher(part, control.wake)

    def run(self) -> None:
        """Does it.

        Raises:
            DownloadCancelled, Paused: As the user wishes.
            NetworkError: If the Hub or the server fails for good.
            Worthless: If what is here belongs to another file.
            Damaged: If the checksum is wrong.
            OSError: If the disk fails.
        """
        self._part.create()
        with Saver(self._part, self._control.wake) as saver:
            self._hasher.start()
            try:
                self._fill(saver)
                self._await_checksum(saver)
            finally:
                self._hasher.stop()
                for fetch in self._fetches:
                    fetch.stop()
                    self._part.release(fetch.span)
        if self._hasher.result != self._part.etag:
            raise Damaged(self._hasher.result or "")

    def _fill(self, saver: Saver) -> None:
        self._patience.begin(self._part.done)
        while self._part.done < self._part.size:
            self._look(saver)
            self._collect()
            self._start()
            self._tell()
            self._control.wait(_LOOK_S)

    def _await_checksum(self, saver: Saver) -> None:
        saver.end()
        while self._hasher.is_alive() or not saver.ended:
            self._look(saver)
            self._report("checking", self._part.size)
            self._control.wait(_LOOK_S)
        self._look(saver)

    def _look(self, saver: Saver) -> None:
        """Looks what the user wants and whether the disk still works."""
        self._control.check()
        for error in (saver.error, self._hasher.error):
            if error is not None:
                raise error

    def _collect(self) -> None:
        """Collects the results of finished requests."""
        for fetch in [each for each in self._fetches if each.ended]:
            self._fetches.remove(fetch)
            self._part.release(fetch.span)
            if fetch.error is None:
                continue
            if not isinstance(fetch.error, Broken):
                raise fetch.error
            self._source.forget()
            self._several.broke()
            before = self._patience.last
            self._patience.failed(fetch.error, self._part.done)
            # Any server may slip once, and gigabytes are not thrown away for that.
            if isinstance(fetch.error, Worthless) and isinstance(before, Worthless):
                raise fetch.error

    def _start(self) -> None:
        """Makes as many requests as are worth it."""
        if self._patience.left_s:
            return
        done = self._part.done
        self._several.look(time.monotonic(), done, self._part.size - done)
        # Of a server that knows no ranges nothing but the whole can be had.
        wanted = 1 if any(fetch.whole for fetch in self._fetches) else self._several.wanted
        if wanted > 1:
            for fetch in self._fetches:
                # The first one may have set out for all of it.
                fetch.span.end = min(fetch.span.end, fetch.span.at + SEGMENT)
        while len(self._fetches) < wanted:
            span = self._part.claim(SEGMENT if wanted > 1 else None)
            if span is None:
                return
            fetch = Fetch(
                self._client, self._source, self._part, span, self._control.wake, alone=wanted == 1
            )
            self._fetches.append(fetch)
            fetch.start()

    def _tell(self) -> None:
        done, left_s, last = self._part.done, self._patience.left_s, self._patience.last
        if last is not None and left_s and not self._fetches:
            self._report("waiting", done, wait_s=left_s, note=last.reason)
        else:
            self._report("downloading", done)
