"""A download as the app shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from r1chat.formatting import format_remaining

if TYPE_CHECKING:
    from r1chat.hub.download import Progress
    from r1chat.hub.fit import Fit
    from r1chat.hub.queue import Job

_BAR = 12


@dataclass(frozen=True, slots=True)
class Download:
    """A download, at a moment. Its texts are clean."""

    key: str
    ref: str
    """What names the model once it is downloaded."""
    repo: str
    name: str
    quant: str
    total: int
    """Bytes."""
    job: Job
    progress: Progress | None = None
    """None while it waits for its turn."""
    failure: str = ""
    """Why it failed; one line."""
    fit: Fit | None = None

    @property
    def row(self) -> str:
        """The key of its row on the models screen."""
        return f"download {self.key}"

    @property
    def percent(self) -> str:
        """How much of it is here."""
        return self.progress.percent if self.progress else "0 %"

    @property
    def paused(self) -> bool:
        """Whether it stands still because somebody wants that."""
        return self.job.phase == "paused"

    @property
    def active(self) -> bool:
        """Whether it goes on by itself."""
        return self.job.phase in {"queued", "running"}

    @property
    def state(self) -> str:
        """In a word or two."""
        if self.failure:
            return f"failed {self.percent}"
        progress = self.progress
        if progress is None:
            return "queued"
        words = {
            "waiting": f"waiting {format_remaining(progress.wait_s or 0)}",
            "following": f"⇣ {self.percent}",
            "downloading": f"↓ {self.percent}",
            "paused": f"paused {self.percent}",
        }
        return words.get(progress.state, progress.state)

    @property
    def line(self) -> str:
        """All there is to say, in a line."""
        if self.failure:
            return f"✗ {self.name} {self.quant}: {self.failure}"
        progress = self.progress
        start = f"↓ {self.name} {self.quant}"
        if progress is None:
            return f"{start} · waits for its turn"
        full = round(progress.share * _BAR)
        bar = f"{'█' * full}{'░' * (_BAR - full)}"
        return f"{start} {bar} {progress.percent} · {progress.words}"
