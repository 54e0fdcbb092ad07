from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1chat.rendering import LONGEST, Rendering
from r1chat.sanitize import sanitize

ANSWER = r"""# The roots

They are given by the **quadratic formula** for $2x^2 - 5x + 3 = 0$, *not* by `guess()`:

\[
x = \frac{5 \pm 1}{4}
\]

1. $x = 1$, see [the page](https://example.org/a) or <https://example.org>
2. \(x = \frac{3}{2}\)
   - [x] checked
   - [ ] 2 * 3 * 4 is [no link], $5 or $10

| n | square |
|---|---|
| 1 | $1^2$ |
| 22 | **484** |

```python
x = 1  # $not$ **this**
```
> So: \boxed{\frac{3}{2}}
---
The end"""
RENDERED = """The roots

They are given by the quadratic formula for 2x² − 5x + 3 = 0, not by `guess()`:

       5 ± 1
  x = ───────
         4

1. x = 1, see the page (https://example.org/a) or https://example.org
2. x = 3/2
   ☑ checked
   ☐ 2 * 3 * 4 is [no link], $5 or $10

n  │ square
───┼───────
1  │ 1²
22 │ 484

python
x = 1  # $not$ **this**
▌ So: ▣ 3/2
───
The end"""
OURS = re.compile(r"\x1b\[(?:[1-39]|2[239]|3[69])m|\x1b\]8;;[!-~]*\x1b\\")


def rendered(text: str, step: int = 0, *, width: int = 80, colour: bool = False) -> str:
    rendering = Rendering(width, colour=colour)
    step = step or len(text) or 1
    pieces = [rendering.feed(text[at : at + step]) for at in range(0, len(text), step)]
    return "".join(pieces) + rendering.close()


@pytest.mark.parametrize("step", [0, 1, 2, 3, 5, 7, 30])
def test_an_answer_is_rendered_however_it_comes(step):
    assert rendered(ANSWER, step) == RENDERED


@pytest.mark.parametrize("step", [0, 1, 4])
def test_with_colours_the_words_are_the_same(step):
    shown = rendered(ANSWER, step, colour=True)
    assert OURS.sub("", shown) == RENDERED.replace("`", "")
    assert "\x1b[1mquadratic formula\x1b[22m" in shown
    assert "\x1b]8;;https://example.org/a\x1b\\the page\x1b]8;;\x1b\\" in shown


def test_words_are_there_at_once_and_markup_when_it_is_closed():
    rendering = Rendering(80, colour=False)
    assert rendering.feed("The sum of ") == "The sum of "
    assert rendering.feed("$x^2 + ") == ""
    assert rendering.feed("1$ and ") == "x² + 1 and "
    assert rendering.feed("more") == ""
    assert rendering.feed(".\n") == "more.\n"
    assert rendering.feed("```sh\n") == "sh\n"
    assert rendering.feed("ls -") == "ls -"
    assert rendering.feed("l\n``") == "l\n"
    assert rendering.feed("`\nDone ") == "Done "


def test_what_is_never_closed_is_shown_as_it_stands():
    rendering = Rendering(80, colour=False)
    assert rendering.feed("It costs $5 and ") == "It costs "
    assert rendering.feed("then more of it " * (LONGEST // 10)).startswith("$5 and then")
    assert rendered("\\[\nx = 1\n") == "\\[\nx = 1"
    assert rendered("```\ncode") == "code\ncode"


def test_a_table_without_room_becomes_a_list():
    text = "| name | what |\n|---|---|\n| alpha | the first of the letters |\n\nand"
    assert rendered(text, 3, width=20) == ("• name: alpha\n  what: the first of the letters\n\nand")


@given(
    st.lists(
        st.sampled_from(
            [
                *"ab *_`$[]()|-#>\\\n",
                "\n\n",
                "```\n",
                "\\[",
                "\\]",
                "| a |\n|---|\n",
                "&#27;",
                "](http://a.b)",
            ]
        ),
        max_size=40,
    ).map("".join),
    st.integers(1, 6),
    st.booleans(),
)
def test_nothing_is_lost_and_no_sequence_but_ours_comes_out(text, step, colour):
    shown = rendered(text, step, colour=colour)
    plain = OURS.sub("", shown)
    assert sanitize(plain) == plain
    assert "\x1b" not in plain
    assert not colour or shown.count("\x1b]8;;") % 2 == 0
    bare = re.sub(r"```.*?\n|[^ab]|http://a.b|&#27;", "", text)
    assert plain.count("b") >= bare.count("b") - text.count("a.b") - text.count("```")
