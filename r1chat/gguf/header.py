"""What a GGUF header says."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from r1chat.errors import ModelError
from r1chat.formatting import format_bytes
from r1chat.gguf.tables import FILE_TYPES, TENSOR_TYPES

NUMBERS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
"""By the number of a value's type: how `struct` reads it."""
TEXT, ARRAY = 8, 9
MAX_TEXT = 1 << 20
MAX_NUMBERS = 1 << 20
MAX_SEARCHED = 1 << 26
MAX_LAYERS = 4096
"""More than any model has; a file can say any number."""


@dataclass(frozen=True, slots=True)
class Array:
    """An array that is left on disk."""

    path: Path
    type: int
    """The number of its elements' type."""
    count: int
    offset: int
    size: int = field(default=0, kw_only=True)
    """Bytes; 0 if they are out of reach."""

    def numbers(self) -> tuple[int | float, ...]:
        """Reads a numeric array.

        Raises:
            ModelError: If it holds texts, or more than a million numbers.
        """
        kind = NUMBERS.get(self.type)
        if kind is None or self.count > MAX_NUMBERS:
            msg = (
                f"{self.path.name!r} has {self.count:,} texts or numbers where a few numbers belong"
            )
            raise ModelError(msg)
        with self.path.open("rb") as file:
            file.seek(self.offset)
            data = file.read(self.count * struct.calcsize("<" + kind))
        try:
            return struct.unpack(f"<{self.count}{kind}", data)
        except struct.error:
            msg = f"{self.path.name!r} changed while it was read"
            raise ModelError(msg) from None

    def strings(self) -> Iterator[str]:
        """Reads an array of texts one by one.

        Raises:
            ModelError: If it holds no texts, or one of more than 1 MiB.
        """
        with self.path.open("rb") as file:
            file.seek(self.offset)
            for _ in range(self.count if self.type == TEXT else 0):
                length = int.from_bytes(file.read(8), "little")
                if length > MAX_TEXT:
                    msg = f"{self.path.name!r} has a text of {format_bytes(length)} in an array"
                    raise ModelError(msg)
                yield file.read(length).decode("utf-8", "replace")

    def holds(self, *texts: str) -> tuple[bool, ...]:
        """Whether it has each of some texts among its first 64 MiB, more than any vocabulary has.

        Raises:
            OSError: If the file cannot be read any more.
        """
        with self.path.open("rb") as file:
            file.seek(self.offset)
            data = file.read(min(self.size, MAX_SEARCHED) if self.type == TEXT else 0)
        spelled = [text.encode() for text in texts]
        # The length in front tells a whole text from a part of a longer one.
        return tuple(struct.pack("<Q", len(text)) + text in data for text in spelled)


Value: TypeAlias = int | float | bool | str | Array


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor, described."""

    name: str
    shape: tuple[int, ...]
    type: str
    """E.g. "Q4_K"."""
    elements: int
    size: int
    """Bytes."""
    offset: int
    """From the start of the file's data."""


@dataclass(frozen=True)
class Header:
    """The header of a model. Its texts come from strangers: clean them before they are shown."""

    path: Path
    version: int
    metadata: Mapping[str, Value]
    tensors: tuple[Tensor, ...]
    """Those of all its shards."""
    size: int
    """Bytes of all its shards."""
    shards: tuple[Path, ...]
    """The files it consists of, this one first."""

    def text(self, key: str) -> str | None:
        """The text under a key, if there is one and it is a text."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) else None

    def integer(self, key: str) -> int | None:
        """The whole number under a key, if there is one and it is one."""
        value = self.metadata.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def _of_arch(self, key: str) -> int:
        return self.integer(f"{self.arch}.{key}") or 0

    @property
    def arch(self) -> str:
        """As in ``general.architecture``; empty if the file does not say."""
        return self.text("general.architecture") or ""

    @property
    def name(self) -> str:
        """The model's own name, else the file's."""
        return self.text("general.name") or self.path.stem

    @property
    def kind(self) -> str:
        """``general.type``: "model", "adapter", "mmproj", "imatrix"."""
        return self.text("general.type") or "model"

    @property
    def license(self) -> str | None:
        """As the file says it."""
        return self.text("general.license") or self.text("general.license.name")

    @property
    def quant(self) -> str:
        """E.g. "Q4_K_M": what the file says, else the type of most of its bytes."""
        number = self.integer("general.file_type")
        if number in FILE_TYPES:
            return FILE_TYPES[number]
        sizes: Counter[str] = Counter()
        for tensor in self.tensors:
            sizes[tensor.type] += tensor.size
        return max(sizes, key=sizes.__getitem__, default="")

    @property
    def split_count(self) -> int:
        """The number of files that the model is split over."""
        return self.integer("split.count") or 1

    @property
    def context_trained(self) -> int:
        """Tokens of context it was made for; 0 if the file does not say."""
        return self._of_arch("context_length")

    @property
    def block_count(self) -> int:
        """Layers."""
        return self._of_arch("block_count")

    @property
    def embedding_length(self) -> int:
        """Width of a layer."""
        return self._of_arch("embedding_length")

    @property
    def head_count(self) -> int:
        """Attention heads of a layer; the most, where layers differ."""
        return max(self._per_layer("attention.head_count"), default=0)

    @property
    def head_count_kv(self) -> int:
        """Key and value heads of a layer; the most, where layers differ."""
        return max(self._per_layer("attention.head_count_kv"), default=self.head_count)

    @property
    def key_length(self) -> int:
        """Width of a key."""
        fallback = self.embedding_length // self.head_count if self.head_count else 0
        return self._of_arch("attention.key_length") or fallback

    @property
    def value_length(self) -> int:
        """Width of a value."""
        return self._of_arch("attention.value_length") or self.key_length

    @property
    def kv_bytes_per_layer(self) -> tuple[int, ...]:
        """Bytes of an F16 cache that a token takes in each layer.

        An upper bound: layers with a sliding window and recurrent ones take less in a long
        context.
        """
        values = self.value_length
        if f"{self.arch}.attention.key_length_mla" in self.metadata:
            values = 0  # Multi-head latent attention reads both from the keys.
        heads = self._per_layer("attention.head_count_kv")
        if len(heads) <= 1:
            layers = min(self.block_count, MAX_LAYERS)
            heads = layers * (heads[0] if heads else self.head_count_kv,)
        return tuple(n * (self.key_length + values) * TENSOR_TYPES[1][2] for n in heads)

    @property
    def kv_bytes_per_token(self) -> int:
        """Bytes of an F16 cache that a token takes in all of them."""
        return sum(self.kv_bytes_per_layer)

    @property
    def chat_template(self) -> str | None:
        """Jinja, from a stranger: only ever rendered in a sandbox with limits."""
        return self.text("tokenizer.chat_template")

    @property
    def tokenizer_model(self) -> str | None:
        """E.g. "gpt2"."""
        return self.text("tokenizer.ggml.model")

    @property
    def parameters(self) -> int:
        """Elements of all tensors."""
        return sum(tensor.elements for tensor in self.tensors)

    @property
    def weights_bytes(self) -> int:
        """Bytes of all tensors."""
        return sum(tensor.size for tensor in self.tensors)

    @property
    def is_model(self) -> bool:
        """Whether there are weights; a file can hold a vocabulary alone."""
        return bool(self.tensors)

    def _per_layer(self, key: str) -> tuple[int, ...]:
        value = self.metadata.get(f"{self.arch}.{key}")
        if isinstance(value, Array):
            return tuple(n for n in value.numbers() if isinstance(n, int))
        one = self._of_arch(key)
        return (one,) if one else ()
