"""Downloads a whole model: resumes, waits for its turn, verifies."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from r1chat.errors import ModelError
from r1chat.hub import layout
from r1chat.hub.download import part as parts
from r1chat.hub.download.control import Control, Paused
from r1chat.hub.download.faults import Damaged, Worthless, disk_error, need_space
from r1chat.hub.download.fetch import Locator, Source, new_client
from r1chat.hub.download.owner import done_by_others, owned
from r1chat.hub.download.part import Part
from r1chat.hub.download.patience import Patience
from r1chat.hub.download.progress import Progress, Reporter
from r1chat.hub.download.transfer import Transfer
from r1chat.hub.refusals import FileChanged
from r1chat.hub.twins import likely, twin
from r1chat.hub.values import Listing, RemoteFile
from r1chat.hub.variants import Variant
from r1chat.sanitize import line

if TYPE_CHECKING:
    import httpx2

_FOLLOW_S = 0.25
_LET_GO_S = 5.0
_CHANGES = 3
"""Times that the Hub may change its mind about a file."""
_ORPHAN_S = 7 * 24 * 3600.0


class Hub(Locator, Protocol):
    """What a download asks the Hub: `r1chat.hub.remote.Remote`."""

    def listing(self, repo: str, revision: str = ...) -> Listing:
        """The files of a repository; raises NetworkError and ModelError."""
        ...


def download(
    variant: Variant,
    remote: Hub,
    *,
    control: Control | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Path:
    """Downloads a model into the standard Hub cache, or resumes doing so.

    Args:
        variant: The model.
        remote: The Hub.
        control: Stops and pauses it from other threads.
        on_progress: Told how far it is, ten times a second at most, on the caller's thread.

    Returns:
        The (first) file, under its name in the cache, or where another program has it. It has the
        right checksum.

    Raises:
        DownloadCancelled: If it was stopped; what was fetched is kept.
        NetworkError: If the Hub fails for good, or the disk: full, read-only.
        ModelError: If the file is not on the Hub any more, or comes with a wrong checksum twice.
    """
    try:
        return _Download(variant, remote, control or Control(), on_progress).run()
    except OSError as error:
        left = variant.size - fetched(variant)
        raise disk_error(error, layout.hub_cache(), left) from error


class _Download:
    def __init__(
        self,
        variant: Variant,
        remote: Hub,
        control: Control,
        on_progress: Callable[[Progress], None] | None,
    ) -> None:
        self._variant = variant
        self._remote = remote
        self._control = control
        self._report = Reporter(variant.size, on_progress)

    def run(self) -> Path:
        files = self._variant.files
        paths = [path for file in files if (path := layout.here(file))]
        if len(paths) < len(files):
            self._report("starting")
            if found := self._twin():
                self._report("done", self._report.total)
                return found
            need_space(self._variant.size - fetched(self._variant), layout.hub_cache())
            sweep(files)
            with new_client() as client:
                paths = [self._bring(file, client) for file in files]
        else:
            # The cache may be somebody else's, to read only.
            with contextlib.suppress(OSError):
                layout.remember(files[0], self._variant.revision)
        self._report.before = 0
        self._report("done", self._report.total)
        return paths[0]

    def _twin(self) -> Path | None:
        """What another program has here already."""

        def tell(done: int) -> None:
            if self._control.cancelled:
                self._control.check()
            self._report("checking", done, note="verifying the partial download")

        return twin(self._variant, tell)

    def _bring(self, file: RemoteFile, client: httpx2.Client) -> Path:
        """Downloads one file, restarting as often as necessary."""
        patience = Patience()
        changes = damages = 0
        stale = False
        while True:
            try:
                if stale:
                    file, stale = self._look_again(file), False
                path = self._own_or_follow(file, client, patience)
            except Paused:
                self._stand_still(file)
            except Worthless:
                continue
            except FileChanged:
                changes += 1
                if changes > _CHANGES:
                    raise
                stale = True
            except Damaged as fault:
                damages += 1
                if damages > 1:
                    raise _wrong(file, fault) from None
            else:
                self._report.before += file.size
                return path

    def _stand_still(self, file: RemoteFile) -> None:
        """Waits while paused."""
        while self._control.paused and not self._control.cancelled:
            self._report("paused", _done(file))
            self._control.wait()

    def _own_or_follow(self, file: RemoteFile, client: httpx2.Client, patience: Patience) -> Path:
        layout.prepare(file)
        while True:
            self._control.check()
            with owned(layout.place(file).lock(file.etag)) as ours:
                if ours:
                    if not layout.has_blob(file) and not layout.here(file):
                        self._fetch(file, client, patience)
                    # Before the file has its name: who is killed here comes by again.
                    parts.discard(layout.place(file).part(file.etag))
                    return layout.install(file, self._variant.revision)
            note = "another process is downloading this file"
            self._report("following", done_by_others(file), note=note)
            self._control.wait(_FOLLOW_S)

    def _fetch(self, file: RemoteFile, client: httpx2.Client, patience: Patience) -> None:
        """Downloads what is missing, holding the lock."""
        folder = layout.place(file)
        part = Part(folder.part(file.etag), file.size, file.etag)
        source = Source(self._remote, file)
        try:
            Transfer(part, source, client, self._control, patience, self._report).run()
        except (Worthless, Damaged, FileChanged):
            part.discard()
            raise
        os.truncate(part.path, file.size)
        part.path.replace(folder.blob(file.etag))

    def _look_again(self, file: RemoteFile) -> RemoteFile:
        """Asks the Hub what a file is now."""
        listing = self._control.call(lambda: self._remote.listing(file.repo, file.commit))
        for now in listing.files:
            if now.path == file.path:
                self._report.total += now.size - file.size
                return now
        msg = f"{line(file.path)} is not in {file.repo} any more"
        raise ModelError(msg)


def fetched(variant: Variant) -> int:
    """How many bytes of a model are here, whole files and unfinished ones."""
    return variant.size - sum(map(_missing, variant.files))


def begun(several: Sequence[Variant]) -> Variant | None:
    """Of several models the one of which most is here, whoever fetched it; None where nothing is.

    What fits best depends on the memory that is free at the moment. Who goes on with a download
    wants the one that he began with.
    """
    shares = [(fetched(variant) / variant.size, variant) for variant in several if variant.size]
    share, found = max(shares, key=lambda each: each[0], default=(0.0, None))
    return found if share else likely(several)


def forget(variant: Variant) -> None:
    """Deletes what is here of a model's unfinished files, unless somebody is fetching them.

    It gives a download that has just been stopped the time to let go.
    """
    for file in variant.files:
        folder = layout.place(file)
        deadline = time.monotonic() + _LET_GO_S
        ours = False
        while not ours and folder.part(file.etag).exists() and time.monotonic() < deadline:
            with contextlib.suppress(OSError), owned(folder.lock(file.etag)) as ours:
                if ours:
                    parts.discard(folder.part(file.etag))
            if not ours:
                time.sleep(_FOLLOW_S)


def sweep(wanted: tuple[RemoteFile, ...]) -> None:
    """Deletes abandoned partial files of the same repository."""
    folder = layout.place(wanted[0])
    keep = {file.etag for file in wanted}
    for path in list(folder.blobs.glob(f"*{layout.PART}")):
        etag = path.name[: -len(layout.PART)]
        try:
            if etag in keep or time.time() - path.stat().st_mtime < _ORPHAN_S:
                continue
            with owned(folder.lock(etag)) as ours:
                if ours:
                    parts.discard(path)
        except (OSError, ModelError):
            continue


def _done(file: RemoteFile) -> int:
    part = layout.place(file).part(file.etag)
    return sum(end - start for start, end in parts.read_journal(part, file.size, file.etag))


def _missing(file: RemoteFile) -> int:
    return 0 if layout.has_blob(file) or layout.here(file) else file.size - _done(file)


def _wrong(file: RemoteFile, fault: Damaged) -> ModelError:
    kind = "SHA-256" if file.sha256 else "git SHA-1"
    return ModelError(
        f"{line(file.path)} from {file.repo} came damaged twice: its {kind} is "
        f"{fault.checksum[:12]}…, the Hub says {file.etag[:12]}…; nothing of it was kept. "
        "Try again later"
    )
