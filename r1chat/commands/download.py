"""Downloads models for the command line: asks first, and shows the progress."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from r1chat.console import Console
from r1chat.errors import DownloadCancelled, MissingModel, ModelError
from r1chat.formatting import format_bytes, format_remaining
from r1chat.interrupts import Interrupted, Interrupts
from r1chat.sanitize import line

if TYPE_CHECKING:
    from r1chat.hub.download import Progress
    from r1chat.hub.inventory import Choice
    from r1chat.hub.reference import HubRef
    from r1chat.hub.variants import Variant

_LOOK_S = 0.2
T = TypeVar("T")


def or_download(
    load: Callable[[], T], console: Console, interrupts: Interrupts, *, context: int | None = None
) -> T:
    """Loads a model; one that is not here is offered for download, and loaded then.

    Args:
        load: Loads it.
        console: Standard error.
        interrupts: The signals.
        context: The context size to plan for; by default what r1chat would take.

    Raises:
        R1ChatError: If it cannot be loaded, or not be downloaded.
    """
    try:
        return load()
    except MissingModel as missing:
        _offer(missing, console, interrupts, context)
        return load()
    finally:
        console.end_progress()


def _offer(
    missing: MissingModel, console: Console, interrupts: Interrupts, context: int | None
) -> None:
    """Says how a model that is not here fits, asks whether to download it, and does.

    Raises:
        MissingModel: If nobody is there to be asked, or the answer is no.
        NetworkError: If the Hub cannot be reached.
        ModelError: If it has no such model.
    """
    from r1chat.hub.reference import parse

    ref = parse(missing.ref)
    if ref is None or not console.can_ask:
        raise missing
    downloader = Downloader(console, interrupts, context=context)
    choice = downloader.resolve(ref)
    if downloader.elsewhere(choice.variant) is not None:
        return
    if doubt := downloader.doubt(choice):
        console.note(doubt)
    question = f"{_described(choice.variant)} is not on this machine. Download it?"
    if not console.confirm(question, usually=not choice.doubtful):
        raise missing
    downloader.download(choice.variant)


class Downloader:
    """Downloads models and shows how far it is.

    Args:
        console: Standard error.
        interrupts: The signals; the first one stops a download, which keeps what it has.
        context: The context size to plan for; by default what r1chat would take.

    Attributes:
        inventory: What is there to be downloaded.
    """

    def __init__(
        self, console: Console, interrupts: Interrupts, *, context: int | None = None
    ) -> None:
        from r1chat.hub.inventory import Inventory

        self._console = console
        self._interrupts = interrupts
        # Where nobody sees it, a long wait is an error that says how long it is.
        self.inventory = Inventory(lambda: context, self._wait if console.tty else None)
        if notice := self.inventory.remote().notice:
            console.note(notice)

    def resolve(self, ref: HubRef) -> Choice:
        """Finds what a reference means on the Hub.

        Raises:
            NetworkError: If the Hub cannot be reached.
            ModelError: If it has no such model.
        """
        self._console.progress("r1chat: looking at the Hub")
        try:
            return self.inventory.resolve(ref)
        finally:
            self._console.end_progress()

    def _wait(self, seconds: float) -> None:
        """Sits out what the Hub asks for; a signal ends it."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._console.progress(
                f"r1chat: the Hub is busy, trying again in {format_remaining(left)}"
            )
            time.sleep(min(left, _LOOK_S))

    def doubt(self, choice: Choice) -> str:
        """What speaks against a model on this machine, in a line; empty if nothing does."""
        name, fits = choice.variant.name, choice.fit
        if choice.problem:
            return f"nobody can say whether {name} fits into this machine: {choice.problem}"
        if fits is None or fits.mark == "fits":
            return ""
        if fits.mark == "tight":
            return f"{name} is a tight fit: {fits.arithmetic}"
        text = f"{name} does not fit into this machine: {fits.arithmetic}"
        shorter = self.inventory.shorter(choice)
        return text if shorter is None else f"{text}; with --ctx {shorter} it would"

    def check(self, choice: Choice, *, sure: bool) -> None:
        """Warns of a model that is tight, and asks before one that could not be used.

        Args:
            choice: What is to be downloaded.
            sure: Whether the user wants it all the same.

        Raises:
            ModelError: If it could not be used and nobody wants it all the same.
        """
        doubt, wanted = self.doubt(choice), sure or not choice.doubtful
        if not wanted and not self._console.can_ask:
            message = f"{doubt}; --yes downloads it anyway"
            raise ModelError(message)
        if doubt:
            self._console.note(doubt)
        if not wanted and not self._console.confirm("Download it anyway?"):
            message = f"{choice.variant.name} was not downloaded"
            raise ModelError(message)

    def elsewhere(self, variant: Variant) -> Path | None:
        """Looks whether another program has a model here, with the right checksums.

        Raises:
            Interrupted: If a signal stopped it.
        """
        from r1chat.hub.twins import twin

        def tell(done: int) -> None:
            if self._interrupts.signum is not None:
                raise Interrupted(self._interrupts.signum)
            share = int(100 * done / max(1, variant.size))
            self._console.progress(
                f"{line(variant.name, 40)}  verifying the partial download: {share} %"
            )

        try:
            path = twin(variant, tell)
        finally:
            self._console.end_progress()
        if path is not None:
            self._console.aside(
                f"{line(str(path), 300)} is what the Hub has: nothing is downloaded"
            )
        return path

    def download(self, variant: Variant) -> Path:
        """Downloads and verifies a model.

        Returns:
            Its file; of a split model the first.

        Raises:
            NetworkError: If it cannot be fetched; what was fetched is kept.
            ModelError: If what came is not what the Hub promised.
            Interrupted: If a signal stopped it.
        """
        from r1chat.hub.download import Control, download, fetched

        control = Control()
        self._interrupts.control = control
        here = fetched(variant)
        if here < variant.size:
            rest = f", {format_bytes(here)} of it downloaded already" if here else ""
            self._console.aside(f"downloading {_described(variant)}{rest}")
        try:
            remote = self.inventory.remote()
            path = download(variant, remote, control=control, on_progress=self._show(variant))
        except DownloadCancelled:
            if self._interrupts.signum is None:
                raise
            self._console.end_progress()
            self._console.aside("stopped; the same command continues from here")
            raise Interrupted(self._interrupts.signum) from None
        finally:
            self._interrupts.control = None
            self._console.end_progress()
        return path

    def _show(self, variant: Variant) -> Callable[[Progress], None]:
        def show(progress: Progress) -> None:
            name = line(variant.name, 40)
            self._console.progress(f"{name}  {progress.percent} · {progress.words}")

        return show


def _described(variant: Variant) -> str:
    return f"{line(variant.name, 60)}, {format_bytes(variant.size)} from {line(variant.repo, 100)}"
