"""How fast models will be: measured by llama.cpp's own arithmetic, and learned from replies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from r1chat import paths
from r1chat.engine.fake import FakeEngine
from r1chat.events import Receipt, Reply
from r1chat.hub import products, speeds
from r1chat.hub.fit import fit
from r1chat.hub.machine import Machine
from r1chat.reasoning.control import Control
from r1chat.resources import default_threads, use_threads
from r1chat.session import Session
from tests.hub.test_fit import QWEN_7B

GB = 10**9


@pytest.mark.engine
def test_the_installed_llama_multiplies_and_says_how_fast() -> None:
    rate = products.measured(1)
    assert rate is not None
    # From a tenth of the slowest board's to ten times the fastest server's.
    assert 1e8 < rate < 1e13
    assert products.measured(3) is not None


def test_without_a_library_nothing_is_measured(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("LLAMA_CPP_LIB_PATH", str(tmp_path))
    assert products.measured(1) is None
    assert speeds.measured() is None
    assert not speeds._file().exists()


def test_a_library_that_is_none_costs_the_figure_and_no_more(tmp_path: Path, monkeypatch) -> None:
    for name in ("libggml-base.so", "libggml-cpu.so", "libggml-base.dylib", "libggml-cpu.dylib"):
        (tmp_path / name).write_bytes(b"no library")
    monkeypatch.setenv("LLAMA_CPP_LIB_PATH", str(tmp_path))
    assert products.measured(1) is None


@pytest.mark.engine
def test_it_is_measured_once_for_a_machine_and_a_build(monkeypatch) -> None:
    first = speeds.measured()
    assert first is not None
    monkeypatch.setattr(products, "measured", lambda _: pytest.fail("measured again"))
    assert speeds.measured() == first
    file = products.library("ggml-cpu")
    assert file is not None
    other = paths.cache_dir() / "libggml-cpu.so"
    other.write_bytes(b"another build")
    monkeypatch.setattr(products, "library", lambda _: other)
    assert speeds.measured(measure=False) is None


@pytest.mark.parametrize(
    "text", ["", "[", "[]", "1", '{"x": 1}', '{"NAME": {"measured": "fast", "learned": [1]}}']
)
def test_a_damaged_file_is_as_good_as_none(text: str) -> None:
    file = paths.made(paths.cache_dir()) / "speeds.json"
    file.write_text(text.replace("NAME", speeds._name()), "utf-8")
    assert speeds.measured(measure=False) is None
    assert speeds.learned() == {}
    speeds.learn(1 * GB, 100, 20.0)
    assert speeds.learned() == {GB: 20.0 * GB}


def test_replies_teach_and_the_newest_counts_half() -> None:
    speeds.learn(GB, 100, 10.0)
    speeds.learn(GB, 100, 20.0)
    speeds.learn(2 * GB, 100, 5.0)
    assert speeds.learned() == {GB: 15.0 * GB, 2 * GB: 10.0 * GB}


@pytest.mark.parametrize(
    ("size", "tokens", "rate"),
    [(4 << 20, 500, 2000.0), (GB, 3, 20.0), (GB, 500, 0.0), (GB, 500, float("nan"))],
)
def test_what_says_little_teaches_nothing(size: int, tokens: int, rate: float) -> None:
    speeds.learn(size, tokens, rate)
    assert speeds.learned() == {}


def test_what_is_learned_does_not_grow_for_ever() -> None:
    for size in range(100):
        speeds.learn(GB + size, 100, 10.0)
    assert len(speeds.learned()) == 32
    assert GB + 99 in speeds.learned()


def test_a_folder_that_cannot_be_written_costs_nothing() -> None:
    paths.made(paths.cache_dir().parent)
    paths.cache_dir().write_text("no folder", "utf-8")
    speeds.learn(GB, 100, 10.0)
    assert speeds.learned() == {}


def test_a_machine_that_is_small_and_fast_is_not_called_slow() -> None:
    # What a 1.5B model does here: 15 to 20 tokens a second on one thread, once called 5.3.
    machine = Machine(24 * GB, 16 * GB, bandwidth=40e9, threads=1, products=24e9)
    found = fit(QWEN_7B, 1_117_320_768, machine)
    assert found.tokens_per_s is not None
    assert 12 < found.tokens_per_s < 22


def test_replies_are_believed_above_measurements_where_the_models_are_alike() -> None:
    machine = Machine(24 * GB, 16 * GB, threads=1, products=24e9, learned={GB: 10e9, 4 * GB: 12e9})
    plain = Machine(24 * GB, 16 * GB, threads=1, products=24e9)

    def speed(of: Machine, size: int) -> float:
        return fit(QWEN_7B, size, of).tokens_per_s or 0.0

    # The very model is expected to do again what it did.
    assert speed(machine, GB) == 10
    assert speed(machine, 3 * GB) == 4
    assert speed(plain, GB) != speed(machine, GB)
    assert speed(machine, GB // 10) == speed(plain, GB // 10)


@pytest.mark.parametrize("rate", [0.5e9, 5e9, 24e9, 100e9])
@pytest.mark.parametrize("learned", [GB // 2, 4 * GB])
def test_no_larger_model_is_called_faster_than_a_smaller_one(learned: int, rate: float) -> None:
    # However busy the machine was, or idle, when it was learned.
    machine = Machine(99 * GB, 90 * GB, threads=1, products=24e9, learned={learned: rate})
    sizes = [round(GB * 1.3**step) for step in range(-12, 16)]
    found = [fit(QWEN_7B, size, machine).tokens_per_s or 0.0 for size in sizes]
    assert found == sorted(found, reverse=True)
    assert min(found) > 0


@pytest.mark.parametrize("pace", [None, 20.0])
def test_a_session_teaches_what_its_replies_cost(pace: float | None) -> None:
    receipt = Receipt(thought_tokens=300, answer_tokens=50, tokens_per_s=12.5)
    from dataclasses import replace

    from r1chat.engine import fake

    threads = default_threads()
    info = replace(fake.INFO, size=GB, threads=threads)
    engine = FakeEngine([Reply("t", "a", receipt)], info=info)
    list(Session(engine).ask("?", control=Control(pace=pace)))
    assert speeds.learned() == ({GB: 12.5 * GB} if pace is None else {})
    use_threads(threads + 1)
    assert speeds.learned() == {}, "other threads have another speed"
    assert pace is not None or json.loads(speeds._file().read_text("utf-8"))
