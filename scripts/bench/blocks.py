"""Random weights in llama.cpp's K-quant blocks, made straight in their packed form.

Speed does not depend on what the weights are, as long as every number stays finite: means of zero
and deviations of 0.02 keep the activations of a random transformer tame.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DEVIATION = 0.02
BLOCK = 256
Q4_K_BYTES = 144
Q6_K_BYTES = 210

Bytes = NDArray[np.uint8]

# A weight of Q4_K is d·s·q - dmin·m with q in 0…15 and 6-bit s and m, one pair for 32 weights.
# With m = s and dmin = 7.5 d its mean is zero and its deviation d·s·√21.25.
_Q4_SPREAD = 21.25**0.5
_Q4_SCALES = (32, 64)
# A weight of Q6_K is d·s·(q - 32) with q in 0…63 and a signed s for 16 weights. The half that the
# mean of q is short of 32 vanishes with the signs of s.
_Q6_SPREAD = 341.5**0.5
_Q6_SCALES = (64, 128)


def _typical(scales: tuple[int, int]) -> float:
    values = np.arange(*scales, dtype=np.float64)
    return float(np.sqrt(np.mean(values * values)))


def _half(value: float) -> Bytes:
    return np.array([value], dtype="<f2").view(np.uint8)


def q4_k(count: int, random: np.random.Generator) -> Bytes:
    """Blocks of 256 weights.

    Args:
        count: How many blocks.
        random: Where the numbers come from.

    Returns:
        One block a row.
    """
    blocks = np.empty((count, Q4_K_BYTES), np.uint8)
    step = DEVIATION / (_Q4_SPREAD * _typical(_Q4_SCALES))
    blocks[:, 0:2] = _half(step)
    blocks[:, 2:4] = _half(7.5 * step)
    scales = random.integers(*_Q4_SCALES, size=(count, 8), dtype=np.uint8)
    low, high = scales[:, :4], scales[:, 4:]
    # Eight scales and eight minima of six bits in twelve bytes: the first four of each are whole,
    # the others leave their top bits above them.
    blocks[:, 4:8] = low | (high >> 4 << 6)
    blocks[:, 8:12] = low | (high >> 4 << 6)
    blocks[:, 12:16] = (high & 15) | (high & 15) << 4
    blocks[:, 16:] = random.integers(0, 256, size=(count, 128), dtype=np.uint8)
    return blocks


def q6_k(count: int, random: np.random.Generator) -> Bytes:
    """Blocks of 256 weights; see `q4_k`."""
    blocks = np.empty((count, Q6_K_BYTES), np.uint8)
    blocks[:, :192] = random.integers(0, 256, size=(count, 192), dtype=np.uint8)
    scales = random.integers(*_Q6_SCALES, size=(count, 16), dtype=np.int8)
    signs = random.integers(0, 2, size=(count, 16), dtype=np.int8) * 2 - 1
    blocks[:, 192:208] = (scales * signs).view(np.uint8)
    blocks[:, 208:210] = _half(DEVIATION / (_Q6_SPREAD * _typical(_Q6_SCALES)))
    return blocks
