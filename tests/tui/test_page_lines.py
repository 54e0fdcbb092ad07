from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1chat.tui.markdown.origins import Place
from r1chat.tui.widgets.lines import Written
from r1chat.tui.widgets.page import LONGEST, Page

THOUGHT = r"""Okay, so I need to find the roots of $2x^2 - 5x + 3 = 0$. The **quadratic formula**:

\[
x = \frac{5 \pm \sqrt{25 - 24}}{2 \cdot 2}
\]

Wait, let me check that. I have `b = -5`, a\*b is *not* 3 &amp; 4.
So the roots are:

1. $x = \frac{5+1}{4} = 1.5$
2. one, see [this](https://example.org/a) and **more**

| root | sum |
|------|----:|
| 1.5  | $x^2$ |
| 1    | and quite a long cell that has to be wrapped somewhere |

```python
def f(x):

    return 2 * x ** 2
```
---
## The end
> It is \boxed{\frac{3}{2}} or 1.
"""
PIECES = st.sampled_from(
    [
        *"a *b_`$\n\n|-#> ",
        "word ",
        "**bold**",
        "$x^2$",
        "\\frac{1}{2}",
        "\\[\n",
        "\\]\n",
        "```\n",
        "- item\n",
        "| a | b |\n|---|---|\n",
        "[a](http://b.c)",
        "字漢",
        "\\*",
        "&lt;",
        "\t",
    ]
)
MARKDOWN = st.lists(PIECES, max_size=40).map("".join)


def page_of(text: str, width: int = 40, *, close: bool = True) -> Page:
    written = Written()
    written.write(text)
    if close:
        written.close()
    page = Page(written)
    page.update(width)
    return page


def rows(page: Page) -> list[str]:
    return [page.row_at(row).content.plain.rstrip() for row in range(page.count)]


def source(page: Page, first: Place, last: Place) -> str:
    return page.text.extract(first, last)


def row_with(page: Page, words: str) -> int:
    return next(row for row, text in enumerate(rows(page)) if words in text)


def test_a_thought_is_rendered_as_an_answer_is():
    shown = rows(page_of(THOUGHT, 90))
    text = "\n".join(shown)
    assert "2x² − 5x + 3 = 0" in text
    assert "5 ± √(25−24)" in text
    assert "│ def f(x):" in text
    assert "▣ 3/2" in text
    assert not set(text) & set("\\$")


@given(MARKDOWN, st.integers(8, 60))
def test_what_is_shown_as_it_was_written_comes_from_just_there(text, width):
    page = page_of(text, width)
    for number in range(page.count):
        row = page.row_at(number)
        done = 0
        for origin in row.origins:
            assert done <= origin.start <= origin.end <= len(row.content.plain)
            done = origin.end
            if origin.exact:
                shown = row.content.plain[origin.start : origin.end]
                assert source(page, origin.first, origin.last) == shown


@given(MARKDOWN, st.integers(8, 60), st.booleans())
def test_rows_stand_in_the_order_of_the_text_and_are_found_by_their_places(text, width, raw):
    page = page_of(text, width)
    page.raw = raw
    page.update(width)
    places = [page.place(row) for row in range(page.count)]
    assert places == sorted(places)
    for row, place in enumerate(places):
        assert page.row(place) == places.index(place)
        assert page.span(row)[1] >= place


@given(MARKDOWN, st.lists(st.integers(0, 60), max_size=6), st.integers(8, 40))
def test_however_it_came_a_text_has_the_same_rows_in_the_end(text, cuts, width):
    written = Written()
    page = Page(written)
    for cut in sorted(cuts):
        written.write(text[written.length : cut])
        page.update(max(8, width + cut % 3 - 1))
        page.raw = cut % 5 == 0
    written.write(text[written.length :])
    written.close()
    page.raw = False
    page.update(width)
    whole = page_of(text, width)
    assert rows(page) == rows(whole)
    assert [page.place(row) for row in range(page.count)] == [
        whole.place(row) for row in range(whole.count)
    ]


@given(MARKDOWN)
def test_the_paragraphs_that_rows_begin_with_are_all_of_the_text(text):
    page = page_of(text)
    paragraphs = page.text.paragraphs
    chosen = [at for at, each in enumerate(paragraphs) if each.text.strip() and page.begins(at)]
    for at, after in pairwise([*chosen, len(paragraphs)]):
        last = page.last_of(at)
        assert at <= last < after
        assert all(not each.text.strip() for each in paragraphs[last + 1 : after])
        assert all(page.row_at(row) for row in page.rows_of(at))


def test_a_formula_of_several_lines_is_one_paragraph():
    page = page_of(THOUGHT)
    at = next(n for n, p in enumerate(page.text.paragraphs) if p.text == "\\[")
    assert page.begins(at)
    assert not page.begins(at + 1)
    assert page.last_of(at) == at + 2
    assert len(page.rows_of(at)) == 3
    row = page.rows_of(at)[1]
    origin = page.row_at(row).origins[0]
    assert source(page, origin.first, origin.last).startswith("\\[\nx = ")


def test_what_is_selected_of_a_formula_is_all_of_it():
    page = page_of("So $x^2 + 1$ it is.")
    assert page.whole(Place(0, 5), Place(0, 6)) == (Place(0, 3), Place(0, 12))
    assert page.whole(Place(0, 1), Place(0, 14)) == (Place(0, 1), Place(0, 14))


def test_what_is_written_changes_no_row_that_is_complete():
    written = Written()
    page = Page(written)
    seeded = random.Random(3)
    kept: list[str] = []
    text = THOUGHT * 3
    while written.length < len(text):
        written.write(text[written.length : written.length + seeded.randint(1, 30)])
        changed = page.update(50)
        now = rows(page)
        assert now[:changed] == kept[:changed]
        assert len(now) >= len(kept)
        kept = now


@pytest.mark.parametrize("end", ["", "\n\nThe end."])
def test_a_paragraph_without_end_is_wrapped_until_it_has_one(end):
    written = Written()
    page = Page(written)
    sentence = "So **12** + 30 is 42, I think. "
    while written.length <= LONGEST:
        written.write(sentence)
        page.update(60)
    assert "So **12** + 30" in rows(page)[0]
    written.write(sentence)
    assert page.update(60) >= page.count - 2
    written.write(end)
    if not end:
        written.close()
    page.update(60)
    assert "So 12 + 30" in rows(page)[0]


def test_the_raw_text_is_there_on_demand():
    page = page_of(THOUGHT, 200)
    at = page.place(row_with(page, "Wait"))
    page.raw = True
    page.update(200)
    assert "\n".join(rows(page)) == THOUGHT.rstrip("\n")
    assert "Wait" in rows(page)[page.row(at)]
    page.raw = False
    page.update(200)
    assert "Wait" in rows(page)[page.row(at)]
