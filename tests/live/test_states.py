"""What recurrent layers keep is counted in the memory that a model needs."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import gguf
import pytest

from r1chat.engine.base import Message, Request
from r1chat.engine.llama import LlamaEngine, LoadOptions
from r1chat.engine.loading import choose_lanes
from r1chat.events import Drawing, Reply, Sampled
from r1chat.gguf import read_header
from r1chat.gguf.layers import Layers
from r1chat.gguf.needs import MOST_LANES, RESERVED_SEQUENCES, Shape, needs
from r1chat.gguf.states import state_bytes
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control, ControlGroup
from tests.kinds import KINDS, STATEFUL, write_kind

_SAID = re.compile(r"llama_memory_recurrent: size = +([\d.]+) MiB")


@pytest.mark.parametrize("arch", KINDS)
def test_states_are_counted_as_llama_cpp_makes_them(
    arch: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_kind(tmp_path / f"{arch}.gguf", arch)
    with caplog.at_level(logging.INFO, "r1chat.llama"):
        LlamaEngine(path, options=LoadOptions(trusted=True, ctx=256)).close()
    made = [float(found[1]) for found in map(_SAID.search, caplog.messages) if found]
    counted = needs(Shape.of(read_header(path)), 0, 256).states / (1 << 20)
    assert bool(made) is (arch in STATEFUL)
    assert counted == pytest.approx(sum(made), abs=0.01)


def header_with(path: Path, arch: str, **values: object) -> Path:
    writer = gguf.GGUFWriter(path, arch)
    for name, value in values.items():
        key = f"{arch}.{name.replace('__', '.')}"
        if isinstance(value, list):
            writer.add_array(key, value)
        else:
            writer.add_uint32(key, value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


_SSM = {"ssm__conv_kernel": 4, "ssm__inner_size": 4096, "ssm__state_size": 128}
_SSM_VALUES = 4096 * 128 + 3 * (4096 + 2 * 16 * 128)


@pytest.mark.parametrize(
    ("arch", "values", "layers", "each"),
    [
        # Every fourth layer attends, unless the header says otherwise.
        ("qwen35", {**_SSM, "ssm__group_count": 16}, [0, 1, 2, 4, 5, 6], _SSM_VALUES),
        (
            "qwen3next",
            {**_SSM, "ssm__group_count": 16, "full_attention_interval": 2},
            [0, 2, 4, 6],
            _SSM_VALUES,
        ),
        # Layers without heads of keys are recurrent, those with a feed-forward part alone are not.
        (
            "nemotron_h",
            {
                **_SSM,
                "ssm__group_count": 16,
                "attention__head_count_kv": [0, 0, 8, 0, 0, 0, 8, 0],
                "feed_forward_length": [0, 9, 0, 9, 0, 9, 0, 0],
            },
            [0, 4, 7],
            _SSM_VALUES,
        ),
        ("rwkv7", {"wkv__head_size": 64}, range(8), 2048 * 66),
        ("llama", {"attention__head_count_kv": 8}, [], 0),
    ],
)
def test_headers_of_every_kind_say_which_layers_keep_what(
    arch: str, values: dict[str, object], layers: range | list[int], each: int, tmp_path: Path
) -> None:
    path = header_with(
        tmp_path / "h.gguf",
        arch,
        block_count=8,
        embedding_length=2048,
        attention__head_count=16,
        **values,
    )
    header = read_header(path)
    found = state_bytes(header)
    assert found == tuple(4 * each * (layer in layers) for layer in range(8))
    shape = Shape.of(header)
    assert needs(shape, 0, 0, lanes=3).states == sum(found) * (RESERVED_SEQUENCES + 3)
    on_gpus = Layers.of(header).weights
    assert on_gpus == tuple((RESERVED_SEQUENCES + shape.usual_lanes) * size for size in found)


def test_large_states_leave_room_for_the_samples_that_are_asked_for_alone(tmp_path: Path) -> None:
    path = header_with(
        tmp_path / "large.gguf",
        "mamba2",
        block_count=64,
        embedding_length=2048,
        ssm__conv_kernel=4,
        ssm__inner_size=8192,
        ssm__state_size=128,
    )
    header = read_header(path)
    shape = Shape.of(header)
    assert shape.usual_lanes == 1
    assert choose_lanes(header, 0, 1, None) == 1
    assert choose_lanes(header, 0, 6, None) == 6
    fewer = int(needs(shape, header.size, 0, lanes=3).total / 0.9) + 1
    assert choose_lanes(header, 0, 6, fewer) == 3
    assert choose_lanes(header, 0, 99, None) == MOST_LANES
    assert "states" in str(needs(shape, header.size, 0))


def test_more_samples_than_there_are_states_for_get_them_when_they_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("r1chat.gguf.needs._CHEAP_STATES", 1)
    path = write_kind(tmp_path / "mamba.gguf", "mamba")
    engine = LlamaEngine(path, options=LoadOptions(trusted=True, ctx=256))
    request = Request((Message("user", "Hi"),), budget=Budget(tokens=4), max_answer=4)
    try:
        assert engine.inside(lambda model: model.machine.lanes) == 1
        *_, last = engine.stream(request, Control(request.budget))
        assert isinstance(last, Reply)
        events = list(engine.stream_many(request, ControlGroup(Control(request.budget), 5)))
        assert [event.at_once for event in events if isinstance(event, Drawing)] == [5]
        drawn = [each.event for each in events if isinstance(each, Sampled)]
        assert sum(isinstance(each, Reply) and not each.error for each in drawn) == 5
    finally:
        engine.close()
