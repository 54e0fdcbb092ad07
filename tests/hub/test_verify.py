"""A model's files are compared with what was published, where something says what that was."""

from __future__ import annotations

import hashlib

import pytest

from r1chat import paths
from r1chat.errors import DownloadCancelled, ModelError
from r1chat.hub.local import local_models
from r1chat.hub.verify import CHUNK, verify
from tests.hub.layouts import a_model, in_hub_cache, in_ollama, move_in, split


@pytest.fixture
def user(monkeypatch, tmp_path):
    return move_in(monkeypatch, tmp_path)


@pytest.fixture
def data(tmp_path):
    # Several chunks long; what follows the last tensor is nobody's business.
    return a_model(tmp_path / "made" / "model.gguf").read_bytes() + b"\0" * 3 * CHUNK


class Switch:
    """Is thrown after some looks."""

    def __init__(self, looks: int) -> None:
        self.left = looks

    @property
    def cancelled(self) -> bool:
        self.left -= 1
        return self.left < 0


def the_model():
    _, model = local_models()
    return model


def test_a_whole_file_of_the_hubs_cache_is_as_published(user, data):
    in_hub_cache(user, data, "Small-Q8_0.gguf")
    result = verify(the_model())
    assert result.ok
    assert result.expected == result.found == hashlib.sha256(data).hexdigest()
    assert result.bytes == len(data)
    assert "as published" in result.verdict


@pytest.mark.parametrize("at", [0, 5000, -1])
def test_a_flipped_bit_anywhere_is_found(user, data, at):
    blob = in_hub_cache(user, data, "Small-Q8_0.gguf").resolve()
    changed = bytearray(data)
    changed[at] ^= 1
    blob.write_bytes(changed)
    result = verify(the_model())
    assert result.ok is False
    assert result.expected == hashlib.sha256(data).hexdigest()
    assert result.found == hashlib.sha256(changed).hexdigest()
    assert result.found in result.verdict
    assert result.expected in result.verdict


def test_a_small_file_of_the_hub_is_compared_with_gits_checksum(user, data):
    blob = in_hub_cache(user, data, "Small-Q8_0.gguf").resolve()
    git = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
    link = next((user / ".cache").rglob("Small-Q8_0.gguf"))
    blob.rename(blob.with_name(git))
    link.unlink()
    link.symlink_to(blob.with_name(git))
    result = verify(the_model())
    assert result.ok
    assert result.expected == git


def test_all_parts_of_a_split_model_are_read(user, tmp_path):
    parts = split(tmp_path / "made", "Big-Q4_K_M")
    for part in parts:
        in_hub_cache(user, part.read_bytes(), part.name)
    result = verify(the_model())
    assert result.ok
    assert result.bytes == sum(part.stat().st_size for part in parts)


def test_the_part_that_differs_is_named(user, tmp_path):
    for part in split(tmp_path / "made", "Big-Q4_K_M"):
        pointer = in_hub_cache(user, part.read_bytes(), part.name)
        if "00002-of" in part.name:
            pointer.resolve().write_bytes(part.read_bytes()[:-1] + b"!")
    result = verify(the_model())
    assert result.ok is False
    assert result.file.name == "Big-Q4_K_M-00002-of-00003.gguf"


def test_ollamas_weights_are_compared_with_their_digest(user, data):
    blob = in_ollama(user / ".ollama" / "models", data)
    assert verify(the_model()).ok
    blob.write_bytes(data[:-1] + b"!")
    assert verify(the_model()).ok is False


@pytest.mark.parametrize("place", ["ours", "lm studio"])
def test_where_no_checksum_is_kept_that_is_said_without_reading(user, place):
    folder = paths.models() if place == "ours" else user / ".lmstudio" / "models" / "a" / "b"
    a_model(folder / "model.gguf")
    result = verify(the_model())
    assert result.ok is None
    assert result.bytes == 0
    assert "nothing to compare it with" in result.verdict


def test_the_built_in_model_has_nothing_to_be_compared_with(user):
    assert verify(local_models()[0]).ok is None


def test_progress_counts_bytes_over_all_files(user, tmp_path, data):
    in_hub_cache(user, data, "Small-Q8_0.gguf")
    seen = []
    verify(the_model(), lambda done, total: seen.append((done, total)))
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert seen[-1] == (len(data), len(data))
    assert len(seen) == -(-len(data) // CHUNK)


@pytest.mark.parametrize("looks", [0, 2])
def test_it_stops_before_the_next_chunk(user, data, looks):
    in_hub_cache(user, data, "Small-Q8_0.gguf")
    seen = []
    with pytest.raises(DownloadCancelled, match="cancelled"):
        verify(the_model(), lambda done, _: seen.append(done), Switch(looks))
    assert seen == [CHUNK * (n + 1) for n in range(looks)]


def test_a_file_that_is_gone_is_an_error_of_one_line(user, data):
    pointer = in_hub_cache(user, data, "Small-Q8_0.gguf")
    model = the_model()
    pointer.resolve().unlink()
    with pytest.raises(ModelError, match="cannot be read: No such file") as error:
        verify(model)
    assert str(error.value).isprintable()
