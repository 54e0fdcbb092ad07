"""Finds the file on this machine that a model reference means. Nothing is downloaded."""

from __future__ import annotations

from pathlib import Path

from r1chat import models
from r1chat.errors import MissingModel, ModelError
from r1chat.sanitize import line

_ACCEPTED = (
    'a model is "tiny" (built in), a short name such as "r1:7b", "owner/repo:QUANT" on the Hub, '
    "the path of a .gguf file, or a server's, such as http://127.0.0.1:8080/v1#model"
)


def locate(ref: str) -> Path:
    """The file that a reference means.

    Args:
        ref: ``tiny``, the path of a GGUF file, a reference to the Hub, or ``ollama:NAME``.

    Raises:
        MissingModel: If it is on the Hub, but not on this machine.
        ModelError: If there is none.
        UsageError: If it is malformed.
    """
    if ref == models.TINY:
        if not models.FILE.is_file():
            message = (
                f"the built-in model is missing: {models.FILE} is not there; install r1chat again"
            )
            raise ModelError(message)
        return models.FILE
    if not ref.strip():
        message = f"no model named; {_ACCEPTED}"
        raise ModelError(message)
    path = file_at(ref)
    if path is None:
        return _in_stores(ref)
    from r1chat.hub import ollama

    if obstacle := ollama.obstacle(path):
        message = f"{line(ref)} cannot be used: it {obstacle}"
        raise ModelError(message)
    return path


def file_at(ref: str) -> Path | None:
    """The file whose path a reference is; None where there is no such file.

    Raises:
        ModelError: If it is a folder, or cannot be looked at.
    """
    try:
        path = Path(ref).expanduser()
        if path.is_dir():
            message = f"{line(ref)} is a directory; {_ACCEPTED}"
            raise ModelError(message)
        if path.exists():
            return path
    except (OSError, ValueError, RuntimeError) as error:
        # RuntimeError: no home folder for "~". ValueError: a NUL in the name.
        reason = isinstance(error, OSError) and error.strerror
        message = f"cannot use the model {line(ref)}: {line(reason or str(error))}"
        raise ModelError(message) from None
    return None


def _in_stores(ref: str) -> Path:
    """The file in one of the stores that several programs share."""
    from r1chat.hub import cache, ollama, reference, twins

    shown = line(ref)
    if ref.startswith(ollama.PREFIX):
        place = ollama.find(ref)
        if place is None:
            message = (
                f"Ollama has no such model: {shown}; `r1chat models list` shows the local models"
            )
            raise ModelError(message)
        if place.problem:
            message = f"{shown} cannot be used: it {place.problem}"
            raise ModelError(message)
        return place.path
    wanted = reference.parse(ref)
    if wanted is None and (_is_path(ref) or ref.lower().endswith(".gguf")):
        message = f"no such model file: {shown}"
        raise ModelError(message)
    if wanted is None:
        message = f"no such model: {shown!r}; {_ACCEPTED}"
        raise ModelError(message)
    path = cache.cached(wanted) or twins.remembered(wanted) or twins.by_name(wanted)
    if path is None:
        message = f"{shown} is not on this machine; download it with: r1chat models pull {wanted}"
        raise MissingModel(message, str(wanted))
    return path


def _is_path(ref: str) -> bool:
    return ref.startswith(("/", ".", "~", "\\"))
