"""Reads a GGUF header, trusting nothing in it."""

from __future__ import annotations

import re
import stat
import struct
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, NoReturn

from r1chat.errors import ModelError
from r1chat.formatting import counted, format_bytes
from r1chat.gguf.header import ARRAY, MAX_TEXT, NUMBERS, TEXT, Array, Header, Tensor, Value
from r1chat.gguf.looks import looks_like, piece_of
from r1chat.gguf.tables import TENSOR_TYPES

# More than any model has; with the file's own size they bound time and memory.
MAX_KEYS = MAX_TENSORS = 1 << 16
MAX_KEY = 1 << 16
MAX_STRINGS = 1 << 22
MAX_KEPT = 1 << 24
MAX_SHARDS = 1 << 10
# As in llama.cpp.
MAX_NAME, MAX_DIMENSIONS, MAX_ELEMENTS = 63, 4, (1 << 63) - 1
VERSIONS = (2, 3)
CHUNK = 1 << 18
_LENGTH = struct.Struct("<Q").unpack_from


def shown(path: Path | str) -> str:
    """A path or name as it may stand in an error: control characters are escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(path))


def quoted(text: str) -> str:
    """A text from a file as it may stand in an error."""
    return f"'{shown(text[:64])}'"


def read_header(path: Path | str) -> Header:
    """Reads the header of a model and checks that the file holds all of its tensors.

    A model split as llama.cpp does it is given by its first shard; the others are read too.

    Raises:
        ModelError: If there is no such file, or it is no whole GGUF file. One line.
    """
    path = Path(path)
    header = _read(path)
    count = header.split_count
    if count <= 1:
        return header
    shards = _shards(path, header)
    others = [_read(shard) for shard in shards[1:]]
    return replace(
        header,
        tensors=header.tensors + tuple(t for other in others for t in other.tensors),
        size=header.size + sum(other.size for other in others),
        shards=shards,
    )


def read_header_of(file: BinaryIO, path: Path, size: int) -> Header:
    """Reads the header of one file that is open already, e.g. of one that is far away.

    Args:
        file: Its bytes.
        path: What to call it.
        size: Bytes of the file as a whole.

    Raises:
        ModelError: If it is no whole GGUF file. One line.
    """
    return _Reader(file, path, size).header()


def _shards(path: Path, header: Header) -> tuple[Path, ...]:
    count = header.split_count
    match = re.fullmatch(r"(.*)-(\d{5})-of-(\d{5})\.gguf", path.name, re.DOTALL)
    if match is None or int(match[3]) != count or count > MAX_SHARDS:
        msg = (
            f"{shown(path)} is one of {count:,} shards, which must be named as llama.cpp does: "
            f"name-00001-of-{count:05}.gguf"
        )
        raise ModelError(msg)
    shards = tuple(
        path.with_name(f"{match[1]}-{number:05}-of-{count:05}.gguf")
        for number in range(1, count + 1)
    )
    if (header.integer("split.no") or 0) != 0 or path != shards[0]:
        msg = f"{shown(path)} is not the first of its {count} shards: give {shown(shards[0].name)}"
        raise ModelError(msg)
    missing = [shown(shard.name) for shard in shards if not shard.is_file()]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""  # noqa: PLR2004
        msg = f"{shown(path)} is one of {count} shards; missing: {', '.join(missing[:3])}{more}"
        raise ModelError(msg)
    return shards


def _read(path: Path) -> Header:
    try:
        info = path.stat()
        if stat.S_ISDIR(info.st_mode):
            reason = "is a directory, not a GGUF file"
        elif not stat.S_ISREG(info.st_mode):
            reason = "is not a regular file"
        elif not info.st_size:
            reason = "is empty"
        else:
            with path.open("rb") as file:
                return _Reader(file, path, info.st_size).header()
    except FileNotFoundError:
        reason = "does not exist"
    except NotADirectoryError:
        reason = "does not exist: a part of its path is a file"
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = f"cannot be read: {getattr(error, 'strerror', None) or error}"
    msg = f"{shown(path)} {reason}"
    raise ModelError(msg)


class _Reader:
    def __init__(self, file: BinaryIO, path: Path, size: int) -> None:
        self._file = file
        self._path = path
        self._size = size
        self._at = 0
        self._kept = 0
        self._strings = 0

    def header(self) -> Header:
        self._check_magic()
        version, tensor_count, key_count = struct.unpack("<IQQ", self._take(20))
        if key_count > MAX_KEYS or tensor_count > MAX_TENSORS:
            self._fail(
                f"is damaged: it claims {counted(key_count, 'key')} and "
                f"{counted(tensor_count, 'tensor')}"
            )
        metadata: dict[str, Value] = {}
        for _ in range(key_count):
            key = self._text(MAX_KEY, "a key")
            if not key or key in metadata:
                self._fail(f"is damaged: the key {quoted(key)} is empty or appears twice")
            metadata[key] = self._value(key)
        alignment = metadata.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment <= 0 or alignment & (alignment - 1):
            self._fail("is damaged: its alignment is no power of two")
        tensors = self._tensors(tensor_count, alignment)
        return Header(
            path=self._path,
            version=version,
            metadata=MappingProxyType(metadata),
            tensors=tensors,
            size=self._size,
            shards=(self._path,),
        )

    def _check_magic(self) -> None:
        start = self._file.read(512)
        if start[:4] != b"GGUF":
            self._fail(looks_like(start, self._path.name))
        version = int.from_bytes(start[4:8], "little")
        if version in VERSIONS or len(start) < 8:  # noqa: PLR2004
            self._seek(4)
        elif int.from_bytes(start[4:8], "big") in VERSIONS:
            self._fail("is a big-endian GGUF file; this machine needs a little-endian one")
        elif version == 1:
            self._fail(
                "is a GGUF file of version 1, which llama.cpp no longer reads: convert it again"
            )
        else:
            self._fail(f"is a GGUF file of version {version}; r1chat knows 2 and 3")

    def _tensors(self, count: int, alignment: int) -> tuple[Tensor, ...]:
        tensors: dict[str, Tensor] = {}
        end = 0
        for _ in range(count):
            tensor = self._tensor()
            if tensor.name in tensors:
                self._fail(f"is damaged: it has two tensors named {quoted(tensor.name)}")
            if tensor.offset != end:
                self._fail(f"is damaged: the tensor {quoted(tensor.name)} is not where it belongs")
            end += -(-tensor.size // alignment) * alignment
            tensors[tensor.name] = tensor
        if tensors:
            start = -(-self._at // alignment) * alignment
            last = tensors[tensor.name]
            missing = start + last.offset + last.size - self._size
            if missing > 0:
                self._cut(f"it ends {counted(missing, 'byte')} before the end of its last tensor")
        return tuple(tensors.values())

    def _tensor(self) -> Tensor:
        name = self._text(MAX_NAME, "a tensor's name")
        (count,) = struct.unpack("<I", self._take(4))
        if count > MAX_DIMENSIONS:
            self._fail(f"is damaged: the tensor {quoted(name)} has {count:,} dimensions")
        shape = struct.unpack(f"<{count}Q", self._take(8 * count))
        number, offset = struct.unpack("<IQ", self._take(12))
        if number not in TENSOR_TYPES:
            self._fail(
                f"has the tensor {quoted(name)} of type {number}, which r1chat does not know: "
                "it is damaged, or newer or older than this llama.cpp"
            )
        kind, block, block_size = TENSOR_TYPES[number]
        elements = 1
        for length in shape:
            elements *= length
        row = shape[0] if shape else 1
        if row % block or elements // block * block_size > MAX_ELEMENTS or elements > MAX_ELEMENTS:
            self._fail(f"is damaged: the tensor {quoted(name)} of {kind} has an impossible shape")
        return Tensor(name, shape, kind, elements, elements // block * block_size, offset)

    def _value(self, key: str) -> Value:
        (kind,) = struct.unpack("<I", self._take(4))
        if kind in NUMBERS:
            value: Value = self._number(kind)
            return value
        if kind == TEXT:
            return self._long_text(key)
        if kind == ARRAY:
            kind, count = struct.unpack("<IQ", self._take(12))
            start = self._at
            if kind in NUMBERS:
                self._skip(count * struct.calcsize("<" + NUMBERS[kind]), f"the array {quoted(key)}")
                return Array(self._path, kind, count, start, size=self._at - start)
            if kind == TEXT:
                self._skip_strings(count, key)
                return Array(self._path, kind, count, start, size=self._at - start)
        return self._fail(f"is damaged: the key {quoted(key)} has a value of type {kind}")

    def _number(self, kind: int) -> int | float | bool:
        pattern = "<" + NUMBERS[kind]
        value: int | float | bool
        (value,) = struct.unpack(pattern, self._take(struct.calcsize(pattern)))
        return value

    def _long_text(self, key: str) -> Value:
        (length,) = _LENGTH(self._take(8))
        if length > MAX_TEXT:
            if key in {"general.architecture", "general.type", "tokenizer.chat_template"}:
                self._fail(
                    f"has a text of {format_bytes(length)} as {key!r}; "
                    f"the most is {format_bytes(MAX_TEXT)}"
                )
            # Some files carry a whole tokenizer.json as a text. Nothing here needs it.
            array = Array(self._path, 0, length, self._at, size=length)
            self._skip(length, f"the text {quoted(key)}")
            return array
        self._seek(self._at - 8)
        return self._text(MAX_TEXT, quoted(key))

    def _text(self, most: int, what: str) -> str:
        (length,) = _LENGTH(self._take(8))
        if length > most:
            self._fail(f"is damaged: {what} is {format_bytes(length)} long")
        self._kept += length
        if self._kept > MAX_KEPT:
            self._fail(f"has more than {format_bytes(MAX_KEPT)} of texts in its header")
        return self._take(length).decode("utf-8", "replace")

    def _skip_strings(self, count: int, key: str) -> None:
        self._strings += count
        if self._strings > MAX_STRINGS:
            self._fail(f"is damaged: the array {quoted(key)} claims {count:,} texts")
        while count:
            chunk = self._file.read(CHUNK)
            last = len(chunk) - 8
            if last < 0:
                self._cut("it ends inside its header")
            at = 0
            # Most of the time that a header takes goes by in this loop.
            for done in range(count):
                if at > last:
                    count -= done
                    break
                at += 8 + _LENGTH(chunk, at)[0]
            else:
                count = 0
            self._skip(at, f"a text in {quoted(key)}")

    def _take(self, count: int) -> bytes:
        if count > self._size - self._at:
            self._cut("it ends inside its header")
        data = self._file.read(count)
        if len(data) != count:
            self._fail("became shorter while it was read")
        self._at += count
        return data

    def _skip(self, count: int, what: str) -> None:
        if count > self._size - self._at:
            self._cut(f"{what} ends {counted(count - self._size + self._at, 'byte')} after its end")
        self._seek(self._at + count)

    def _seek(self, at: int) -> None:
        self._at = at
        self._file.seek(at)

    def _cut(self, how: str) -> NoReturn:
        part = piece_of(self._path.name)
        self._fail(part or f"is truncated: {how}. Download it again")

    def _fail(self, reason: str) -> NoReturn:
        msg = f"{shown(self._path)} {reason}"
        raise ModelError(msg)
