"""What a broken or malicious Hub may say where a name, a number or a text belongs."""

from __future__ import annotations

# A client may join an etag into a path.
ETAGS = (
    "/r1chat-hostile",
    "../../hostile",
    "..",
    ".",
    "",
    "con",
    "a" * 63,
    "g" * 64,
    "A" * 64,
    "0" * 10_000,
    "0" * 64 + "/../x",
    "0" * 32 + "%2f..",
)

# Control characters have no place in a header: a client refuses the whole answer, or passes on.
RAW_ETAGS = ('"\x1b]0;owned\x07"', '"\x00"', '"\x7f"', 'W/"weak"', '"unclosed', "\udcff\udcfe")

NAMES = (
    "../outside.gguf",
    "../../../../../../r1chat-hostile.gguf",
    "/r1chat-hostile.gguf",
    "a/../../outside.gguf",
    "a//b.gguf",
    "./here.gguf",
    "..",
    "..\\outside.gguf",
    "C:\\outside.gguf",
    "\x1b]52;c;b3duZWQ=\x07.gguf",
    "\x1b[2J.gguf",
    "new\nline.gguf",
    "back\rward.gguf",
    "nul\0.gguf",
    "delete\x7f.gguf",
    "c1\x9b31m.gguf",
    "bidi\u202egfgg.gguf",
    "isolate\u2066x.gguf",
    "lone\ud800.gguf",
    "long" * 2500 + ".gguf",
    ".gguf",
    "-rf.gguf",
    " .gguf",
    "CON.gguf",
)

# In the place of sizes, counts and dates.
NUMBERS = (-1, -(2**63), 2**63, 10**400, 1e308, 0.5, True, None, "12", "\x1b[31m7", [], {}, [1])

TEXTS = (
    "\x1b]0;owned\x07title",
    "\x1b[31mred\x1b[0m",
    "\x9b2Jc1",
    "two\nlines\rover",
    "bidi \u202eesrever",
    "nul \0 byte",
    "lone \ud800",
    "x" * 100_000,
)

ERROR_BODIES = (
    b"\x1b]0;owned\x07\x1b[2Jerror",
    b'{"error": "\\u001b[31mred\\u001b]52;c;b3duZWQ=\\u0007"}',
    b'{"error": ["\\u001b[2J", "\\u202e"]}',
    b'{"error": 7}',
    b'{"error": {"message": null}}',
    b"[]",
    b'"text"',
    b"\xff\xfe\x80 not UTF-8",
    b'{"error": "\xff\xfe"}',
    b"<html>" + b"x" * 100_000,
    b"{" * 10_000,
    b"",
)
