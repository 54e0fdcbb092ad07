"""Fetches a model for the command line: which one, whether it fits, and how far it is."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from r1chat.console import Console, is_terminal
from r1chat.errors import DownloadCancelled, MissingModel, ModelError
from r1chat.formatting import format_bytes, format_rate, format_remaining
from r1chat.interrupts import Interrupted, Interrupts
from r1chat.sanitize import line

if TYPE_CHECKING:
    from r1chat.hub.download import Progress
    from r1chat.hub.fit import Fit, Shape
    from r1chat.hub.machine import Machine
    from r1chat.hub.reference import HubRef
    from r1chat.hub.remote import Remote
    from r1chat.hub.variants import Variant

_LOOK_S = 0.2
_STATES = {
    "starting": "asking the Hub",
    "following": "another r1chat fetches it",
    "checking": "checking",
    "paused": "paused",
}


def offer(
    missing: MissingModel, console: Console, interrupts: Interrupts, *, context: int | None = None
) -> Path:
    """Says how a model that is not here fits, asks whether it is to be fetched, and fetches it.

    Args:
        missing: What is not here.
        console: Standard error.
        interrupts: The signals.
        context: Tokens of context that it is to run with; by default what r1chat would take.

    Raises:
        MissingModel: If nobody is there to be asked, or the answer is no.
        NetworkError: If the Hub cannot be reached.
        ModelError: If it has no such model.
    """
    from r1chat.hub.reference import parse

    ref = parse(missing.ref)
    if ref is None or not (console.tty and is_terminal(sys.stdin)):
        raise missing
    fetcher = Fetcher(console, interrupts, context=context)
    variant, fits = fetcher.choose(ref)
    if (path := fetcher.elsewhere(variant)) is not None:
        return path
    if doubt := fetcher.doubt(variant, fits):
        console.note(doubt)
    question = f"{_described(variant)} is not on this machine. Fetch it?"
    if not confirmed(console, question, usually=fits.mark != "no"):
        raise missing
    return fetcher.fetch(variant)


def confirmed(console: Console, question: str, *, usually: bool = True) -> bool:
    """Asks on the terminal. The end of the input means no."""
    console.ask(f"{question} [{'Y/n' if usually else 'y/N'}] ")
    answer = sys.stdin.readline()
    if not answer:
        console.fresh_line()
        return False
    return answer.strip().lower() in ({"", "y", "yes"} if usually else {"y", "yes"})


class Fetcher:
    """Fetches models and shows how far it is.

    Args:
        console: Standard error.
        interrupts: The signals; the first one stops a download, which keeps what it has.
        context: Tokens of context to reckon with; by default what r1chat would take.
    """

    def __init__(
        self, console: Console, interrupts: Interrupts, *, context: int | None = None
    ) -> None:
        from r1chat.hub.machine import this_machine
        from r1chat.hub.remote import Remote

        self._console = console
        self._interrupts = interrupts
        self._context = context
        self._shape: Shape | None = None
        # Where nobody sees it, a long wait is an error that says how long it is.
        self.remote: Remote = Remote(self._wait if console.tty else None)
        self.machine: Machine = this_machine()
        if self.remote.notice:
            console.note(self.remote.notice)

    def choose(self, ref: HubRef) -> tuple[Variant, Fit]:
        """Finds what a reference means, of several quants the one begun or the best that fits.

        Raises:
            NetworkError: If the Hub cannot be reached.
            ModelError: If it has no such model.
        """
        from r1chat.hub import variants
        from r1chat.hub.download import begun

        def choose(several: list[Variant]) -> Variant:
            return begun(several) or self._best(several, ref)

        self._console.progress("r1chat: looking at the Hub")
        try:
            found = variants.find(self.remote, ref, choose)
            return found, self.fit(found, ref)
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

    def _best(self, several: list[Variant], ref: HubRef) -> Variant:
        from r1chat.hub.fit import best

        shape = self.shape(several[0], ref)
        return best(several, shape, self.machine, self._context) or several[0]

    def fit(self, variant: Variant, ref: HubRef) -> Fit:
        """How a model fits into this machine.

        Raises:
            NetworkError: If its header has to be read and the Hub cannot be reached.
        """
        from r1chat.hub import fit

        return fit.fit(self.shape(variant, ref), variant.size, self.machine, self._context)

    def shape(self, variant: Variant, ref: HubRef) -> Shape:
        """What a model is made of: as the catalogue knows it, else read off the file's beginning.

        Raises:
            NetworkError: If the Hub cannot be reached.
            ModelError: If the file is no GGUF.
        """
        from r1chat.hub import catalogue, fit

        if self._shape is None:
            known = catalogue.get(ref.distill) if ref.distill else None
            self._shape = fit.shape_of(known or self.remote.header(variant.files[0]))
        return self._shape

    def doubt(self, variant: Variant, fits: Fit) -> str:
        """What speaks against a model on this machine, in a line; empty if nothing does.

        Args:
            variant: What is to be fetched; `choose` has found it.
            fits: How it fits.
        """
        from r1chat.hub import fit

        if fits.mark == "fits":
            return ""
        if fits.mark == "tight":
            return f"{variant.name} is a tight fit: {fits.arithmetic}"
        text = f"{variant.name} does not fit into this machine: {fits.arithmetic}"
        if self._context is None or self._shape is None:
            return text
        shorter = fit.fit(self._shape, variant.size, self.machine)
        return text if shorter.mark == "no" else f"{text}; with --ctx {shorter.context} it would"

    def check(self, variant: Variant, fits: Fit, *, sure: bool) -> None:
        """Warns of a model that is tight, and asks before one that does not fit.

        Args:
            variant: What is to be fetched.
            fits: How it fits.
            sure: Whether the user wants it all the same.

        Raises:
            ModelError: If it does not fit and nobody wants it all the same.
        """
        doubt = self.doubt(variant, fits)
        wanted = sure or fits.mark != "no"
        if not wanted and not (self._console.tty and is_terminal(sys.stdin)):
            message = f"{doubt}; --yes fetches it all the same"
            raise ModelError(message)
        if doubt:
            self._console.note(doubt)
        if not wanted and not confirmed(self._console, "Fetch it all the same?", usually=False):
            message = f"{variant.name} was not fetched"
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
            self._console.progress(f"{line(variant.name, 40)}  comparing what is here: {share} %")

        try:
            path = twin(variant, tell)
        finally:
            self._console.end_progress()
        if path is not None:
            self._console.aside(f"{line(str(path), 300)} is what the Hub has: nothing is fetched")
        return path

    def fetch(self, variant: Variant) -> Path:
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
            rest = f", {format_bytes(here)} of it here already" if here else ""
            self._console.aside(f"fetching {_described(variant)}{rest}")
        try:
            path = download(variant, self.remote, control=control, on_progress=self._show(variant))
        except DownloadCancelled:
            if self._interrupts.signum is None:
                raise
            self._console.end_progress()
            self._console.aside("stopped; the same command goes on from here")
            raise Interrupted(self._interrupts.signum) from None
        finally:
            self._interrupts.control = None
            self._console.end_progress()
        return path

    def _show(self, variant: Variant) -> Callable[[Progress], None]:
        def show(progress: Progress) -> None:
            self._console.progress(f"{line(variant.name, 40)}  {described(progress)}")

        return show


def _described(variant: Variant) -> str:
    return f"{line(variant.name, 60)}, {format_bytes(variant.size)} from {line(variant.repo, 100)}"


def described(progress: Progress) -> str:
    """How far a download is, in words."""
    share = progress.done / progress.total if progress.total else 0.0
    parts = [f"{int(share * 100)} % of {format_bytes(progress.total)}"]
    if progress.rate:
        parts.append(format_rate(progress.rate))
    if progress.left_s is not None:
        parts.append(f"{format_remaining(progress.left_s)} left")
    if progress.state == "waiting" and progress.wait_s is not None:
        parts = [parts[0], f"trying again in {format_remaining(progress.wait_s)}"]
    elif progress.state in _STATES:
        parts = [parts[0], _STATES[progress.state]]
    if progress.note:
        parts.append(line(progress.note, 120))
    return " · ".join(parts)
