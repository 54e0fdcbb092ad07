from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.geometry import Offset
from textual.pilot import Pilot
from textual.selection import SELECT_ALL, Selection

from r1chat.tui.markdown.document import Document
from r1chat.tui.markdown.rows import Row, copied
from r1chat.tui.selecting import word_at
from r1chat.tui.widgets.answer import AnswerView
from r1chat.tui.widgets.line_view import LineView
from r1chat.tui.widgets.turn import Question
from tests.examples import examples

WIDE = 10_000
URL = "https://example.org/a/very/long/path/that/goes/on?and=on&on#for-ever"
ANSWER = f"""# A title of several words

Words that go on until the row ends, and **strong ones**, and `code in the line`; {URL} too.

1. First, with more words than a narrow row can hold, so that it goes on below.
   - nested, and long enough to be wrapped as well
2. Second

   ```python
   print("in a list", "and so long that it has to be folded somewhere")
   ```

> quoted words, which are wrapped with their bar beside them
> - an item in it

| name | what it is said to be |
|------|:---------------------:|
| one  | several words that are too long for a narrow table |
| 二   | {URL} |

我们用中文写一段很长的话，看看它在窄屏幕上换行以后，复制出来的文字是不是和原来一样。

```
def f(x):
    return x  # and a comment, which is long    with spaces in it

    y
```
"""


def rows_of(text: str, width: int) -> list[Row]:
    document = Document()
    document.feed(text)
    document.close()
    return [row for block in document.news(raw=False)[0] for row in block.rows(width)]


def copied_at(width: int, text: str = ANSWER) -> str:
    return copied((row, 0, -1) for row in rows_of(text, width))


@pytest.mark.parametrize("width", [*range(8, 121), 200])
def test_at_any_width_the_same_text_is_copied(width):
    assert copied_at(width) == copied_at(WIDE)


def test_what_is_copied_is_what_was_written():
    text = copied_at(40)
    assert "│" not in text
    assert "▌" not in text
    assert text.count(URL) == 2
    lines = text.splitlines()
    assert (
        "1. First, with more words than a narrow row can hold, so that it goes on below." in lines
    )
    assert "   • nested, and long enough to be wrapped as well" in lines
    assert 'print("in a list", "and so long that it has to be folded somewhere")' in lines
    assert "quoted words, which are wrapped with their bar beside them" in lines
    assert "one\tseveral words that are too long for a narrow table" in lines
    assert text.endswith(
        "def f(x):\n    return x  # and a comment, which is long    with spaces in it\n\n    y"
    )


WORD = st.one_of(
    st.text(alphabet="abcXYZ012.,-()", min_size=1, max_size=30),
    st.sampled_from(
        [URL, "我们用中文", "é", "👩\u200d💻", "**strong**", "`co de`", "*em*", "$x^2$"]
    ),
)
WORDS = st.lists(WORD, min_size=1, max_size=12).map(" ".join)
BLOCK = st.one_of(
    WORDS.map(lambda words: words + "\n"),
    WORDS.map(lambda words: "- " + words + "\n"),
    WORDS.map(lambda words: "> " + words + "\n"),
    WORDS.map(lambda words: "1. a\n   - " + words + "\n"),
    WORDS.map(lambda words: "```py\n" + words + "\n  " + words + "\n```\n"),
    WORDS.map(lambda words: f"| a | b |\n|---|---|\n| {words} | {words} |\n"),
)


@given(st.lists(BLOCK, min_size=1, max_size=4).map("\n".join), st.integers(8, 80), st.data())
@examples(150)
def test_any_answer_is_copied_without_its_wrapping(text, width, data):
    whole = copied_at(WIDE, text)
    assert copied_at(width, text) == whole
    rows = rows_of(text, width)
    places = st.tuples(st.integers(0, len(rows) - 1), st.integers(0, width))
    start, end = sorted([data.draw(places), data.draw(places)])
    chosen = Selection(Offset(start[1], start[0]), Offset(end[1], end[0]))
    spans = [(row, chosen.get_span(y)) for y, row in enumerate(rows)]
    part = copied((row, *span) for row, span in spans if span is not None)
    assert "│" not in part
    assert "▌" not in part
    for line in part.split("\n"):
        for cell in line.split("\t"):
            assert cell in whole


@pytest.mark.parametrize(
    ("text", "at", "word"),
    [
        ("one two three", 5, "two"),
        ("one two three", 3, " "),
        ("don't stop", 1, "don't"),
        ("well-known", 7, "well-known"),
        ("snake_case_name = 1", 8, "snake_case_name"),
        (f"see {URL}.", 20, URL),
        ("it is 3.14, or 1,000", 7, "3.14"),
        ("f(x) == 2", 6, "=="),
        ("end.", 9, ""),
    ],
)
def test_a_word_is_found(text, at, word):
    start, end = word_at(text, at)
    assert text[start:end] == word


class Page(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.answer = AnswerView(
            f"Some words here.\n\n- an item with {URL} and more\n\n```\na = 1\n```"
        )
        self.thought = LineView()
        self.question = Question("What is it?\nSecond line.", markup=False)

    def compose(self) -> ComposeResult:
        yield self.question
        yield self.thought
        yield self.answer


def selected(act: Callable[[Pilot[None], Page], Awaitable[None]]) -> str | None:
    app = Page()

    async def main() -> str | None:
        async with app.run_test(size=(40, 30)) as pilot:
            app.thought.write("First thought, which is long enough to be wrapped.\nSecond thought.")
            await pilot.pause()
            await act(pilot, app)
            await pilot.pause()
            return app.screen.get_selected_text()

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("name", "place", "word", "line"),
    [
        ("answer", (6, 0), "words", "Some words here."),
        ("answer", (20, 2), URL, f"an item with {URL} and more"),
        ("answer", (20, 3), URL, f"an item with {URL} and more"),
        ("answer", (2, 8), "a", "a = 1"),
        ("thought", (3, 0), "First", "First thought, which is long enough to be wrapped."),
        ("thought", (3, 2), "Second", "Second thought."),
        ("question", (1, 0), "What", "What is it?"),
        ("question", (8, 1), "line", "Second line."),
    ],
)
def test_clicks_select_words_and_lines(name, place, word, line):
    async def twice(pilot, app):
        await pilot.double_click(getattr(app, name), place)

    async def thrice(pilot, app):
        await pilot.triple_click(getattr(app, name), place)

    assert selected(twice) == word
    assert selected(thrice) == line


def test_the_words_of_several_panes_are_copied_together():
    async def everything(pilot, app):
        app.screen.selections = dict.fromkeys([app.question, app.thought, app.answer], SELECT_ALL)

    text = selected(everything)
    assert text is not None
    assert text.split("\n")[:3] == [
        "What is it?", "Second line.", "First thought, which is long enough to be wrapped.",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        (r"the sum \(2\frac{1}{3}\) is what we get", "2 1/3"),
        (r"and so \(\boxed{42}\) is the answer", "▣ 42"),
        ("| a | b |\n|-|-|\n| some words $1\\frac{2}{5}$ more | c |", "1 2/5"),
    ],
)
def test_no_row_ends_within_a_number_and_copies_have_plain_spaces(text, whole):
    for width in range(20, 60):
        rows = rows_of(text, width)
        assert any(whole in row.content.plain for row in rows), width
        assert whole in copied((row, 0, -1) for row in rows)
