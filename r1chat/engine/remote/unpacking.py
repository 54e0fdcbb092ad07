"""Decompresses responses in bounded pieces."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

from r1chat.engine.remote.sse import Garbage
from r1chat.sanitize import line

_PIECE = 1 << 20
"""Bytes that are unpacked at once: little data may hold much."""
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
_RAW = -zlib.MAX_WBITS


def unpacked(parts: Iterable[bytes], headers: Mapping[str, str], host: str) -> Iterator[bytes]:
    """Decompresses a response: some gateways compress although nobody asked for it.

    Args:
        parts: The body as it comes.
        headers: The answer's, by names in lower case, or whatever does not mind the case.
        host: Who answers.

    Raises:
        Garbage: If it is compressed in a way that is not known, or not as it says.
    """
    for each in reversed(headers.get("content-encoding", "").lower().split(",")):
        name = each.strip()
        if name in {"", "identity", "none", "utf-8"}:
            continue
        if name not in {"gzip", "x-gzip", "deflate"}:
            msg = f"{host} compresses its answers ({line(name, 20)}) in a way that is not known "
            msg += "here: switch that off there"
            raise Garbage(msg)
        parts = _inflated(parts, host)
    yield from parts


def _inflated(parts: Iterable[bytes], host: str) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(_GZIP_OR_ZLIB)
    begun = False
    try:
        for part in parts:
            left = part
            while left:
                try:
                    data = unpacker.decompress(left, _PIECE)
                except zlib.error:
                    if begun:
                        raise
                    # "deflate" means either of two forms, by who is asked.
                    unpacker = zlib.decompressobj(_RAW)
                    data = unpacker.decompress(left, _PIECE)
                begun = True
                left = unpacker.unconsumed_tail
                if unpacker.eof:
                    left = unpacker.unused_data
                    unpacker = zlib.decompressobj(_GZIP_OR_ZLIB)
                yield data
    except zlib.error:
        msg = f"{host} sends an answer that is not compressed as it says: check what lies between"
        raise Garbage(msg) from None
    with suppress(zlib.error):
        yield unpacker.flush()
