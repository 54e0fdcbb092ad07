"""Saves what was typed and not sent, so that it outlasts the app however that ends."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from r1chat import locks, paths
from r1chat.attachments import Attachment
from r1chat.user_files import small_text

if TYPE_CHECKING:
    from filelock import BaseFileLock

log = logging.getLogger(__name__)

_LARGEST = 64 << 20
"""Bytes of a file that is read; what this app writes has less."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What one app had that nothing else has."""

    text: str = ""
    earlier: tuple[str, ...] = ()
    """Texts that were put aside, from old to new."""
    attachments: tuple[Attachment, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to keep."""
        return not (self.text.strip() or self.earlier or self.attachments)


class Drafts:
    """A file for each app that runs, locked as long as it does.

    An app takes in what those have left that run no more. Their files go when its own is written.

    Args:
        saves: Whether anything is to be kept.
        warn: Shows the user a line, from any thread.
    """

    def __init__(
        self, *, saves: bool = True, warn: Callable[[str | None], None] = log.warning
    ) -> None:
        self._saves = saves
        self._warn = warn
        self._unsent: Callable[[], Draft] = Draft
        """Tells what there is now."""
        self._file = paths.drafts() / f"{os.urandom(8).hex()}.json"
        self._saved = Draft()
        self._failed: Draft | None = None
        """What could not be saved; it is not tried again before there is something else."""
        self._told = False
        self._own: BaseFileLock | None = None
        self._taken: list[tuple[Path, BaseFileLock]] = []
        self._lock = threading.Lock()

    def take(self) -> list[Draft]:
        """Takes in what apps have left that run no more, from old to new."""
        if not self._saves:
            return []
        found = []
        try:
            files = sorted(paths.drafts().glob("*.json"), key=lambda file: file.stat().st_mtime)
        except OSError as error:
            log.warning("drafts not read: %s", error)
            return []
        for file in files:
            lock = locks.taken(file.with_suffix(".lock"), locks.LOOK_S)
            if lock is None:
                continue
            draft = _read(file)
            if draft is None:
                lock.release()
                continue
            found.append(draft)
            self._taken.append((file, lock))
        return found

    def take_newest(self) -> list[Draft]:
        """Takes in the same; only the newest text is a draft still, the arrows bring the others."""
        *older, newest = [Draft(), *self.take()]
        earlier = [replace(each, text="", earlier=(*each.earlier, each.text)) for each in older]
        return [*earlier, newest]

    def follow(self, unsent: Callable[[], Draft]) -> None:
        """Saves what something tells from now on; it is asked at the very end too."""
        self._unsent = unsent

    def save_soon(self) -> None:
        """Saves what there is now, if it is new, on a thread."""
        draft = self._unsent()
        if self.is_new(draft):
            threading.Thread(
                target=lambda: self._warn(self.save(draft)), name="r1chat-draft", daemon=True
            ).start()

    def is_new(self, draft: Draft) -> bool:
        """Whether there is anything to save; at once."""
        is_new = draft != self._saved or bool(self._taken)
        return self._saves and is_new and draft != self._failed

    def save(self, draft: Draft) -> str | None:
        """Writes what there is now, if it is new; from any thread.

        Returns:
            One line on why it could not be saved, once.
        """
        with self._lock:
            if not self.is_new(draft):
                return None
            try:
                if draft.empty:
                    self._file.unlink(missing_ok=True)
                else:
                    self._write(draft)
            except OSError as error:
                log.warning("draft not saved: %s", error)
                self._failed = draft
                told, self._told = self._told, True
                reason = error.strerror or type(error).__name__
                return None if told else f"What is not sent yet ends with the app ({reason})."
            self._saved, self._failed = draft, None
            self._drop_taken()
            return None

    def close(self) -> None:
        """Writes what there is at the end, and lets the next app have it."""
        self._failed = None
        self.save(self._unsent())
        with self._lock:
            # What an older thread would still write is older.
            self._saves = False
            own, self._own = self._own, None
            if own is not None:
                locks.released(own)

    def _write(self, draft: Draft) -> None:
        if self._own is None:
            paths.made(self._file.parent)
            self._own = locks.taken(self._file.with_suffix(".lock"))
        paths.write_private(self._file, json.dumps(asdict(draft)))

    def _drop_taken(self) -> None:
        for file, lock in self._taken:
            with contextlib.suppress(OSError):
                file.unlink(missing_ok=True)
            locks.released(lock)
        self._taken.clear()


def _read(file: Path) -> Draft | None:
    """What a file says; a damaged one stays where it is."""
    try:
        return _parsed(json.loads(small_text(file, _LARGEST)))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        log.warning("draft %s not read: %s", file.name, error)
        return None


def _parsed(data: Any) -> Draft:  # noqa: ANN401  (whatever stands in the file)
    return Draft(
        text=_text(data["text"]),
        earlier=tuple(_text(each) for each in data["earlier"]),
        attachments=tuple(
            Attachment(_text(each["name"]), _text(each["text"])) for each in data["attachments"]
        ),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        message = f"{type(value).__name__} where a text should be"
        raise TypeError(message)
    return value
