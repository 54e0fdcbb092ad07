"""Batches made on the fly: the same for the same seed, step and process."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

import torch
from torch import Tensor

from scripts.train_tiny.teacher.sample import sample
from scripts.train_tiny.tokenizer import Tokenizer

POOL = 4
CONTEXT = 1000


class Encoded(NamedTuple):
    """A sample as ids, and which of them are to be learned."""

    ids: list[int]
    learn: list[bool]


class Micro(NamedTuple):
    """Rows of similar length: inputs, next tokens, and where loss counts."""

    inputs: Tensor
    targets: Tensor
    mask: Tensor


def encoded(rng: Random, tokenizer: Tokenizer) -> Encoded:
    """Draw one sample that fits the context."""
    while True:
        ids: list[int] = []
        learn: list[bool] = []
        for part in sample(rng):
            found = tokenizer.encode(part.text)
            ids += found
            learn += [part.learn] * len(found)
        if len(ids) <= CONTEXT:
            return Encoded(ids, learn)


def _micro(rows: list[Encoded]) -> Micro:
    width = max(len(row.ids) for row in rows)
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    mask = torch.zeros(len(rows), width, dtype=torch.bool)
    for index, row in enumerate(rows):
        ids[index, : len(row.ids)] = torch.tensor(row.ids)
        mask[index, : len(row.ids)] = torch.tensor(row.learn)
    return Micro(ids[:, :-1], ids[:, 1:], mask[:, 1:])


def _split(rows: list[Encoded], count: int) -> list[Micro]:
    """Cut length-sorted rows into `count` runs of about equal token numbers."""
    total = sum(len(row.ids) for row in rows)
    runs: list[list[Encoded]] = [[] for _ in range(count)]
    seen = 0
    for row in rows:
        runs[min(count - 1, seen * count // total)].append(row)
        seen += len(row.ids)
    return [_micro(run) for run in runs if run]


class Batches:
    """Hands out the micro-batches of a step.

    Rows for a few steps are drawn together and sorted by length, so that
    little is padded; every step gets a short, a middle and a long part.
    """

    def __init__(self, tokenizer: Tokenizer, seed: int, rank: int, tokens: int) -> None:
        """Prepare for one process; `tokens` is its share of a step."""
        self._tokenizer = tokenizer
        self._seed = seed
        self._rank = rank
        self._tokens = tokens
        self._pool = -1
        self._micros: list[Micro] = []

    def at(self, step: int) -> list[Micro]:
        """Return the micro-batches of a step."""
        if step // POOL != self._pool:
            self._pool = step // POOL
            rng = Random(f"{self._seed}/{self._pool}/{self._rank}")
            rows: list[Encoded] = []
            while sum(len(row.ids) for row in rows) < self._tokens * POOL:
                rows.append(encoded(rng, self._tokenizer))
            rows.sort(key=lambda row: len(row.ids))
            self._micros = _split(rows, 3 * POOL)
        return self._micros[step % POOL :: POOL]
