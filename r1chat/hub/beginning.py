"""Reads a model's header over the network, without downloading the rest."""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, cast

from r1chat.errors import ModelError, NetworkError
from r1chat.formatting import format_bytes
from r1chat.gguf import Array, Header, read_header_of
from r1chat.gguf.header import NUMBERS, Value
from r1chat.hub.busy import Busy
from r1chat.hub.client import Client
from r1chat.hub.refusals import Subject
from r1chat.hub.values import Location, RemoteFile

MOST = 64 << 20
"""Bytes of a header; a vocabulary of 150,000 tokens makes 6 MB."""
_FIRST_WINDOW = 1 << 20
_LAST_WINDOW = 4 << 20
_MOST_NUMBERS = 4096


def read_header(
    file: RemoteFile, locate: Callable[[RemoteFile], Location], client: Client
) -> Header:
    """Reads a header, see `Remote.header`."""
    beginning = _Beginning(file, locate, client)
    path = Path(file.repo) / file.path
    header = read_header_of(cast("BinaryIO", beginning), path, file.size)
    metadata = {key: _kept(value, beginning) for key, value in header.metadata.items()}
    return replace(header, metadata=MappingProxyType(metadata))


@dataclass(frozen=True, slots=True)
class FarArray(Array):
    """An array whose file is not here."""

    values: tuple[int | float, ...] | None = field(default=None, kw_only=True)
    """Its numbers, where they are few."""

    def numbers(self) -> tuple[int | float, ...]:
        """Its numbers.

        Raises:
            ModelError: If they were too many to keep.
        """
        if self.values is None:
            msg = f"{self.path} is not on this machine: download it first"
            raise ModelError(msg)
        return self.values

    def strings(self) -> Iterator[str]:
        """Raises a ModelError: texts are not kept."""
        msg = f"{self.path} is not on this machine: download it first"
        raise ModelError(msg)

    def holds(self, *texts: str) -> tuple[bool, ...]:  # noqa: ARG002
        """Raises an OSError: texts are not kept."""
        raise FileNotFoundError(errno.ENOENT, "not on this machine", str(self.path))


def _kept(value: Value, beginning: _Beginning) -> Value:
    if not isinstance(value, Array):
        return value
    kind = NUMBERS.get(value.type)
    values = None
    if kind is not None and value.count <= _MOST_NUMBERS:
        beginning.seek(value.offset)
        pattern = f"<{value.count}{kind}"
        values = struct.unpack(pattern, beginning.read(struct.calcsize(pattern)))
    return FarArray(value.path, value.type, value.count, value.offset, values=values)


class _Beginning:
    """The beginning of a file as something to read; fetches what is missing."""

    def __init__(
        self, file: RemoteFile, locate: Callable[[RemoteFile], Location], client: Client
    ) -> None:
        self._file = file
        self._locate = locate
        self._client = client
        self._location: Location | None = None
        self._data = bytearray()
        self._window = _FIRST_WINDOW
        self._at = 0

    def seek(self, at: int) -> None:
        self._at = at

    def read(self, count: int) -> bytes:
        end = min(self._at + count, self._file.size)
        if end > MOST:
            msg = f"{self._file.path} has a header of more than {format_bytes(MOST)}: it is damaged"
            raise ModelError(msg)
        while len(self._data) < end:
            length = min(self._window, self._file.size - len(self._data))
            self._data += self._fetch(len(self._data), length)
            self._window = min(2 * self._window, _LAST_WINDOW)
        data = bytes(self._data[self._at : end])
        self._at += len(data)
        return data

    def _fetch(self, start: int, length: int) -> bytes:
        try:
            return self._client.patiently(lambda: self._once(start, length))
        except Busy:
            raise
        except NetworkError:
            # The address may have expired; the next try asks for a new one.
            return self._client.patiently(lambda: self._once(start, length))

    def _once(self, start: int, length: int) -> bytes:
        location = self._location or self._locate(self._file)
        self._location = None
        subject = Subject(self._file.repo, self._file.commit, self._file.path)
        data = self._client.part(location.url, start, length, subject)
        self._location = location
        return data
