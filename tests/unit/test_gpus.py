"""What goes onto GPUs, and what becomes of it where they are too small; with made-up GPUs."""

from __future__ import annotations

import os
import shlex
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1chat import compose, offload
from r1chat.engine import gpus, planning
from r1chat.engine.devices import Device, backends, devices
from r1chat.engine.gpus import ALL, GpuFull, Plan, Room, fewer, plan, settle
from r1chat.engine.loading import LoadOptions, choose_context
from r1chat.errors import ModelError, UsageError
from r1chat.gguf.needs import Shape, needs
from tests.live.test_context_choice import header

GIB = 1 << 30


def card(free, name="CUDA0", *, shared=False):
    return Device(name, "a card", 2 * free, free, shared)


BIG, SMALL = card(24 * GIB), card(2 * GIB, "CUDA1")


def test_what_fits_goes_there_as_a_whole():
    assert plan(header(), 4096, [BIG]) == Plan(29, 29)


def test_what_does_not_fit_goes_there_in_part():
    chosen = plan(header(), 4096, [SMALL])
    assert 0 < chosen.layers < 29
    assert chosen.notice == ""


@pytest.mark.parametrize(
    ("wanted", "layers"), [(ALL, 29), (0, 0), (5, 5), (29, 29), (999, 29), (28, 28)]
)
def test_what_is_wished_for_is_done_whatever_the_memory(wanted, layers):
    assert plan(header(), 4096, [SMALL], wanted=wanted) == Plan(layers, 29)


def test_a_split_has_a_part_for_each_gpu_and_is_heeded():
    assert plan(header(), 4096, [BIG, BIG], split=(3, 1)).split == (3, 1)
    assert plan(header(), 4096, [BIG, BIG], split=(1,)).split == (1, 0)
    even = plan(header(), 4096, [SMALL, BIG], split=(1, 1)).layers
    assert even < plan(header(), 4096, [SMALL, BIG]).layers


def test_a_split_of_more_parts_than_gpus_is_refused_with_their_names():
    with pytest.raises(UsageError, match=r"has 3 parts, but there are 2 GPUs \(CUDA0, CUDA1\)$"):
        plan(header(), 4096, [BIG, SMALL], split=(1, 1, 1))
    with pytest.raises(UsageError, match=r"there is 1 GPU \(CUDA0\)$"):
        plan(header(), 4096, [BIG], split=(1, 1))


def test_a_gpu_in_the_main_memory_is_not_counted_twice():
    shared = card(8 * GIB, "Metal", shared=True)
    room = Room(header(), [shared], 6 * GIB)
    assert room.free(room.plan(4096), 4096) == 6 * GIB
    assert plan(header(), 4096, [shared]) == Plan(29, 29)


HUGE = card(100 * GIB)


def test_of_a_gpu_as_much_is_counted_as_is_to_go_there():
    made = header()
    for wanted, least, most in (
        (0, 0, 0),
        (1, 1, GIB),
        (15, GIB, 3 * GIB),
        (ALL, 3 * GIB, 7 * GIB),
    ):
        room = Room(made, [HUGE], 0, wanted)
        free = room.free(room.plan(4096), 4096)
        assert least <= free <= most
    room = Room(made, [SMALL], 0, ALL)
    assert room.free(room.plan(4096), 4096) == 2 * GIB


def test_a_gpu_that_a_split_gives_nothing_counts_for_nothing():
    made = header()
    alone = Room(made, [SMALL], GIB, ALL)
    beside = Room(made, [SMALL, HUGE], GIB, ALL, (1, 0))
    assert beside.free(beside.plan(4096), 4096) == alone.free(alone.plan(4096), 4096)


def test_a_cache_may_grow_into_the_rest_of_a_gpu_that_has_all_layers():
    for wanted, grown in ((ALL, 100 * GIB), (5, None)):
        room = Room(header(), [HUGE], 0, wanted)
        chosen = room.plan(4096)
        free = room.free(chosen, 4096)
        assert room.free(chosen, 4096, grows=True) == (grown or free)


@pytest.fixture
def machine(monkeypatch):
    """Pretends to other GPUs and another main memory."""

    def pretend(free, *cards):
        monkeypatch.setattr(planning, "devices", lambda: cards)
        monkeypatch.setattr(planning, "available_memory", lambda: free)

    return pretend


def test_a_large_gpu_is_no_room_for_what_stays_in_the_main_memory(machine):
    machine(3 << 20, HUGE)
    with pytest.raises(ModelError, match="not enough memory: "):
        planning.plan(compose.resolve("tiny"), LoadOptions(gpu_layers=1, trusted=True))
    machine(16 * GIB, HUGE)
    made = planning.plan(compose.resolve("tiny"), LoadOptions(gpu_layers=1, trusted=True))
    assert made.on_gpu.layers == 1
    assert made.available < 17 * GIB


@pytest.mark.parametrize("wanted", [None, 3, 14, ALL])
@pytest.mark.parametrize("free", [GIB, 2 * GIB, 4 * GIB, 6 * GIB])
def test_what_is_chosen_fits_with_what_goes_onto_the_gpu_then(wanted, free):
    made = header()
    room = Room(made, [SMALL], free, wanted)
    try:
        tokens, _ = room.settled(16384, lambda free: choose_context(made, None, free))
    except ModelError:
        return
    found = room.free(room.plan(tokens), tokens)
    assert needs(Shape.of(made), made.size, tokens).fits(found)


def test_fewer_layers_than_planned_are_refused_where_the_rest_has_no_room():
    made = header()
    attempt, asked = loading(28)
    room = Room(made, [HUGE], GIB, ALL)
    with pytest.raises(
        ModelError, match=r"with 26 of 29 layers on it the main memory is: 4\.29 GB"
    ):
        settle(replace(room.plan(131_072), layers=29), attempt)
    assert asked == [29]
    chosen = Room(made, [HUGE], 16 * GIB, ALL).plan(4096)
    assert settle(chosen, attempt)[1].layers == 26


@pytest.mark.parametrize(("wanted", "split"), [(None, ()), (0, ()), (0, (1, 1))])
def test_without_a_gpu_nobody_who_wants_none_is_told(wanted, split):
    said = plan(header(), 4096, [], wanted=wanted, split=split).notice
    assert said == "" or "--tensor-split has no effect" in said
    assert bool(said) == bool(split)


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Puts a program on the path that prints a text."""

    def put(name, text):
        file = tmp_path / name
        file.write_text(f"#!/bin/sh\nprintf '%s' {shlex.quote(text)}\n")
        file.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")

    return put


@pytest.mark.skipif(os.name != "posix", reason="puts a shell script on the path")
def test_who_wants_a_gpu_that_the_build_cannot_use_is_told_the_command(command):
    command("nvidia-smi", "NVIDIA H100, 81559 MiB\n")
    for wanted in (ALL, 12):
        chosen = plan(header(), 4096, [], wanted=wanted)
        assert chosen.layers == 0
        assert "--gpu-layers has no effect: this llama.cpp is built without a GPU" in chosen.notice
        assert "for NVIDIA H100, 81559 MiB (CUDA)" in chosen.notice
        assert ': CMAKE_ARGS="-DGGML_CUDA=on" ' in chosen.notice
        assert "--no-binary llama-cpp-python" in chosen.notice
        assert "\n" not in chosen.notice


def test_who_has_the_build_but_no_driver_is_told_so(monkeypatch):
    monkeypatch.setattr(gpus, "backends", lambda: ("cuda",))
    said = plan(header(), 4096, [], wanted=ALL).notice
    assert said.startswith("--gpu-layers has no effect: llama.cpp is built for CUDA, but sees no")


def test_what_a_build_is_for_is_told_by_its_libraries(tmp_path):
    for name in ("libggml-base.so", "libggml-cpu.so", "libllama.so", "libggml-rpc.so"):
        (tmp_path / name).touch()
    assert backends(tmp_path) == ()
    for name in ("libggml-cuda.so.0", "libggml-cuda.so", "ggml-vulkan.dll", "libggml-metal.dylib"):
        (tmp_path / name).touch()
    assert backends(tmp_path) == ("cuda", "metal", "vulkan")


def test_the_gpus_of_the_real_llama_cpp_are_whole():
    for device in devices():
        assert device.name
        assert device.description.isprintable()
        assert 0 <= device.free <= device.total


def test_ggml_is_asked_in_earnest():
    from ctypes import c_char_p, c_size_t, c_void_p

    from r1chat.engine.devices import _function

    count = _function("ggml_backend_dev_count", c_size_t)()
    get = _function("ggml_backend_dev_get", c_void_p, c_size_t)
    name = _function("ggml_backend_dev_name", c_char_p, c_void_p)
    assert b"CPU" in [name(get(at)) for at in range(count)]
    with pytest.raises(AttributeError):
        _function("ggml_frobnicate", c_size_t)


# -- too little memory --


@given(st.integers(0, 200), st.integers(1, 200))
def test_ever_fewer_layers_are_tried_down_to_none(first, count):
    tries = list(fewer(min(first, count), count))
    assert tries[0] == min(first, count)
    assert tries[-1] == 0
    assert tries == sorted(set(tries), reverse=True)
    # A file of 40 GB is not loaded twenty times.
    assert len(tries) <= 9


def loading(room):
    """Loads as long as there is room for so many layers; and what it was asked for."""
    asked = []

    def attempt(layers):
        asked.append(layers)
        if layers > room:
            message = f"unable to allocate CUDA0 buffer for {layers}"
            raise GpuFull(message)
        return f"a model with {layers}"

    return attempt, asked


def test_what_fits_is_loaded_once_and_nothing_is_said():
    attempt, asked = loading(29)
    assert settle(Plan(29, 29), attempt) == ("a model with 29", Plan(29, 29))
    assert asked == [29]


@pytest.mark.parametrize(("room", "loaded"), [(28, 26), (25, 20), (8, 8), (7, 0), (0, 0)])
def test_what_does_not_fit_is_loaded_with_fewer_and_said(room, loaded):
    attempt, asked = loading(room)
    model, plan = settle(Plan(29, 29, (3, 1)), attempt)
    assert model == f"a model with {loaded}"
    assert (plan.layers, plan.split) == (loaded, (3, 1))
    assert plan.notice.startswith("the GPU's memory was too small for 29 layers: ")
    assert ("nothing is on it" in plan.notice) == (loaded == 0)
    assert asked[-1] == loaded


def test_a_failure_that_has_nothing_to_do_with_memory_is_not_tried_again():
    asked = []

    def attempt(layers):
        asked.append(layers)
        message = "the file is damaged"
        raise ModelError(message)

    with pytest.raises(ModelError, match="damaged"):
        settle(Plan(29, 29), attempt)
    assert asked == [29]


def test_where_not_even_the_main_memory_is_enough_the_last_word_is_its():
    def attempt(layers):
        message = f"no memory for {layers}"
        raise (GpuFull if layers else ModelError)(message)

    with pytest.raises(ModelError, match="no memory for 0"):
        settle(Plan(5, 29), attempt)


# -- how it is said --


@pytest.mark.parametrize(
    ("given", "engine"),
    [(None, None), ("auto", None), ("all", -1), (-1, -1), (0, 0), (7, 7)],
)
def test_words_and_numbers_mean_the_same_everywhere(given, engine):
    assert offload.layer_count(given) == engine
    if given is not None:
        assert offload.layer_count(offload.gpu_layers(str(given))) == engine


@pytest.mark.parametrize("bad", ["", "ALL", "1.5", "-2", "10001", True, 1.0, None, [], "all\n"])
def test_what_is_no_number_of_layers_is_refused(bad):
    with pytest.raises(ValueError, match="not auto, all, or a number"):
        offload.gpu_layers(bad)
