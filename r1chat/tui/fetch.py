"""A download as the screen shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from r1chat.formatting import format_bytes, format_rate, format_remaining
from r1chat.sanitize import line

if TYPE_CHECKING:
    from r1chat.hub.download import Progress
    from r1chat.hub.fit import Fit
    from r1chat.hub.queue import Job

_BAR = 12


@dataclass(frozen=True, slots=True)
class Fetch:
    """A download, at a moment. Its texts are clean."""

    key: str
    ref: str
    """What names the model once it is here."""
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
    def share(self) -> float:
        """How much of it is here, 0 to 1."""
        return self.progress.done / self.total if self.progress and self.total else 0.0

    @property
    def percent(self) -> str:
        """The same for people; never 100 % before it is whole."""
        return f"{min(99, int(self.share * 100))} %"

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
            "waiting": f"waiting {_seconds(progress)}",
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
        full = round(self.share * _BAR)
        parts = [f"{start} {'█' * full}{'░' * (_BAR - full)} {self.percent}"]
        done, total = format_bytes(progress.done), format_bytes(self.total)
        # "1.97 of 4.68 GB"
        number, _, unit = done.partition(" ")
        parts.append(f"{number if total.endswith(unit) else done} of {total}")
        note = line(progress.note, 120)
        if progress.state == "downloading" and progress.rate:
            parts.append(format_rate(progress.rate))
            if progress.left_s is not None:
                parts.append(f"{format_remaining(progress.left_s)} left")
        elif progress.state == "waiting":
            parts.append(f"tries again in {_seconds(progress)}" + (f": {note}" if note else ""))
        elif progress.state == "following":
            parts.append("another r1chat fetches it")
        elif progress.state == "checking":
            parts.append("its checksum is being worked out")
        elif progress.state == "paused":
            parts.append("paused")
        return " · ".join(parts)


def _seconds(progress: Progress) -> str:
    return format_remaining(progress.wait_s) if progress.wait_s is not None else "…"
