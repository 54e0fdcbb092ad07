"""Texts are packed where that makes them smaller, and damage to them is told."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from r1chat.store.rows import DAMAGED, pack, unpack


@given(st.text(max_size=300))
@example("x\ufffd")
@example("x\ufffd" + "a" * 400)
@example("\ud800")
def test_a_text_comes_back_as_it_was(text):
    assert unpack(pack(text)) == text


@pytest.mark.parametrize("length", [40, 100, 5000])
def test_packed_bytes_that_a_flipped_bit_calls_a_text_are_damage(length):
    packed = pack("word " * length)
    assert isinstance(packed, bytes)
    assert unpack(packed.decode("utf-8", "replace")).endswith(DAMAGED)
