r"""Cleans text of everything that could steer a terminal.

Whatever others wrote (a model, a file's name or metadata, an error, a paste, the history) passes
through here. What becomes of it:

- Kept: everything printable, newline, tab, and what scripts and emoji need although it is
  invisible: the joiners U+200C and U+200D, variation selectors, the signs of Arabic, Mongolian
  and other scripts.
- A newline: the separators U+2028 and U+2029; ``\r\n``, because the ``\r`` is dropped.
- U+FFFD: lone surrogates, which cannot be encoded.
- Dropped one by one: the other C0 controls, DEL, C1; bidi controls; and what is invisible and
  can only deceive or confuse a column count: the soft hyphen, zero-width spaces and word
  joiners, invisible operators, deprecated format characters, U+FEFF, interlinear annotation,
  and tag characters (which hide whole texts; the flags of England, Scotland and Wales lose
  theirs and show as a black flag).
- Dropped whole: escape sequences, with ESC or in their 8-bit form.

  - ``ESC [`` up to its final byte;
  - ``ESC ]``, ``ESC P``, ``ESC X``, ``ESC ^``, ``ESC _`` up to BEL or ST (``ESC \``, U+009C);
  - ESC, up to two characters from space to ``/``, and a final one.

  CAN and SUB cut them short. One that is never finished (a newline or another character that
  cannot stand in it, the next sequence, more characters than any honest one has, the end of the
  text) is given back as text, less its ESC or 8-bit control.
"""

from __future__ import annotations

import enum
import re

LONGEST_STRING = 2048
"""Characters after which a control string counts as unfinished; room for a hyperlink."""
LONGEST_CSI = 64
_LONGEST_INTERMEDIATES = 2

_FORBIDDEN = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"
    "\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
    "\ud800-\udfff"
    "]"
)
_LINE_BREAK = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_INTRODUCER = re.compile("[\x1b\x90\x98\x9b\x9d\x9e\x9f]")

_ESC = "\x1b"
_CANCEL = "\x18\x1a"
_STRING_END = "\x07\x9c"


class _State(enum.Enum):
    TEXT = enum.auto()
    ESCAPE = enum.auto()
    CSI = enum.auto()
    STRING = enum.auto()
    STRING_ESCAPE = enum.auto()


_INTRODUCED = {"\x1b": _State.ESCAPE, "\x9b": _State.CSI}
_LONGER = {"[": _State.CSI} | dict.fromkeys("]PX^_", _State.STRING)


def sanitize(text: str) -> str:
    """Makes a text fit for a terminal, as the module's docstring says."""
    if not _FORBIDDEN.search(text):
        return text
    sanitizer = Sanitizer()
    return sanitizer.feed(text) + sanitizer.close()


def line_breaks(text: str) -> str:
    r"""Makes every line break a newline, in text that comes in: a paste, a file, an argument.

    Terminals and browsers paste line breaks as ``\r``; `sanitize` drops that one, because in what a
    program prints it leads back to the start of the line.
    """
    return _LINE_BREAK.sub("\n", text)


def line(text: str, limit: int = 200) -> str:
    """Makes a text fit for one line: a name, a title, an error.

    Args:
        text: The text; its newlines and tabs become spaces.
        limit: Most characters of the result; what is cut off leaves "…".
    """
    text = sanitize(text).replace("\n", " ").replace("\t", " ").strip()
    return text if len(text) <= limit else text[: max(0, limit - 1)].rstrip() + "…"


class Sanitizer:
    """Does what `sanitize` does to a text that comes in chunks, however it is cut."""

    def __init__(self) -> None:
        self._state = _State.TEXT
        self._held: list[str] = []
        self._out: list[str] = []

    def feed(self, text: str) -> str:
        """Takes the next chunk and returns what of it is certain now.

        An escape sequence that is not finished yet is held back, `LONGEST_STRING` characters at
        most.
        """
        if self._state is _State.TEXT and not _FORBIDDEN.search(text):
            return text
        at = 0
        while at < len(text):
            if self._state is _State.TEXT:
                found = _INTRODUCER.search(text, at)
                end = found.start() if found else len(text)
                self._out.append(_clean(text[at:end]))
                at = end
                if found:
                    self._begin(found[0])
                    at += 1
            else:
                self._step(text[at])
                at += 1
        return self._take()

    def close(self) -> str:
        """Returns what was held back, at the end of the text."""
        self._give_back()
        return self._take()

    def _begin(self, introducer: str) -> None:
        self._state = _INTRODUCED.get(introducer, _State.STRING)

    def _step(self, char: str) -> None:
        """Takes a character in a sequence."""
        if self._state is _State.STRING_ESCAPE:
            if char == "\\":
                self._finish()
                return
            self._give_back()
            self._state = _State.ESCAPE
        in_string = self._state is _State.STRING
        if char in _CANCEL or (in_string and char in _STRING_END):
            self._finish()
        elif in_string and char == _ESC:
            self._state = _State.STRING_ESCAPE
        elif _INTRODUCER.match(char):
            self._give_back()
            self._begin(char)
        elif char := _clean(char):
            # Terminals too skip stray controls in a sequence; they must not break it up.
            self._hold(char)

    def _hold(self, char: str) -> None:
        if self._state is _State.ESCAPE and not self._held and char in _LONGER:
            self._state = _LONGER[char]
            self._held.append(char)
        elif self._ends_with(char):
            self._finish()
        elif self._goes_on_with(char):
            self._held.append(char)
        else:
            self._give_back()
            self._out.append(char)

    def _ends_with(self, char: str) -> bool:
        if self._state is _State.ESCAPE:
            return "0" <= char <= "~"
        return self._state is _State.CSI and "@" <= char <= "~"

    def _goes_on_with(self, char: str) -> bool:
        held = len(self._held)
        if self._state is _State.STRING:
            return char != "\n" and held < LONGEST_STRING
        if self._state is _State.CSI:
            return " " <= char <= "?" and held < LONGEST_CSI
        return " " <= char <= "/" and held < _LONGEST_INTERMEDIATES

    def _finish(self) -> None:
        self._held.clear()
        self._state = _State.TEXT

    def _give_back(self) -> None:
        self._out.extend(self._held)
        self._finish()

    def _take(self) -> str:
        out = "".join(self._out)
        self._out.clear()
        return out


def _clean(text: str) -> str:
    return _FORBIDDEN.sub(_replacement, text)


def _replacement(found: re.Match[str]) -> str:
    char = found[0]
    if char in "\u2028\u2029":
        return "\n"
    return "\ufffd" if "\ud800" <= char <= "\udfff" else ""
