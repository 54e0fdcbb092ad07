"""Which models a machine can run, and which is the best choice."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1chat.formatting import format_bytes
from r1chat.gguf.needs import (
    BATCH,
    DEFAULT_CONTEXT,
    MOST_SCORES,
    SMALLEST_CONTEXT,
    needs,
    plain_batch,
    shortened,
)
from r1chat.hub import catalogue
from r1chat.hub.fit import Fit, Shape, best, fit, recommended, shape_of
from r1chat.hub.machine import Gpu, Machine

GB = 10**9
GIB = 1 << 30

QWEN_7B = Shape(28, 3584, 28, 4, 128, 152_064, 131_072)
LLAMA_70B = Shape(80, 8192, 64, 8, 128, 128_256, 131_072)
ORDER = {"no": 0, "tight": 1, "fits": 2}


def computer(ram: float, *, gpu: float = 0, bandwidth: float | None = 50 * GB, threads: int = 7):
    gpus = (Gpu("a GPU", int(gpu * GIB), int(gpu * GIB)),) if gpu else ()
    return Machine(int(ram * GIB), int(ram * GIB), gpus, 100 * GB, bandwidth, threads)


@dataclass(frozen=True)
class Variant:
    quant: str
    size: int


SEVEN = [
    Variant("Q2_K", 3_020_000_000),
    Variant("Q3_K_M", 3_810_000_000),
    Variant("Q4_K_M", 4_683_000_000),
    Variant("Q5_K_M", 5_440_000_000),
    Variant("Q6_K", 6_250_000_000),
    Variant("Q8_0", 8_100_000_000),
    Variant("F16", 15_200_000_000),
]

shapes = st.builds(
    Shape,
    layers=st.integers(1, 128),
    hidden=st.integers(64, 16384),
    heads=st.integers(1, 128),
    kv_heads=st.integers(1, 128),
    head_dim=st.integers(32, 256),
    vocabulary=st.integers(256, 300_000),
    context=st.one_of(st.just(0), st.integers(256, 1 << 20)),
)
machines = st.builds(
    computer,
    ram=st.floats(0.25, 512),
    gpu=st.one_of(st.just(0), st.floats(1, 160)),
    bandwidth=st.one_of(st.none(), st.floats(1e9, 1e12)),
    threads=st.integers(1, 128),
)
sizes = st.integers(1 << 20, 500 * GB)
contexts = st.integers(1, 1 << 20)


@given(shapes, sizes, contexts, contexts)
def test_more_context_never_needs_less(shape, size, one, other):
    fewer, more = sorted((one, other))
    assert needs(shape, size, fewer).total <= needs(shape, size, more).total


@given(shapes, sizes, sizes, machines, st.one_of(st.none(), contexts))
def test_a_larger_file_never_fits_better(shape, one, other, machine, context):
    small, large = (fit(shape, size, machine, context) for size in sorted((one, other)))
    assert ORDER[small.mark] >= ORDER[large.mark]
    assert small.context >= large.context
    if small.tokens_per_s is not None and large.tokens_per_s is not None:
        assert small.tokens_per_s >= large.tokens_per_s


@given(shapes, sizes, machines, st.floats(0, 512))
def test_more_memory_never_fits_worse(shape, size, machine, more):
    larger = replace(machine, ram_free=machine.ram_free + int(more * GIB))
    before, after = fit(shape, size, machine), fit(shape, size, larger)
    assert ORDER[after.mark] >= ORDER[before.mark]
    assert after.context >= before.context


@given(shapes, sizes, machines, contexts, contexts)
def test_a_smaller_context_never_fits_worse(shape, size, machine, one, other):
    fewer, more = (fit(shape, size, machine, tokens) for tokens in sorted((one, other)))
    assert ORDER[fewer.mark] >= ORDER[more.mark]


@given(shapes, sizes, machines)
def test_what_fits_leaves_something_and_what_is_tight_still_goes(shape, size, machine):
    found = fit(shape, size, machine)
    assert found.available == machine.ram_free + machine.gpu_free
    if found.mark == "fits":
        assert found.needed <= 0.85 * found.available
        assert found.context == shape.usual_context
    elif found.mark == "tight":
        assert found.needed <= 0.9 * found.available
        assert found.context >= min(SMALLEST_CONTEXT, shape.usual_context)
    else:
        assert found.needed > 0.9 * found.available
        assert found.context == min(SMALLEST_CONTEXT, shape.usual_context)


@given(shapes, sizes, machines, contexts)
def test_a_wanted_context_is_the_one_that_is_judged(shape, size, machine, context):
    found = fit(shape, size, machine, context)
    assert found.context == context
    assert found.needed == needs(shape, size, context).total


@given(shapes, sizes, st.integers(0, 600 * GB))
def test_a_context_is_no_shorter_than_it_must_be(shape, size, available):
    found = shortened(shape, size, available)
    assert found.tokens <= shape.usual_context
    if found.tokens < shape.usual_context and found.fits(available):
        twice = min(shape.usual_context, 2 * found.tokens)
        assert not needs(shape, size, twice).fits(available)


def test_the_arithmetic_is_shown():
    found = fit(QWEN_7B, 4_683_000_000, computer(20))
    assert found.mark == "fits"
    assert found.context == DEFAULT_CONTEXT
    parts = needs(QWEN_7B, 4_683_000_000, DEFAULT_CONTEXT)
    assert parts.cache == 56 * 1024 * 16384
    assert found.arithmetic == (
        f"4.68 GB file + 940 MB for 16,384 tokens + {format_bytes(parts.buffers)} buffers "
        f"= {format_bytes(parts.total)} of 21.5 GB free"
    )


def test_a_model_takes_less_context_where_memory_is_short():
    found = fit(QWEN_7B, 4_683_000_000, computer(5.9))
    assert (found.mark, found.context < DEFAULT_CONTEXT) == ("tight", True)
    assert f"for {found.context:,} tokens" in found.arithmetic
    assert fit(QWEN_7B, 4_683_000_000, computer(4.4)).mark == "no"


def test_nobody_knows_means_tight_and_is_said():
    found = fit(QWEN_7B, 4_683_000_000, Machine(0, 0))
    assert (found.mark, found.context, found.tokens_per_s) == ("tight", DEFAULT_CONTEXT, None)
    assert "unknown" in found.arithmetic


def test_gpus_and_memory_are_added_up():
    assert fit(QWEN_7B, 4_683_000_000, computer(4)).mark == "no"
    both = fit(QWEN_7B, 4_683_000_000, computer(4, gpu=4))
    assert both.mark == "fits"
    assert 0 < both.gpu_layers < QWEN_7B.layers
    assert "4.29 GB of it on the GPU" in both.arithmetic
    alone = fit(QWEN_7B, 4_683_000_000, computer(4, gpu=24))
    assert (alone.mark, alone.gpu_layers, alone.tokens_per_s) == ("fits", -1, None)
    assert fit(QWEN_7B, 4_683_000_000, computer(20)).gpu_layers is None


def test_layers_on_a_gpu_make_it_faster():
    slow = fit(LLAMA_70B, 42_500_000_000, computer(128))
    fast = fit(LLAMA_70B, 42_500_000_000, computer(128, gpu=24))
    assert slow.tokens_per_s < fast.tokens_per_s


def test_memory_bounds_a_machine_of_many_cores_and_its_cores_one_of_few():
    memory_bound = [
        fit(QWEN_7B, 4_683_000_000, computer(20, threads=n)).tokens_per_s for n in (15, 31)
    ]
    core_bound = [
        fit(QWEN_7B, 4_683_000_000, computer(20, threads=1, bandwidth=b * GB)).tokens_per_s
        for b in (40, 80)
    ]
    assert memory_bound[0] == memory_bound[1] > core_bound[0] == core_bound[1]


def test_without_a_known_bandwidth_the_speed_is_unknown():
    assert fit(QWEN_7B, 4_683_000_000, computer(20, bandwidth=None)).tokens_per_s is None


@pytest.mark.parametrize("heads", [1, 12, 14, 28, 40, 64])
@pytest.mark.parametrize("tokens", [256, 2048, 4096, 32_768, 131_072, 1 << 20])
def test_without_flash_attention_scores_take_no_more_than_their_share_of_memory(heads, tokens):
    batch = plain_batch(heads, tokens)
    if batch is None:
        assert 4 * heads * tokens * 64 > MOST_SCORES
    else:
        assert 64 <= batch <= BATCH
        assert batch & (batch - 1) == 0
        assert 4 * heads * tokens * batch <= MOST_SCORES


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        (computer(64, bandwidth=None), "Q8_0"),
        (computer(64, bandwidth=800 * GB, threads=63), "Q8_0"),
        (computer(8.8, bandwidth=None), "Q6_K"),
        # 50 GB/s: only the smaller ones are fast enough.
        (computer(64), "Q8_0"),
        (computer(64, bandwidth=40 * GB), "Q6_K"),
        # None is fast enough: the fastest of the good ones.
        (computer(64, bandwidth=10 * GB), "Q4_K_M"),
        # Nothing of 4 bits or more fits well: 3 bits that fit go before 4 that are tight.
        (computer(6.3, bandwidth=None), "Q3_K_M"),
        (computer(5.0, bandwidth=None), "Q3_K_M"),
        (computer(4.2, bandwidth=None), "Q2_K"),
        (computer(2, bandwidth=None), None),
    ],
)
def test_the_best_quant_is_chosen(machine, expected):
    chosen = best(SEVEN, QWEN_7B, machine)
    assert (chosen and chosen.quant) == expected


def test_the_order_of_kinds_is_kept_whatever_the_names():
    names = ["BF16", "F32", "UD-IQ1_S", "IQ2_XXS", "UD-Q4_K_XL", "IQ3_M", "odd"]
    variants = [Variant(name, GIB + i) for i, name in enumerate(names)]
    order = []
    while variants:
        chosen = best(variants, QWEN_7B, computer(64))
        order.append(chosen.quant)
        variants.remove(chosen)
    assert order == ["UD-Q4_K_XL", "F32", "BF16", "IQ3_M", "odd", "IQ2_XXS", "UD-IQ1_S"]


@given(st.lists(st.builds(Variant, st.sampled_from([v.quant for v in SEVEN]), sizes)), machines)
def test_what_is_chosen_can_be_run(variants, machine):
    chosen = best(variants, QWEN_7B, machine)
    marks = [fit(QWEN_7B, variant.size, machine).mark for variant in variants]
    if chosen is None:
        assert set(marks) <= {"no"}
    else:
        assert chosen in variants
        assert fit(QWEN_7B, chosen.size, machine).mark != "no"


def test_nothing_to_choose_from_is_no_choice():
    assert best([], QWEN_7B, computer(64)) is None


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        (computer(3, bandwidth=20 * GB, threads=1), "r1:1.5b"),
        (computer(14, bandwidth=46 * GB), "r1:7b"),
        (computer(56, bandwidth=400 * GB, threads=63), "r1:32b"),
        (computer(8, gpu=12), "r1:14b"),
        (computer(8, gpu=80), "r1:70b"),
        # No speed is known, and there is no GPU: the smallest is a safe beginning.
        (computer(64, bandwidth=None), "r1:1.5b"),
        (computer(0.5), "r1:1.5b"),
    ],
)
def test_a_model_to_begin_with_is_found(machine, expected):
    entry, quant = recommended(catalogue.entries(), machine)
    assert entry.name == expected
    assert quant in entry.sizes


@given(machines)
def test_what_is_recommended_fits_unless_it_is_the_smallest(machine):
    entry, quant = recommended(catalogue.entries(), machine)
    found = fit(shape_of(entry), entry.sizes[quant], machine)
    if entry.name != "r1:1.5b":
        assert found.mark == "fits"
        assert found.gpu_layers == -1 or found.tokens_per_s >= 8


def test_a_mixture_of_experts_is_as_fast_as_the_weights_that_a_token_reads():
    mixture, dense = (catalogue.get(name) for name in ("qwen3:30b-a3b", "qwen3:32b"))
    fast, slow = (fit(shape_of(e), 18 * GB, computer(56)) for e in (mixture, dense))
    assert fast.needed < slow.needed  # It has fewer heads, and all its weights lie in memory.
    assert 6 < fast.tokens_per_s / slow.tokens_per_s < 12
    # What a dense model of its size took says nothing of it.
    learned = replace(computer(56), learned={18 * GB: 1.0})
    assert fit(shape_of(mixture), 18 * GB, learned).tokens_per_s == fast.tokens_per_s


def test_the_catalogues_shapes_give_the_caches_that_are_known():
    kib = {d.name: shape_of(d).cache_per_token // 1024 for d in catalogue.entries()}
    assert (kib["lfm2.5:1.2b"], kib["qwen3:8b"]) == (12, 144)  # Few of LFM2.5's layers attend.
    assert {name: size for name, size in kib.items() if name.startswith("r1:")} == {
        "r1:1.5b": 28,
        "r1:7b": 56,
        "r1:8b": 128,
        "r1:0528-8b": 144,
        "r1:14b": 192,
        "r1:32b": 256,
        "r1:70b": 320,
    }
    assert isinstance(fit(QWEN_7B, 1, computer(1)), Fit)
