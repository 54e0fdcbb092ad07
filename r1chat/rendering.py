"""Markdown and mathematics on a terminal, as they come: for answers on the command line.

Nothing that was printed is ever taken back. So text goes out as soon as it is known what it says:
words at once, a formula or emphasis when it is closed, a table when its last row is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from r1chat.cells import columns
from r1chat.sanitize import sanitize

if TYPE_CHECKING:
    from markdown_it.token import Token

LONGEST = 600
"""Characters that wait for what closes them; then they are shown as they stand."""
_LONGEST_FORMULA = 100
"""Lines of a formula that waits for its end."""
_RULE = "───"
_FENCE = re.compile(r"( *)(`{3,}|~{3,})([^`]*)$")
_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*$")
_LINE = re.compile(r" {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$")
_MARK = re.compile(
    r"([ \t]*)(?:([-+*])|(\d{1,9})([.)]))[ \t]+(?:\[([ xX])\][ \t]+)?"  # an item of a list
    r"|([ \t]*)>[ \t]?"
)
_MAYBE_MARK = re.compile(
    r"[ \t]*(?:[-+*](?:[ \t]*(?:\[(?:[ xX]\]?)?)?)?|\d{1,9}(?:[.)][ \t]*)?"
    r"|>|#{1,6}.*|[`~]{1,2}|\|.*|\\|\$)?$"
)
"""A beginning of a line that may yet become something else than text."""
_FORMULA = re.compile(r"[ \t]*(\$\$|\\\[|\\begin(\{\w+\*?\}))")
_OPENING = re.compile(r"\\boxed\s?\{|\\[(\[]|\\.|`+|\$+|\*+|_+|~~|!?\[", re.DOTALL)
_LINKED = re.compile(r"(?:https?://|mailto:)[!-~]{1,2000}")


class Rendering:
    """Takes Markdown in pieces, and says what is to be printed of it.

    Args:
        width: Columns of the terminal.
        colour: Whether it knows colours and links.
    """

    def __init__(self, width: int, *, colour: bool = True) -> None:
        self._width = width
        self._colour = colour
        self._line = ""
        """The line that is being written, as far as it is not printed."""
        self._begun = False
        """Whether a part of it is."""
        self._fence = ""
        self._formula = ""
        """What ends the formula whose lines are held."""
        self._held: list[str] = []
        """Lines of a table, or of a formula."""

    def feed(self, text: str) -> str:
        """Takes the next piece; returns what can be printed."""
        out = []
        *lines, rest = text.split("\n")
        for line in lines:
            self._line += line
            out.append(self._end_line())
        self._line += rest
        out.append(self._go_on())
        return "".join(out)

    def close(self) -> str:
        """Ends the text; returns what is left to be printed."""
        out = self._end_line() if self._line or self._begun else ""
        out += self._release()
        self._fence = ""
        return out.removesuffix("\n")

    # Lines

    def _end_line(self) -> str:
        line, begun = self._line, self._begun
        self._line, self._begun = "", False
        if begun:
            return (line if self._fence else self._inline(line)) + "\n"
        if self._fence:
            return self._code_line(line)
        if self._formula:
            return self._formula_line(line)
        if line.lstrip().startswith("|"):
            self._held.append(line)
            return ""
        return self._release() + self._whole_line(line)

    def _whole_line(self, line: str) -> str:
        if fence := _FENCE.match(line):
            self._fence = fence[2]
            return self._style(fence[3].strip() or "code", "2") + "\n"
        if begin := _FORMULA.match(line):
            closing = f"\\end{begin[2]}" if begin[2] else {"\\[": "\\]"}.get(begin[1], "$$")
            if closing not in line[begin.end() :]:
                self._formula, self._held = closing, [line]
                return ""
            return self._display(line)
        if heading := _HEADING.match(line):
            return self._style(self._inline(heading[2]), "1") + "\n"
        if _LINE.match(line):
            return _RULE + "\n"
        mark = _MARK.match(line)
        prefix = self._prefix(mark) if mark else ""
        return prefix + self._inline(line[mark.end() if mark else 0 :]) + "\n"

    def _code_line(self, line: str) -> str:
        ticks = line.strip()
        if ticks.startswith(self._fence) and not ticks.strip(self._fence[0]):
            self._fence = ""
            return ""
        return line + "\n"

    def _formula_line(self, line: str) -> str:
        self._held.append(line)
        if self._formula not in line and len(self._held) < _LONGEST_FORMULA:
            return ""
        text, self._held, self._formula = "\n".join(self._held), [], ""
        return self._display(text)

    def _release(self) -> str:
        """Gives out what was held: a table, or a formula that has no end."""
        if not self._held:
            return ""
        text, self._held, self._formula = "\n".join(self._held), [], ""
        return self._table(text) if text.lstrip().startswith("|") else text + "\n"

    # The line that is being written

    def _go_on(self) -> str:
        """Prints of it what is certain."""
        line = self._line
        if self._fence:
            return self._go_on_with_code(line)
        if self._formula or not line:
            return ""
        begun, prefix = self._begun, ""
        if not begun:
            if any(each.match(line) for each in (_MAYBE_MARK, _FORMULA, _FENCE)):
                return ""
            # A table has ended before it.
            prefix = self._release()
            mark = _MARK.match(line)
            if mark:
                prefix, line = prefix + self._prefix(mark), line[mark.end() :]
                begun = True
        end = _certain(line)
        if not end and len(line) > LONGEST:
            end = _behind_space(line, 0, len(line)) or len(line)
        self._begun = begun or end > 0
        self._line = line[end:]
        return prefix + self._inline(line[:end])

    def _go_on_with_code(self, line: str) -> str:
        if not line or (not self._begun and not line.lstrip().strip(self._fence[0])):
            # It may be the end.
            return ""
        self._begun, self._line = True, ""
        return line

    def _prefix(self, mark: re.Match[str]) -> str:
        indent = mark[1] or mark[6] or ""
        if mark[3]:
            return f"{indent}{mark[3]}{mark[4]} "
        if mark[2] is None:
            return f"{indent}▌ "
        return indent + {None: "• ", " ": "☐ "}.get(mark[5], "☑ ")

    # What stands in them

    def _inline(self, text: str) -> str:
        """Renders running text. Spaces at its ends stay as they are."""
        words = text.strip()
        if not words:
            return text
        from r1chat.markdown import parse_inline

        before, after = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
        return before + "".join(self._tokens(parse_inline(words))) + after

    def _tokens(self, tokens: Sequence[Token]) -> Iterator[str]:
        links: list[tuple[str, str]] = []
        for token in tokens:
            kind, text = token.type, sanitize(token.content)
            if kind in _SIMPLE:
                yield self._code(_SIMPLE[kind])
            elif kind == "link_open":
                address = sanitize(str(token.attrGet("href") or ""))
                linked = self._colour and _LINKED.fullmatch(address)
                links.append((address, f"\x1b]8;;{address}\x1b\\" if linked else ""))
                yield links[-1][1]
            elif kind == "link_close" and links:
                address, opened = links.pop()
                if opened:
                    yield "\x1b]8;;\x1b\\"
                if not _says(tokens, token, address):
                    yield self._style(f" ({address})", "2")
            elif kind == "code_inline":
                yield self._style(text, "36") if self._colour else f"`{text}`"
            elif kind in {"softbreak", "hardbreak"}:
                yield "\n"
            elif kind == "image":
                yield f"[image: {text}] ({sanitize(str(token.attrGet('src') or ''))})"
            else:
                yield text

    def _display(self, source: str) -> str:
        """A formula on lines of its own; its source, where it cannot be read."""
        from r1chat.mathematics import find, render

        text = source.strip()
        found = find(text, 0)
        if found is None or text[found.end :].strip(" \t.,;:"):
            return "".join(self._inline(line) + "\n" for line in source.split("\n"))
        tall = render(found.latex, tall=True)
        if tall is not None and columns(tall.lines[0]) + 2 <= self._width:
            return "".join(f"  {sanitize(line)}".rstrip() + "\n" for line in tall.lines)
        flat = render(found.latex)
        return f"  {sanitize(flat.text)}\n" if flat is not None else source + "\n"

    def cell(self, token: Token) -> str:
        """A cell of a table."""
        return "".join(self._tokens(token.children or ()))

    def _table(self, source: str) -> str:
        """A table in columns; a list, where these have no room."""
        from r1chat.markdown import parse

        tokens = parse(source)
        if not tokens or tokens[0].type != "table_open":
            return "".join(self._inline(line) + "\n" for line in source.split("\n"))
        rows: list[list[Token]] = []
        for token in tokens:
            if token.type == "tr_open":
                rows.append([])
            elif token.type == "inline" and rows:
                rows[-1].append(token)
        bare = Rendering(self._width, colour=False)
        texts = [[bare.cell(cell) for cell in row] for row in rows]
        shown = [[self.cell(cell) for cell in row] for row in rows]
        count = len(texts[0])
        widths = [max(columns(row[at]) for row in texts if at < len(row)) for at in range(count)]
        if sum(widths) + 3 * (len(widths) - 1) > self._width:
            return "".join(
                f"{'  ' if at else '• '}{self._style(head, '1')}: {cell}\n"
                for row in shown[1:]
                for at, (head, cell) in enumerate(zip(shown[0], row, strict=False))
            )
        lines = []
        for number, (row, plain) in enumerate(zip(shown, texts, strict=True)):
            cells = [
                self._style(cell, "1" if number == 0 else "") + " " * (width - columns(text))
                for cell, text, width in zip(row, plain, widths, strict=False)
            ]
            lines.append(" │ ".join(cells).rstrip())
            if number == 0:
                lines.append("─┼─".join("─" * width for width in widths))
        return "\n".join(lines) + "\n"

    def _style(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[{_ENDS[code]}m" if self._colour and code and text else text

    def _code(self, code: str) -> str:
        return f"\x1b[{code}m" if self._colour else ""


_SIMPLE = {
    "strong_open": "1",
    "strong_close": "22",
    "em_open": "3",
    "em_close": "23",
    "s_open": "9",
    "s_close": "29",
}
_ENDS = {"1": "22", "2": "22", "36": "39"}


def _says(tokens: Sequence[Token], closing: Token, address: str) -> bool:
    """Whether the words of a link are its address."""
    words = ""
    for token in tokens:
        if token is closing:
            break
        words = "" if token.type == "link_open" else words + token.content
    return address in {words, f"mailto:{words}"}


def _certain(text: str) -> int:
    """How much of a text is certain: up to the last space before which no markup is open."""
    at = certain = 0
    while opening := _OPENING.search(text, at):
        sign, start, end = opening[0], opening.start(), opening.end()
        certain = _behind_space(text, at, start) or certain
        closing = -1 if end == len(text) else _closing(text, sign, start, end)
        if closing is not None and closing < 0:
            return certain
        at = end if closing is None else closing
    return _behind_space(text, at, len(text)) or certain


def _behind_space(text: str, start: int, end: int) -> int:
    """Behind the last space of a part of a text; 0 where it has none."""
    return max(text.rfind(" ", start, end), text.rfind("\t", start, end)) + 1


def _closing(text: str, sign: str, start: int, end: int) -> int | None:
    """Where markup ends that begins in a text: -1 where it is open, None where it is none."""
    before, after = text[start - 1 : start], text[end]
    if sign.startswith("\\boxed"):
        return _balanced(text, end, "{}")
    if sign in {"\\(", "\\["}:
        return _behind(text, {"\\(": "\\)", "\\[": "\\]"}[sign], end)
    is_text = (sign[0] in "*_$" and after.isspace()) or (sign[0] == "_" and before.isalnum())
    if sign[0] == "\\" or is_text:
        return None
    if sign.endswith("["):
        closing = _balanced(text, end, "[]")
        if closing < 0 or closing == len(text):
            return -1
        return _balanced(text, closing + 1, "()") if text[closing] == "(" else closing
    return _behind(text, sign, end)


def _behind(text: str, sign: str, at: int) -> int:
    found = text.find(sign, at)
    return found + len(sign) if found >= 0 else -1


def _balanced(text: str, at: int, pair: str) -> int:
    """Behind the bracket that closes one that was opened before a place; -1 where none does."""
    depth = 1
    for index in range(at, len(text)):
        depth += (text[index] == pair[0]) - (text[index] == pair[1])
        if not depth:
            return index + 1
    return -1
