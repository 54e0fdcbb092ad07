"""How many tokens of context the engine makes, and that the hub's marks agree with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1chat.engine.devices import Device
from r1chat.engine.gpus import ALL, choose_layers
from r1chat.engine.loading import choose_context
from r1chat.errors import ModelError
from r1chat.gguf import Header, Tensor
from r1chat.gguf.needs import Shape
from r1chat.hub.fit import fit
from r1chat.hub.machine import Gpu, Machine

GIB = 1 << 30
SIZE = 4 * GIB


def header(*, context: int = 131_072, size: int = SIZE) -> Header:
    """One of the shape of R1-Distill-Qwen-7B, its bytes spread evenly."""
    metadata = {
        "general.architecture": "qwen2",
        "qwen2.context_length": context,
        "qwen2.block_count": 28,
        "qwen2.embedding_length": 3584,
        "qwen2.attention.head_count": 28,
        "qwen2.attention.head_count_kv": 4,
    }
    share = size // 28
    rest = size - 28 * share
    tensors = (
        *(Tensor(f"blk.{n}.all.weight", (share,), "I8", share, share, 0) for n in range(28)),
        Tensor("output.weight", (rest,), "I8", rest, rest, 0),
    )
    path = Path("seven.gguf")
    return Header(path, 3, metadata, tensors, size, (path,))


@given(
    st.integers(1, 16 * GIB),
    st.integers(0, 16 * GIB),
    st.one_of(st.none(), st.integers(256, 1 << 20)),
    st.sampled_from([0, 512, 4096, 131_072]),
)
def test_the_engine_refuses_exactly_what_the_hub_marks_so(size, free, wanted, context):
    made = header(context=context, size=size)
    found = fit(Shape.of(made), size, Machine(16 * GIB, free), wanted)
    try:
        tokens, _ = choose_context(made, wanted, free)
    except ModelError:
        assert found.mark == "no"
    else:
        assert found.mark != "no"
        assert found.context == tokens


def test_plenty_of_memory_gives_the_usual_context_and_no_notice():
    assert choose_context(header(), None, 100 * GIB) == (16384, "")
    assert choose_context(header(), None, None) == (16384, "")
    assert choose_context(header(context=4096), None, None) == (4096, "")


def test_short_memory_gives_a_shorter_context_with_the_sum():
    tokens, notice = choose_context(header(), None, int(5.3 * GIB))
    assert 2048 <= tokens < 16384
    assert notice.startswith(f"memory is short: the context is {tokens:,} tokens (4.29 GB file + ")


def test_too_little_memory_is_refused_with_the_sum():
    with pytest.raises(ModelError, match=r"4\.29 GB file .* 2,048 tokens .*, of 3\.22 GB free"):
        choose_context(header(), None, 3 * GIB)
    with pytest.raises(ModelError, match=r"take a smaller model"):
        choose_context(header(), 131_072, 3 * GIB)


def test_a_context_that_is_too_long_is_refused_with_one_that_fits():
    with pytest.raises(ModelError, match=r"for 131,072 tokens .* \(--ctx 16384\)") as error:
        choose_context(header(), 131_072, 8 * GIB)
    assert "\n" not in str(error.value)
    assert choose_context(header(), 16384, 8 * GIB)[0] == 16384


@given(st.integers(1, 16 * GIB), st.integers(0, 16 * GIB), st.integers(0, 16 * GIB))
def test_the_engine_spreads_layers_over_gpus_as_the_hub_says(size, free, on_gpu):
    made = header(size=size)
    machine = Machine(16 * GIB, free, gpus=(Gpu("a card", 16 * GIB, on_gpu),))
    found = fit(Shape.of(made), size, machine)
    try:
        tokens, _ = choose_context(made, None, free + on_gpu)
    except ModelError:
        assert found.mark == "no"
    else:
        assert found.mark != "no"
        layers = choose_layers(made, tokens, [Device("CUDA0", "a card", 16 * GIB, on_gpu, False)])
        # The hub knows no more than the sum of all layers, and rounds.
        counts = [found.layers if each == ALL else each for each in (layers, found.gpu_layers)]
        assert abs(counts[0] - counts[1]) <= 1
        # What is not on the card lies in the main memory.
        if layers != ALL:
            assert found.needed * (layers - 1) / 29 <= on_gpu


def test_where_nobody_knows_a_gpus_memory_all_layers_go_there():
    assert choose_layers(header(), 2048, [Device("Metal", "M9", 16 * GIB, 1, shared=True)]) == ALL
    assert choose_layers(header(), 2048, [Device("X0", "odd", 0, 0, shared=False)]) == ALL


def test_a_context_beyond_what_the_model_knows_is_given_with_a_notice():
    assert choose_context(header(context=4096), 8192, None)[0] == 8192
    assert "made for 4,096" in choose_context(header(context=4096), 8192, None)[1]
    assert choose_context(header(context=4096), 4096, None) == (4096, "")
    assert "made for 16,384" in choose_context(header(context=0), 20000, None)[1]
