"""What a user has set for good. Everything may be left unset: then the engine decides.

The values live in a plain dataclass, and the file's checker in `r1chat.settings_schema`: it costs
a tenth of a second to import, which is spent only where there is a file to check.
"""

from __future__ import annotations

import errno
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from r1chat import paths, user_files
from r1chat.formatting import format_bytes

_LARGEST = 1024 * 1024
"""Bytes of a file; nobody writes more by hand."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a user has set. None is unset."""

    model: str | None = None
    """A model reference."""
    budget: str | None = None
    """A budget as `Budget.parse` reads it."""
    min_think: int | None = None
    """Tokens of thought that a model must spend."""
    thoughts: Literal["show", "hide"] | None = None
    theme: str | None = None
    pace: float | None = None
    """Tokens a second that the app shows at most; 0 shows them as they come."""
    peek: int | None = None
    """Tokens of thought between two looks at what the answer would be; 0 looks on a key alone."""
    keys: dict[str, str] | None = field(default=None, hash=False)
    """Other keys for the app: the ids of its bindings with keys as Textual names them."""
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    ctx: int | None = None
    """Tokens of context."""
    threads: int | None = None
    gpu_layers: int | Literal["auto", "all"] | None = None
    """Layers on the GPU; -1 is all of them."""
    tensor_split: str | None = None
    """Parts of the model for each of several GPUs, e.g. "3,1"."""
    draft: str | None = None
    """A reference to a smaller model, which guesses tokens."""
    max_answer: int | None = None
    """Most tokens of answer."""
    save: bool | None = None
    """Whether conversations are kept; they are where it is not set."""
    samples: int | None = None
    """How many samples the app draws to a question; of several the majority counts."""
    panel: Literal["show", "hide"] | None = None
    """Whether the app's panel of conversations is open."""
    servers: dict[str, str] | None = field(default=None, hash=False)
    """Names of servers with their addresses; their keys are elsewhere."""


def load(path: Path | None = None) -> tuple[Settings, str | None]:
    """Reads the settings.

    A bad value counts as unset, and a bad file as empty: a slip in a file must not keep anybody
    from asking a question.

    Args:
        path: The file; the user's own without it.

    Returns:
        The settings, and one line on what is wrong with the file, if anything is.
    """
    path = path or paths.settings_file()
    try:
        text = _text(path)
    except FileNotFoundError:
        return Settings(), None
    except (OSError, UnicodeDecodeError) as error:
        return Settings(), f"settings ignored: cannot read {path}: {_reason(error)}"
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Settings(), f"settings ignored: {path} is not JSON: {_reason(error)}"
    from r1chat.settings_schema import check

    good, faults = check(values)
    if not faults:
        return Settings(**good), None
    return Settings(**good), f"settings in {path}: {'; '.join(faults)}"


def _text(path: Path) -> str:
    if path.exists() and not path.is_file():
        # It would be waited for at every start.
        raise OSError(errno.EINVAL, "it is not a file")
    data = user_files.read(path, _LARGEST)
    if len(data) > _LARGEST:
        raise OSError(errno.EFBIG, f"it is larger than {format_bytes(_LARGEST)}")
    return data.decode("utf-8")


def save(settings: Settings, path: Path | None = None) -> Path | None:
    """Writes the settings, whole or not at all.

    Args:
        settings: The settings; what is unset is left out.
        path: The file; the user's own without it.

    Returns:
        Where the old file was moved to, if it was a bad one. It may hold the work of somebody who
        made one slip in it, so it is never overwritten.

    Raises:
        OSError: If it cannot be written.
        ValueError: If a value makes no sense; the message is one line.
    """
    path = path or paths.settings_file()
    from r1chat.settings_schema import check

    values = {name: value for name, value in asdict(settings).items() if value is not None}
    _, faults = check(values)
    if faults:
        raise ValueError("; ".join(faults))
    # A link, as dotfile managers make them, stays a link; so does one to the null device.
    path = Path(os.path.realpath(path))
    kept = _set_aside(path) if path.is_file() and load(path)[1] is not None else None
    paths.write_private(path, json.dumps(values, indent=2, ensure_ascii=False) + "\n")
    return kept


def _set_aside(path: Path) -> Path:
    number = 1
    while (kept := path.with_name(f"{path.name}.bad-{number}")).exists():
        number += 1
    path.rename(kept)
    return kept


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)
