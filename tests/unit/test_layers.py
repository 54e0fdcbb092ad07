"""How many of a model's layers GPUs have room for."""

from __future__ import annotations

import bisect
import struct
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

import r1chat
from r1chat.gguf import read_header
from r1chat.gguf.layers import Layers
from r1chat.gguf.needs import Shape

TINY = Path(r1chat.__file__).parent / "models" / "tiny.gguf"
GIB = 1 << 30

models = st.builds(
    lambda pairs, output: Layers(
        tuple(weight for weight, _ in pairs), tuple(cache for _, cache in pairs), output
    ),
    st.lists(st.tuples(st.integers(1, 1000), st.integers(0, 9)), min_size=1, max_size=12),
    st.integers(1, 1000),
)
cards = st.lists(st.integers(0, 6000), min_size=1, max_size=4)


def single(value):
    """A number as C's float has it."""
    return struct.unpack("f", struct.pack("f", value))[0]


def shared_out(count, shares):
    """Which GPU each of so many layers goes to, by llama.cpp's own rule (load_tensors)."""
    total = single(sum(shares))
    splits = [single(part / total) for part in accumulate(shares)]
    return [bisect.bisect_right(splits, single(at / count)) for at in range(count)]


def fits(layers, tokens, count, rooms, shares):
    """Whether so many layers fit, added up one by one."""
    if count and not sum(shares):
        return False
    sizes = [w + tokens * c for w, c in zip(layers.weights, layers.cache, strict=True)]
    sizes = [*sizes, layers.output][layers.count - count :]
    taken = [0] * len(rooms)
    for size, card in zip(sizes, shared_out(count, shares) if count else [], strict=True):
        taken[card] += size
    return all(part <= room for part, room in zip(taken, rooms, strict=True))


def test_a_token_leaves_out_the_experts_that_it_is_not_sent_to():
    tiny = read_header(TINY)
    assert Shape.of(tiny).share_read == 1
    named = tuple(
        replace(each, name=each.name.replace("ffn_up.", "ffn_up_exps.")) for each in tiny.tensors
    )
    counts = {f"{tiny.arch}.expert_count": 8, f"{tiny.arch}.expert_used_count": 2}
    mixture = replace(tiny, tensors=named, metadata={**tiny.metadata, **counts})
    experts = sum(each.size for each in named if "_exps" in each.name)
    assert experts
    left_out = 0.75 * experts / tiny.weights_bytes
    assert abs(1 - Shape.of(mixture).share_read - left_out) < 0.001


@given(models, st.integers(0, 50), cards, st.data())
def test_as_many_layers_are_chosen_as_fit_by_llama_cpps_own_rule(layers, tokens, rooms, data):
    size = {"min_size": len(rooms), "max_size": len(rooms)}
    shares = data.draw(st.lists(st.integers(0, 8), **size))
    chosen = layers.most(tokens, rooms, shares)
    used = shares if any(shares) else [0] * len(rooms)
    wanted = [n for n in range(layers.count + 1) if fits(layers, tokens, n, rooms, used)]
    assert chosen == max(wanted)


@given(models, st.integers(0, 50), cards)
def test_more_memory_never_takes_fewer_layers_on_one_gpu(layers, tokens, rooms):
    small, large = min(rooms), max(rooms)
    assert layers.most(tokens, [small]) <= layers.most(tokens, [large])


def test_the_output_goes_first_and_what_reads_tokens_in_never():
    layers = Layers((100, 100, 100), (1, 1, 1), 500)
    assert layers.most(10, [499]) == 0
    assert layers.most(10, [500]) == 1
    assert layers.most(10, [609]) == 1
    assert layers.most(10, [610]) == 2
    assert layers.most(10, [830]) == layers.count == 4


def test_a_file_is_read_layer_by_layer():
    header = read_header(TINY)
    layers = Layers.of(header)
    assert layers.count == header.block_count + 1 == 6
    embedding = next(each for each in header.tensors if each.name == "token_embd.weight")
    tied = not any(each.name == "output.weight" for each in header.tensors)
    rest = 0 if tied else embedding.size
    assert sum(layers.weights) + layers.output + rest == header.weights_bytes
    assert sum(layers.cache) == header.kv_bytes_per_token
    assert len(set(layers.weights)) == 1


def test_layers_that_differ_are_counted_as_they_are():
    layers = Layers((10, 1000, 10), (0, 0, 0), 10)
    assert layers.most(0, [25]) == 2
    assert layers.most(0, [1019]) == 2
    assert layers.most(0, [1020]) == 3


@given(
    st.builds(
        Shape,
        layers=st.integers(0, 1 << 40),
        hidden=st.integers(0, 1 << 20),
        heads=st.integers(1, 128),
        kv_heads=st.integers(1, 128),
        head_dim=st.integers(0, 256),
        vocabulary=st.integers(0, 1 << 30),
    ),
    st.integers(0, 1 << 50),
)
def test_whatever_a_file_claims_its_layers_are_few_and_weigh_what_it_does(shape, size):
    layers = Layers.even(shape, size)
    assert 1 < layers.count <= 4097
    assert 0 <= layers.output <= size
    assert size <= sum(layers.weights) + layers.output < size + layers.count


def test_a_seventy_b_is_spread_over_two_cards_of_different_size():
    layers = Layers(80 * (500 << 20,), 80 * (4096,), 860 << 20)
    alone = layers.most(16384, [22 * GIB])
    both = layers.most(16384, [22 * GIB, 10 * GIB])
    assert 0 < alone < both < layers.count
    assert layers.most(16384, [22 * GIB, 10 * GIB], [1, 1]) < both
    assert layers.most(16384, [80 * GIB]) == layers.count
