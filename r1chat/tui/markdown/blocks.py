"""Blocks: tokens as lines, formulas and tables with what stands to their left."""

from __future__ import annotations

import re
from dataclasses import dataclass

from markdown_it.token import Token
from textual.content import Content
from textual.highlight import ANSIDarkHighlightTheme, HighlightTheme, highlight
from textual.style import Style

from r1chat.markdown import parse
from r1chat.tui.markdown.code import language_of
from r1chat.tui.markdown.cuts import Piece
from r1chat.tui.markdown.display import Display
from r1chat.tui.markdown.inline import content_of
from r1chat.tui.markdown.origins import Lines, Origin, Origins, Tracer, sliced
from r1chat.tui.markdown.rows import BAR, QUOTE, Block, Line, Margin
from r1chat.tui.markdown.tables import Table


class _Theme(HighlightTheme):
    """Textual's colours for code, without its underlining of every call."""

    STYLES = {  # noqa: RUF012 - declared by Textual, and not as a class's
        kind: style.replace("underline", "").strip()
        for kind, style in HighlightTheme.STYLES.items()
    }


BULLETS = "•◦▪"
_TASK = re.compile(r"\[([ xX])\] ")
_COPY = " copy"
_TAB = 4
_MOST_HIGHLIGHTED = 40_000
"""Characters of code; more is shown without colours."""
_ALIGN = {"text-align:center": "center", "text-align:right": "right"}


@dataclass(slots=True)
class _Level:
    """A list item or a quotation that stands around what is written now."""

    first: Content
    rest: Content
    used: bool = False


@dataclass(slots=True)
class _List:
    ordered: bool
    number: int


def blocks_of(
    piece: Piece,
    *,
    first_code: int = 1,
    ansi: bool = False,
    growing: bool = False,
    traced: bool = False,
) -> tuple[list[Block], int]:
    """Reads a piece of Markdown.

    Args:
        piece: The piece.
        first_code: The number of the first code in it.
        ansi: Whether to highlight in a terminal's own colours only.
        growing: Whether its end is still being written.
        traced: Whether its rows are to say where they come from.

    Returns:
        Its blocks, none for one that shows nothing; and how many blocks of code begin in it.
    """
    writer = _Writer(piece, first_code, ansi=ansi, traced=traced)
    return writer.write(growing=growing), writer.code - first_code


class _Writer:
    def __init__(self, piece: Piece, first_code: int, *, ansi: bool, traced: bool) -> None:
        self._piece = piece
        self._lines = Lines(piece.text.split("\n"), piece.line) if traced else None
        self.code = first_code
        """The number of the next code."""
        self._theme = ANSIDarkHighlightTheme if ansi else _Theme
        self._levels: list[_Level] = []
        self._lists: list[_List] = []
        self._gap = False
        self._blocks: list[Block] = []

    def write(self, *, growing: bool) -> list[Block]:
        tokens = parse(self._piece.text, growing=growing)
        at = 0
        while at < len(tokens):
            at = self._token(tokens, at)
        return self._blocks

    def _token(self, tokens: list[Token], at: int) -> int:
        token = tokens[at]
        kind = token.type
        if kind in ("paragraph_open", "heading_open"):
            tracer = self._tracer(tokens[at + 1])
            content = content_of(tokens[at + 1], tracer)
            origins = tracer.origins if tracer else ()
            if kind == "heading_open":
                content = content.stylize("answer--title" if token.tag < "h3" else "answer--head")
            elif (box := _TASK.match(content.plain)) and self._tick(done=box[1] != " "):
                origins = sliced(origins, box.end(), len(content), 0)
                content = content[box.end() :]
            self._put(Line(content, self._margin(), origins=origins), gap=not token.hidden)
            return at + 3
        if kind == "table_open":
            return self._table(tokens, at)
        if kind in ("fence", "code_block"):
            self._put_code(token)
        elif kind == "math_block":
            span = self._lines.span(*token.map) if self._lines and token.map else None
            self._put(Display(token.content, token.markup, self._margin(), span))
        elif kind == "hr":
            rule = Content.styled("─" * 3, "answer--rule")
            self._put(Line(rule, self._margin(), origins=self._whole(token, len(rule))))
        else:
            self._structure(token)
        return at + 1

    def _tracer(self, token: Token, line: int = -1, column: int = 0) -> Tracer | None:
        """Follows an inline token through the source.

        Args:
            token: The token.
            line: The line in which it begins, where it does not say so.
            column: Where in it to look first.
        """
        if self._lines is None:
            return None
        line = token.map[0] if token.map else max(line, 0)
        return Tracer(token.content, self._lines, line, column)

    def _whole(self, token: Token, length: int) -> Origins:
        """The first line of a token as the origin of so many characters."""
        if self._lines is None or not token.map or not length:
            return ()
        line = token.map[0]
        return (Origin(0, length, *self._lines.span(line, line + 1)),)

    def _structure(self, token: Token) -> None:
        kind = token.type
        if kind in ("bullet_list_open", "ordered_list_open"):
            self._gap = self._gap or not self._levels
            start = token.attrGet("start")
            self._lists.append(
                _List(kind.startswith("ordered"), int(start if start is not None else 1))
            )
        elif kind == "list_item_open":
            self._open_item()
        elif kind == "blockquote_open":
            self._gap = self._gap or not self._levels
            bar = Content.styled(QUOTE, "answer--rule")
            self._levels.append(_Level(bar, bar))
        elif kind in ("list_item_close", "blockquote_close"):
            level = self._levels[-1]
            if not level.used:
                self._put(Line(Content(""), self._margin()), gap=False)
            self._levels.pop()
        elif kind in ("bullet_list_close", "ordered_list_close"):
            self._lists.pop()

    def _open_item(self) -> None:
        around = self._lists[-1]
        if around.ordered:
            mark = f"{around.number}. "
            around.number += 1
        else:
            depth = sum(not each.ordered for each in self._lists) - 1
            mark = BULLETS[depth % len(BULLETS)] + " "
        self._levels.append(
            _Level(Content.styled(mark, "answer--bullet"), Content(" " * len(mark)))
        )

    def _tick(self, *, done: bool) -> bool:
        """Has a box in the place of the bullet before what is written next, if there is one."""
        level = self._levels[-1] if self._levels else None
        if level is None or level.used or level.first.plain.strip() not in {*BULLETS}:
            return False
        level.first = Content.styled("☑ " if done else "☐ ", "answer--bullet")
        return True

    def _margin(self) -> Margin:
        """What stands to the left of the next block."""
        first = Content("").join([each.rest if each.used else each.first for each in self._levels])
        return Margin(first, Content("").join([each.rest for each in self._levels]))

    def _put(self, block: Block, *, gap: bool = True) -> None:
        gap = gap or self._gap
        if gap and self._blocks:
            outer = Content("").join([each.rest for each in self._levels if each.used])
            self._blocks.append(Line(Content(""), Margin(outer, outer)))
        self._gap = False
        self._blocks.append(block)
        for level in self._levels:
            level.used = True

    def _put_code(self, token: Token) -> None:
        code = token.content.rstrip("\n").expandtabs(_TAB)
        language = language_of(token)
        margin = self._margin()
        bar = Content.styled(BAR, "answer--rule")
        if not (self._piece.joined and not self._blocks):
            title = f"{language} · {self.code}" if language else f"code · {self.code}"
            head = Content.styled(title, "answer--code-head")
            if self._lines is None:
                # Of a thought the numbers mean nothing to the keys.
                click = Style.from_meta({"@click": f"copy_code({self.code})"})
                head += Content(_COPY).stylize("answer--copy").stylize(click)
            self.code += 1
            beside = Margin(margin.first + bar, margin.rest + bar)
            whole = self._whole(token, len(title))
            self._put(Line(head, beside, "answer--block", ornament=True, origins=whole))
            margin = Margin(margin.rest, margin.rest)
        beside = Margin(margin.first + bar, margin.rest + bar)
        number = (token.map[0] if token.map else 0) + (token.type == "fence")
        for line in self._highlighted(code, language):
            origins = self._code_origins(line.plain, number)
            self._put(Line(line, beside, "answer--block", code=True, origins=origins), gap=False)
            number += 1

    def _code_origins(self, text: str, line: int) -> Origins:
        if self._lines is None or not text:
            return ()
        first = self._lines.place(line, self._lines.column(line, text))
        return (Origin(0, len(text), first, first._replace(char=first.char + len(text))),)

    def _highlighted(self, code: str, language: str) -> list[Content]:
        if len(code) > _MOST_HIGHLIGHTED:
            return Content(code).split("\n", allow_blank=True)
        # Without a language it would be guessed from the text, which is slow and mostly wrong.
        shown = highlight(code, language=language or "text", theme=self._theme)
        return shown.split("\n", allow_blank=True)

    def _table(self, tokens: list[Token], at: int) -> int:
        rows: list[list[Content]] = []
        aligns: list[str] = []
        origins: list[list[Origins]] = []
        line = column = 0
        while tokens[at].type != "table_close":
            token = tokens[at]
            if token.type == "tr_open":
                rows.append([])
                origins.append([])
                line, column = (token.map or [0])[0], 0
            elif token.type in ("th_open", "td_open"):
                if token.type == "th_open":
                    aligns.append(_ALIGN.get(str(token.attrGet("style") or ""), "left"))
                tracer = self._tracer(tokens[at + 1], line, column)
                rows[-1].append(content_of(tokens[at + 1], tracer))
                if tracer is not None:
                    column = tracer.end
                    origins[-1].append(tracer.origins)
            at += 1
        self._put(Table(rows[0], rows[1:], aligns, self._margin(), origins))
        return at + 1
