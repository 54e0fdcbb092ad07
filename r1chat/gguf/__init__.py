"""Reads the headers of GGUF files, and says what is wrong with them.

The ``gguf`` package builds every string of the vocabulary (seconds, for 152,000 tokens) and
trusts the lengths it reads; this reader keeps arrays on disk and trusts nothing.
"""

from r1chat.gguf.checks import UPGRADE, check_chat_model, is_part
from r1chat.gguf.header import Array, Header, Tensor
from r1chat.gguf.reader import read_header, read_header_of, shown
from r1chat.gguf.tables import SUPPORTED_ARCHITECTURES

__all__ = [
    "SUPPORTED_ARCHITECTURES",
    "UPGRADE",
    "Array",
    "Header",
    "Tensor",
    "check_chat_model",
    "is_part",
    "read_header",
    "read_header_of",
    "shown",
]
