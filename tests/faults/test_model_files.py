"""Garbage, truncated and mutated model files: a typed error, and the process lives."""

from __future__ import annotations

import random
from pathlib import Path

import gguf
import pytest

from r1chat.engine.llama import LlamaEngine, LoadOptions
from r1chat.errors import ModelError, R1ChatError
from r1chat.events import Reply
from r1chat.reasoning.budget import Budget
from r1chat.session import Session
from tests.factory import R1_MARKERS, write_model

HEADER = 8192


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A file that loads."""
    return write_model(tmp_path_factory.mktemp("sound") / "sound.gguf").read_bytes()


def mutant(sound: bytes, seed: int) -> bytes:
    """One of endlessly many damaged files, the same for a seed on every machine."""
    rng = random.Random(seed)
    data = bytearray(sound)
    kind = rng.randrange(4)
    if kind == 0:
        return bytes(data[: rng.randrange(len(data))])
    if kind == 1:  # a few bits in the header
        for _ in range(rng.randrange(1, 4)):
            data[rng.randrange(HEADER)] ^= 1 << rng.randrange(8)
    elif kind == 2:  # a length, a count or a type made extreme
        at = rng.randrange(8, HEADER) & ~3
        data[at : at + 4] = rng.choice([b"\xff" * 4, b"\0" * 4, b"\xff\xff\xff\x7f", b"\1\0\0\0"])
    else:  # weights
        for _ in range(rng.randrange(1, 200)):
            data[rng.randrange(HEADER, len(data))] = rng.randrange(256)
    return bytes(data)


def try_file(path: Path) -> str:
    """Loads a file and asks it something; the error's text, or nothing."""
    try:
        engine = LlamaEngine(path, options=LoadOptions(ctx=128))
    except R1ChatError as error:
        return str(error)
    try:
        events = list(Session(engine).ask("Hi", budget=Budget(tokens=4), max_answer=4))
        assert isinstance(events[-1], Reply)
    except R1ChatError as error:
        return str(error)
    finally:
        engine.close()
    return ""


def check_mutants(sound: bytes, seeds: range, folder: Path) -> None:
    """Tries mutants; a crash of llama.cpp would end this very process."""
    refused = 0
    for seed in seeds:
        path = folder / f"{seed}.gguf"
        path.write_bytes(mutant(sound, seed))
        error = try_file(path)
        refused += bool(error)
        assert "\n" not in error
        assert all(char.isprintable() for char in error)
        path.unlink()
    assert refused > len(seeds) // 4


def test_twenty_mutants_end_in_an_error_or_a_reply(sound: bytes, tmp_path: Path) -> None:
    check_mutants(sound, range(20), tmp_path)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_thousand_mutants_end_in_an_error_or_a_reply(sound: bytes, tmp_path: Path) -> None:
    check_mutants(sound, range(1000, 2000), tmp_path)


def test_a_sound_file_loads(sound: bytes, tmp_path: Path) -> None:
    path = tmp_path / "sound.gguf"
    path.write_bytes(sound)
    assert try_file(path) == ""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"garbage" * 100, "GGUF"),
        (b"<!DOCTYPE html><html>" + b" " * 500, "web page|HTML"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "lfs"),
    ],
)
def test_what_is_no_model_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=said):
        LlamaEngine(path)


def test_a_truncated_file_is_called_truncated(sound: bytes, tmp_path: Path) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(sound[:-1000])
    with pytest.raises(ModelError, match="truncated"):
        LlamaEngine(path)


def test_an_unsupported_architecture_is_refused_before_its_tensors_load(tmp_path: Path) -> None:
    path = tmp_path / "odd.gguf"
    writer = gguf.GGUFWriter(path, "hexapod")
    writer.add_block_count(1)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(ModelError, match="hexapod"):
        LlamaEngine(path)


def test_a_tokenizer_of_tomorrow_is_refused_with_the_way_out(tmp_path: Path) -> None:
    path = write_model(tmp_path / "new.gguf", markers=R1_MARKERS, pre="tomorrow")
    with pytest.raises(ModelError, match="pip install --upgrade llama-cpp-python") as caught:
        LlamaEngine(path)
    assert "tomorrow" in str(caught.value)
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)


def test_a_model_that_needs_too_much_memory_is_refused_with_the_sum(tmp_path: Path) -> None:
    path = write_model(tmp_path / "huge.gguf", markers=R1_MARKERS, context=1 << 30)
    with pytest.raises(ModelError, match="GB") as caught:
        LlamaEngine(path, options=LoadOptions(ctx=1 << 30, trusted=True))
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_directory_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"missing\.gguf"):
        LlamaEngine(tmp_path / "missing.gguf")
    with pytest.raises(ModelError, match="directory"):
        LlamaEngine(tmp_path)
