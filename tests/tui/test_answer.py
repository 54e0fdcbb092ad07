from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.containers import VerticalScroll
from textual.geometry import Offset
from textual.pilot import Pilot
from textual.selection import Selection

from r1chat.tui.clipboard import Clipboard
from r1chat.tui.markdown.blocks import blocks_of
from r1chat.tui.markdown.cuts import Cutter
from r1chat.tui.markdown.document import Document
from r1chat.tui.markdown.inline import link_to
from r1chat.tui.widgets.answer import AnswerView
from tests.examples import examples
from tests.tui.chat import until

ANSWER = r"""## The sum

We add *all* the **numbers** from `1` to `n`; see [the page](https://example.org/a) and
![a picture](http://example.org/b.png). It costs $5 or $10, <b>no more</b>.

1. First, with words that go on for a while and are wrapped.
   - nested $x^2 + y_1$
2. Second

   ```python
   print("in a list")
   ```

> quoted

| n | sum |
|--:|:---|
| 1 | $x^2$ |

\[
S = \frac{n(n+1)}{2}
\]

```python
def f(x):
    return x
```

**Final answer:** $\boxed{5050}$
"""


class AnswerApp(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.view = AnswerView()
        self.opened: list[str] = []

    def compose(self) -> ComposeResult:
        with VerticalScroll(can_focus=False):
            yield self.view

    def open_url(self, url: str, *, new_tab: bool = True) -> None:
        del new_tab
        self.opened.append(url)


Act = Callable[[Pilot[None], AnswerView], Awaitable[None]]


def run(act: Act, size: tuple[int, int] = (60, 60)) -> AnswerApp:
    app = AnswerApp()

    async def main() -> None:
        async with app.run_test(size=size) as pilot:
            app.view.focus()
            await pilot.pause()
            await act(pilot, app.view)

    asyncio.run(main())
    return app


def shown(view: AnswerView) -> list[str]:
    return [view.render_line(y).text.rstrip() for y in range(view.size.height)]


async def drawn(pilot: Pilot[None], view: AnswerView) -> None:
    """Waits until all that was written is shown."""
    await until(pilot, lambda: view._timer is None)
    await pilot.pause()


async def show(pilot: Pilot[None], view: AnswerView, text: str) -> list[str]:
    view.reset()
    view.write(text)
    view.finish()
    await pilot.pause()
    return shown(view)


def test_an_answer_is_shown_as_a_page():
    async def act(pilot, view):
        assert await show(pilot, view, ANSWER) == [
            "The sum",
            "",
            "We add all the numbers from 1 to n; see the page",
            "(https://example.org/a) and",
            "[image: a picture] (http://example.org/b.png). It costs $5",
            "or $10, <b>no more</b>.",
            "",
            "1. First, with words that go on for a while and are wrapped.",
            "   • nested x² + y₁",
            "",
            "2. Second",
            "",
            "   │ python · 1 copy",
            '   │ print("in a list")',
            "",
            "▌ quoted",
            "",
            "n │ sum",
            "──┼────",
            "1 │ x²",
            "",
            "       n(n + 1)",
            "  S = ──────────",
            "          2",
            "",
            "│ python · 2 copy",
            "│ def f(x):",
            "│     return x",
            "",
            "Final answer: ▣ 5050",
        ]

    run(act)


@given(st.lists(st.integers(1, len(ANSWER) - 1), max_size=12), st.integers(20, 100))
@settings(max_examples=40, deadline=None)
def test_however_it_is_cut_the_page_is_the_same(cuts, width):
    def rows(chunks: list[str]) -> list[str]:
        document = Document()
        out: list[str] = []
        for chunk in chunks:
            document.feed(chunk)
            fixed, _ = document.news(raw=False)
            out += [row.content.plain for block in fixed for row in block.rows(width)]
        document.close()
        fixed, rest = document.news(raw=False)
        assert rest == []
        return out + [row.content.plain for block in fixed for row in block.rows(width)]

    ends = [0, *sorted(cuts), len(ANSWER)]
    chunks = [ANSWER[a:b] for a, b in itertools.pairwise(ends)]
    assert rows(chunks) == rows([ANSWER])


MARKS = st.sampled_from(
    [
        *("# ", "- ", "* ", "1. ", "10) ", "> ", "```", "~~~", "```py", "| a | b |", "|---|--:|"),
        *(
            "---",
            "    ",
            "  ",
            "\n",
            "\n\n",
            "\n",
            "word ",
            "two words ",
            "**",
            "*",
            "_",
            "`",
            "\t",
        ),
        *("[a](b)", "![a](b)", "<b>", "&amp;", "&#10;", "$x^2$", "$$", "\\[", "\\]", "\\"),
        *("\\boxed{", "}", "|", "é", "漢字", "👩\u200d💻"),
    ]
)


@pytest.mark.asyncio
async def test_an_answer_that_was_stopped_goes_on_in_the_block_in_which_it_stood():
    def shown(view: AnswerView) -> list[str]:
        return [drawn.row.content.plain for drawn in view._drawn]

    app = AnswerApp()
    async with app.run_test(size=(60, 40)) as pilot:
        app.view.write(ANSWER)
        app.view.finish()
        await pilot.pause()
        whole = shown(app.view)
        for at in range(1, len(ANSWER), 7):
            app.view.reset()
            app.view.write(ANSWER[:at])
            app.view.finish()
            app.view.write(ANSWER[at:])
            app.view.finish()
            assert shown(app.view) == whole, ANSWER[:at]


@given(st.lists(MARKS, max_size=40).map("".join), st.integers(1, 60))
@examples(300)
def test_any_markdown_can_be_shown_at_any_width(text, width):
    cutter = Cutter()
    pieces = cutter.feed(text) + cutter.close()
    for piece in pieces:
        for block in blocks_of(piece)[0]:
            for row in block.rows(width):
                assert "\n" not in row.content.plain
                assert row.content.cell_length <= max(width, 60)


@pytest.mark.parametrize(
    "line", ["- an item with **bold** words\n", "    x = f(1)  # more\n", "Words. And more words. "]
)
def test_the_open_end_stays_small(line):
    document = Document()
    document.feed("```python\n" if line.startswith(" ") else "")
    most = 0
    for at in range(600):
        document.feed(line if line.endswith("\n") or at % 20 else "\n\n")
        most = max(most, len(document.news(raw=False)[1]))
    assert most < 40


def test_long_code_is_one_block_again_in_the_end():
    code = 's = """\n' + "text in quotes\n" * 40 + '"""\n'

    async def act(pilot, view):
        view.write("```python\n")
        for line in code.splitlines(keepends=True):
            view.write(line)
            if "40" in line:
                await drawn(pilot, view)
        await drawn(pilot, view)
        view.write("```\n")
        view.finish()
        await pilot.pause()
        lines = shown(view)
        assert lines == ["│ python · 1 copy", *(f"│ {line}" for line in code.splitlines())]
        first, last = (view.render_line(y) for y in (4, 40))
        styles = [{segment.style.color for segment in strip if "text" in segment.text}
                  for strip in (first, last)]  # fmt: skip
        assert styles[0] == styles[1]
        assert [block.text for block in view.code_blocks] == [code.rstrip("\n")]

    run(act)


def test_what_is_written_is_shown_soon_and_in_the_end_at_once():
    async def act(pilot, view):
        view.write("one")
        await drawn(pilot, view)
        assert shown(view) == ["one"]
        assert view.streaming
        view.write(" two")
        view.finish()
        assert not view.streaming
        await pilot.pause()
        assert shown(view) == ["one two"]

    run(act)


def test_an_answer_from_before_is_there_when_the_pane_is():
    async def main() -> None:
        app = AnswerApp()
        app.view = AnswerView("**done** before")
        async with app.run_test(size=(40, 10)) as pilot:
            await pilot.pause()
            assert shown(app.view) == ["done before"]

    asyncio.run(main())


def test_it_only_grows_while_it_streams():
    async def act(pilot, view):
        heights = []
        for at in range(0, len(ANSWER), 9):
            view.write(ANSWER[at : at + 9])
            await drawn(pilot, view)
            heights.append(view.size.height)
        view.finish()
        await pilot.pause()
        assert heights == sorted(heights)
        assert shown(view)[-1] == "Final answer: ▣ 5050"

    run(act, (40, 12))


def test_the_tail_is_followed_until_the_user_scrolls_up():
    async def act(pilot, view):
        scroll = view.parent
        scroll.anchor()
        for at in range(40):
            view.write(f"- item {at}\n")
            await drawn(pilot, view)
        await until(pilot, lambda: scroll.scroll_y == scroll.max_scroll_y > 10)
        scroll.scroll_to(y=5, animate=False)
        await pilot.pause()
        view.write("- more\n" * 20)
        await drawn(pilot, view)
        view.finish()
        await pilot.pause()
        assert scroll.scroll_y == 5

    run(act, (40, 12))


def test_unfinished_formulas_are_shown_as_they_stand():
    async def act(pilot, view):
        view.write("so $x^2 + ")
        await drawn(pilot, view)
        assert shown(view) == ["so $x^2 +"]
        view.write("y$ and \\[ z")
        await drawn(pilot, view)
        assert shown(view) == ["so x² + y and \\[ z"]
        view.finish()
        await pilot.pause()
        assert shown(view) == ["so x² + y and \\[ z"]

    run(act)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("so\n\n\\[\nx = 1\n\ny = 2\n\\]\n\nthen", ["so", "", "  x = 1", "  y = 2", "", "then"]),
        ("$$\nx\n\ny\n$$\nend", ["  x", "  y", "", "end"]),
        ("\\begin{align}\na&=b\n\nc&=d\n\\end{align}", ["  a = b", "  c = d"]),
        ("- a\n\n  \\[\n  x\n\n  y\n  \\]\n- b", ["• a", "", "    x", "    y", "", "• b"]),
        ("\\[\nnever closed\n\nnext", ["\\[", "never closed", "", "next"]),
        ("$$ is what I pay.\n\nAnd $$ more", ["$$ is what I pay.", "", "And $$ more"]),
    ],
)
def test_a_formula_on_lines_of_its_own_may_have_blank_ones(text, lines):
    async def act(pilot, view):
        assert await show(pilot, view, text) == lines
        view.reset()
        for at in range(0, len(text), 5):
            view.write(text[at : at + 5])
            await drawn(pilot, view)
        view.finish()
        await pilot.pause()
        assert shown(view) == lines

    run(act)


def test_the_source_can_be_shown_while_it_streams_and_after():
    async def act(pilot, view):
        view.write("**a** $x^2$\n\n")
        await pilot.press("ctrl+l")
        view.write("- $y_1$")
        await drawn(pilot, view)
        assert shown(view) == ["**a** $x^2$", "", "- $y_1$"]
        view.write(" end\n")
        view.finish()
        await pilot.pause()
        assert shown(view) == ["**a** $x^2$", "", "- $y_1$ end"]
        await pilot.press("ctrl+l")
        await pilot.pause()
        assert shown(view) == ["a x²", "", "• y₁ end"]
        await pilot.press("ctrl+l")
        await pilot.pause()
        assert shown(view) == ["**a** $x^2$", "", "- $y_1$ end"]

    run(act)


def test_keys_copy_the_answer_and_its_code(monkeypatch):
    copies = []
    copy = Clipboard.copy

    def noted(clipboard, text, what):
        copies.append((what, text))
        copy(clipboard, text, what)

    monkeypatch.setattr(Clipboard, "copy", noted)

    async def act(pilot, view):
        await pilot.press("alt+y", "alt+c", "alt+1")
        assert copies == []
        await show(pilot, view, ANSWER)
        await pilot.press("alt+y", "alt+1", "alt+2", "alt+3", "alt+c")
        await pilot.pause()

    app = run(act)
    assert copies == [
        ("answer", ANSWER),
        ("code 1", 'print("in a list")'),
        ("code 2", "def f(x):\n    return x"),
        ("code 2", "def f(x):\n    return x"),
    ]
    assert app.clipboard == "def f(x):\n    return x"


def test_code_blocks_have_their_languages():
    view = AnswerView("```python x=1\na\n```\n\n    indented\n\n~~~\nb\n")
    assert [(block.language, block.text) for block in view.code_blocks] == [
        ("python", "a"),
        ("", "indented"),
        ("", "b"),
    ]


HOSTILE = [
    "\x1b[2Jcleared", "\x1b]52;c;Y2xpcA==\x07clip", "\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\",
    "\x9b31mred", "a\x07b", "\u202egnp.exe", "`\x1b[31m`", "```\x1b]0;t\x07\n\x1b[2J\n```",
    "$\\text{\x1b[31m}$", "[a](http://x\x1b]52;c;AA==\x07)", "&#27;[31m", "&#x9b;31m", "&#7;",
    "| \x1b[1m |\n|---|\n| \x9d |", "&#x202e;gnp", "![\x1b[3m](\x1b[4m)", "```py&#27;[1m\nx\n```",
    "[red]not markup[/red]", "[@click=app.quit]x[/]", "[a](&#27;]52;c;AA==&#7;)", "$\\char27$",
]  # fmt: skip


def test_no_escape_sequence_reaches_the_screen():
    async def act(pilot, view):
        for text in HOSTILE:
            for step in (len(text), 1):
                view.reset()
                for at in range(0, len(text), step):
                    view.write(text[at : at + step])
                view.finish()
                for raw in (False, True):
                    view.raw = raw
                    await pilot.pause()
                    for strip in [view.render_line(y) for y in range(view.size.height)]:
                        for segment in strip:
                            assert segment.control is None
                            assert all(c.isprintable() for c in segment.text), repr(text)
                            assert "\u202e" not in segment.text
                            link = segment.style.link if segment.style else None
                            assert link is None or re.fullmatch(r"https?://[!-~]+", link)
                            click = (segment.style.meta if segment.style else {}).get("@click")
                            # Only our own sign can be pressed.
                            assert click is None or segment.text.strip() == "copy"

    run(act)


def test_what_looks_like_markup_of_textual_is_text():
    async def act(pilot, view):
        assert await show(pilot, view, "[b]x[/b] [@click=app.quit]y[/]") == [
            "[b]x[/b] [@click=app.quit]y[/]"
        ]

    run(act)


def test_a_click_on_its_sign_copies_a_block_of_code(monkeypatch):
    copied: list[tuple[str, str]] = []
    monkeypatch.setattr(Clipboard, "copy", lambda _, text, what: copied.append((text, what)))

    async def act(pilot, view):
        rows = await show(pilot, view, "```sh\nls\n```\n\nand\n\n```sh\npwd\n```\n")
        row = rows.index("│ sh · 2 copy")
        await pilot.click(view, (5, row))
        assert not copied
        await pilot.click(view, (12, row))

    run(act)
    assert copied == [("pwd", "code 2")]


@pytest.mark.parametrize(
    ("address", "linked"),
    [
        ("https://example.org/a", True),
        ("http://example.org/?q=1&b=%20#x", True),
        ("mailto:me@example.org", True),
        ("javascript:alert(1)", False),
        ("file:///etc/passwd", False),
        ("ssh://example.org", False),
        ("data:text/html,x", False),
        ("https://example.org/\x1b]8;;", False),
        ("https://exämple.org/\u202e", False),
    ],
)
def test_only_addresses_of_the_web_and_of_mail_are_links(address, linked):
    style = link_to(address)
    assert (style is not None) is linked
    assert style is None or style.link == address


def test_links_are_the_terminals_with_their_addresses_in_sight():
    async def act(pilot, view):
        text = "[a page](https://example.org/a), <mailto:a@b.c>, https://example.org/?q=1#x."
        await show(pilot, view, text)
        linked = {
            segment.style.link: segment.text
            for segment in view.render_line(0)
            if segment.style is not None and segment.style.link
        }
        assert linked["mailto:a@b.c"] == "mailto:a@b.c"
        assert linked["https://example.org/?q=1#x"] == "https://example.org/?q=1#x"
        assert linked["https://example.org/a"].endswith("(https://example.org/a)")

    run(act, size=(100, 20))


def test_tasks_have_boxes():
    text = "- [ ] to do\n- [x] done\n- [X] too\n  - [ ] within\n- [link]\n\n[ ] none\n\n1. [ ] one"

    async def act(pilot, view):
        assert await show(pilot, view, text) == [
            "☐ to do",
            "☑ done",
            "☑ too",
            "  ☐ within",
            "• [link]",
            "",
            "[ ] none",
            "",
            "1. [ ] one",
        ]

    run(act)


def test_a_table_that_is_far_too_wide_becomes_a_list():
    text = "| name | what it is |  |\n|---|---|---|\n" + "".join(
        f"| {name} of the letters | a long text about {name} that has no room | yes |\n"
        for name in ("alpha", "beta")
    )

    async def act(pilot, view):
        rows = await show(pilot, view, text)
        assert rows[:6] == [
            "name · what it is ·",
            "• name: alpha of the",
            "    letters",
            "  what it is: a long",
            "    text about alpha",
            "    that has no room",
        ]
        assert sum(row.startswith("• ") for row in rows) == 2
        assert "  yes" in rows
        copied, _ = view.get_selection(Selection(Offset(0, 0), Offset(80, 6)))
        assert copied == (
            "name\twhat it is\nalpha of the letters\ta long text about alpha that has no room\tyes"
        )

    run(act, size=(24, 40))


def test_links_open_nothing():
    async def act(pilot, view):
        await show(pilot, view, "[click me](https://example.org) <https://example.org>")
        assert shown(view) == ["click me (https://example.org) https://example.org"]
        await pilot.click(view, (2, 0))
        await pilot.click(view, (40, 0))

    assert run(act).opened == []


def test_selected_text_is_what_was_written_not_how_it_was_wrapped():
    async def act(pilot, view):
        await show(pilot, view, "1. one two three four five six\n2. end")
        assert len(shown(view)) == 3
        both = Selection(Offset(3, 0), Offset(6, 2))
        assert view.get_selection(both) == ("one two three four five six\n2. end", "\n")
        assert view.get_selection(Selection(None, None))[0].startswith("1. one two three four")
        await show(pilot, view, "```\nabcdefghijklmnopqrstuvwxyz\n```")
        assert view.get_selection(Selection(Offset(2, 1), None)) == (
            "abcdefghijklmnopqrstuvwxyz",
            "\n",
        )
        pilot.app.screen.selections = {view: both}
        await pilot.pause()

    run(act, (20, 10))


@pytest.mark.parametrize("theme", ["textual-light", "textual-dark", "ansi-dark"])
def test_every_theme_can_be_drawn(theme):
    async def act(pilot, view):
        before = await show(pilot, view, ANSWER)
        pilot.app.theme = theme
        await pilot.pause()
        assert shown(view) == before
        for segment in (each for y in range(view.size.height) for each in view.render_line(y)):
            # An "auto" colour in a component style would be chosen for a black background.
            if theme == "textual-light" and segment.text.strip():
                assert sum(segment.style.color.get_truecolor()) < 600

    run(act)


def test_the_final_answer_stands_out_without_colours():
    async def act(pilot, view):
        lines = await show(pilot, view, "so $\\boxed{7}$\n\n$$\\boxed{8}$$")
        assert lines == ["so ▣ 7", "", "  ┌───┐", "  │ 8 │", "  └───┘"]
        marked = next(segment for segment in view.render_line(0) if "7" in segment.text)
        assert marked.style.bold

    run(act)


def test_it_lives_through_any_size_while_it_streams():
    async def act(pilot, view):
        sizes = [(1, 1), (2, 3), (40, 12), (7, 5), (300, 100), (13, 30), (40, 12)]
        for at in range(0, len(ANSWER), 40):
            view.write(ANSWER[at : at + 40])
            await pilot.resize_terminal(*sizes[at // 40 % len(sizes)])
            await pilot.pause(0.02)
        view.finish()
        await pilot.resize_terminal(60, 60)
        await pilot.pause()
        resized = shown(view)
        assert resized == await show(pilot, view, ANSWER)

    run(act)


def test_every_key_can_be_mapped_anew():
    assert all(binding.id for binding in AnswerView.BINDINGS)


def test_snapshot(snap_compare):
    async def before(pilot):
        pilot.app.view.write(ANSWER)
        pilot.app.view.finish()
        await pilot.pause()

    assert snap_compare(AnswerApp(), terminal_size=(60, 32), run_before=before)
