"""A Markdown text that grows, as blocks."""

from __future__ import annotations

from textual.content import Content

from r1chat.tui.markdown.cuts import Cutter, Piece
from r1chat.tui.markdown.rows import Block, Line

_OVER_LINES = ('"""', "'''", "/*", "`", "<!--", "{-", "(*", "--[[", "=begin")
"""What begins a text or a comment of several lines in one language or another."""


class Document:
    """Takes a text in chunks, and tells which blocks are new and which can still change.

    Args:
        traced: Whether rows are to say where in the text they come from.
        longest: Characters of what can still change that are read again each time; more is not
            told of before it is complete. None tells of it however long it is.
    """

    def __init__(self, *, traced: bool = False, longest: int | None = None) -> None:
        self._traced = traced
        self._longest = longest
        self.ansi = False
        """Whether code is to have a terminal's own colours."""
        self._source: list[str] = []
        self._cutter = Cutter()
        self._fixed: list[Block] = []
        self._codes = 0
        self._joined = False
        self._given = 0
        """Blocks, or characters of source, that `news` has told of."""

    def feed(self, text: str) -> None:
        """Takes the next chunk; a text that was ended goes on, in the middle of a block too."""
        if not text:
            return
        self._source.append(text)
        if self.closed:
            self._read_with(Cutter())
        else:
            self._add(self._cutter.feed(text))

    def close(self) -> None:
        """Ends the text.

        Code that was coloured in pieces is coloured as a whole now, where that may matter.
        """
        self._add(self._cutter.close())
        source = "".join(self._source)
        if self._joined and any(sign in source for sign in _OVER_LINES):
            self.reread()

    def reread(self) -> None:
        """Reads all of it again; the next `news` begins at its beginning."""
        done = self.closed
        self._read_with(Cutter(cuts_code=False))
        if done:
            self._add(self._cutter.close())

    def _read_with(self, cutter: Cutter) -> None:
        self._cutter = cutter
        self._fixed.clear()
        self._codes = 0
        self._joined = False
        self.rewind()
        self._add(cutter.feed("".join(self._source)))

    def rewind(self) -> None:
        """Has the next `news` begin at the beginning."""
        self._given = 0

    @property
    def closed(self) -> bool:
        """Whether the text has ended."""
        return self._cutter.closed

    @property
    def open_line(self) -> int | None:
        """The line from which on nothing is told, because it is too long and not complete."""
        too_long = self._longest is not None and self._cutter.open_size > self._longest
        return self._cutter.open_line if too_long else None

    @property
    def begins_anew(self) -> bool:
        """Whether the next `news` begins at the beginning."""
        return self._given == 0

    def news(self, *, raw: bool) -> tuple[list[Block], list[Block]]:
        """Tells what is new since the last call.

        Args:
            raw: Whether the source itself is wanted. Call `rewind` where that changes.

        Returns:
            The new blocks that will stay as they are, and those after them that may still change.
        """
        return self._source_news() if raw else self._block_news()

    def _block_news(self) -> tuple[list[Block], list[Block]]:
        fixed = self._fixed[self._given :]
        self._given = len(self._fixed)
        piece = self._cutter.open() if self.open_line is None else None
        return fixed, self._read(piece, growing=True)[0] if piece else []

    def _source_news(self) -> tuple[list[Block], list[Block]]:
        source = "".join(self._source)
        end = len(source) if self.closed else source.rfind("\n") + 1
        lines = source[self._given : end].removesuffix("\n").split("\n") if end else []
        fixed = [Line(Content.styled(line, "answer--raw")) for line in lines]
        if end == self._given:
            fixed = []
        self._given = end
        rest = source[end:]
        return [*fixed], [Line(Content.styled(rest, "answer--raw"))] if rest else []

    def _add(self, pieces: list[Piece]) -> None:
        for piece in pieces:
            blocks, codes = self._read(piece)
            self._fixed += blocks
            self._codes += codes
            self._joined = self._joined or piece.joined

    def _read(self, piece: Piece, *, growing: bool = False) -> tuple[list[Block], int]:
        # The parsers are not needed before the first answer, nor is the time to import them.
        from r1chat.tui.markdown.blocks import blocks_of

        blocks, codes = blocks_of(
            piece,
            first_code=self._codes + 1,
            ansi=self.ansi,
            growing=growing,
            traced=self._traced,
        )
        if blocks and self._fixed and not piece.tight:
            blocks.insert(0, Line(Content("")))
        return blocks, codes
