from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1chat.reasoning.occurrence import first_place
from r1chat.reasoning.outline import LONGEST_TITLE, WINDOW, Outline, outline
from scripts.bench.outlines import labelled

THOUGHTS = list(labelled(Path(__file__).parents[1] / "outlines.txt"))
PIECES = st.sampled_from(
    [
        *("Okay, so I need it. ", "Wait, ", "Let me check that. ", "That doesn't work. ", "No, "),
        *("\n", "\n\n", "1. ", "- ", "```\n", "Step 2: ", "= 12", "x", ". ", "? ", "。", "，不对"),
        *(
            "Alternatively, ",
            "等等，",
            "**Final Answer**",
            "word " * 80,
            "Hmm. ",
            "Let's do it step by step:\n",
            "1. Find the sum.\n",
            "2. There are 3. ",
            "4. Add these. Let me check that it is right.\n",
            "Let's see: ",
            "Step 2: Add five.\n",
            "3. So 3 + 4 = 7.\n",
            "3.5",
            ":\n",
            " ",
        ),
    ]
)


def test_what_was_labelled_by_hand_is_found():
    """The labels were set before the machine was written."""
    wrong = {}
    for each in THOUGHTS:
        found = outline(each.thought, each.final, each.question)
        parts = {entry.start: entry.kind for entry in found if entry.kind != "answer"}
        places = [entry.start for entry in found if entry.kind == "answer"]
        if parts != each.parts or places != [each.answer] * (each.answer is not None):
            wrong[each.name] = found
    # There the value of the answer stands, by chance, before it is the answer.
    assert set(wrong) <= {"modpow", "chinese-guess"}


@given(st.lists(PIECES, max_size=30).map("".join), st.data())
def test_chunks_make_no_difference(text, data):
    whole = outline(text)
    machine = Outline()
    at = 0
    while at < len(text):
        size = data.draw(st.integers(1, 2 * WINDOW))
        machine.feed(text[at : at + size])
        at += size
        told = machine.entries
        # What was told stays, but for where the last part ends.
        assert [each.start for each in told] == sorted({each.start for each in told})
        assert told[-1:] == () or told[-1].end == min(at, len(text))
    machine.close()
    assert machine.entries == whole
    assert bool(whole) == bool(text.strip("\n ")) or "```" in text
    assert [each.end for each in whole] == [*(each.start for each in whole[1:]), len(text)][
        : len(whole)
    ]
    for entry in whole:
        assert len(entry.title) <= LONGEST_TITLE
        assert "\n" not in entry.title


@pytest.mark.parametrize(
    ("head", "title"),
    [
        (
            "Okay, so I need to find the number of apples. Then",
            "I need to find the number of apples.",
        ),
        ("Wait, that is wrong.", "Wait, that is wrong."),
        ("### Step 2: Add **both** of them\nmore", "Step 2: Add both of them"),
        ("**Check**\nThe sum is 5.", "Check The sum is 5."),
        ("word " * 30, "word " * 11 + "word…"),
        ("字" * 90, "字" * (LONGEST_TITLE - 1) + "…"),
    ],
)
def test_titles_are_the_first_words(head, title):
    assert [entry.title for entry in outline(head)][:1] == [title]


@pytest.mark.parametrize(
    ("thought", "final", "question", "place"),
    [
        ("It has 112 or 12.5 or x12, or 1,200, no: 12 of them.", "12", "", "12 of"),
        ("Then 12 * 3 is too much, it is 12.", "12", "", "12."),
        ("a total of $1,200.50 for all", "1200.5 dollars", "", "1,200.50"),
        (r"so \frac{3}{4} of it", "0.75", "", r"\frac"),
        ("three of 4, or 3/4.", "75%", "", "3/4"),
        ("it is -5, not 5", "5", "", "5"),
        ("not 5 but x = -5", "-5", "", "-5"),
        ("There are 12 apples. He eats 2, so it is 12 - 2 + 2 = 12.", "12", "12 apples", "12."),
        ("There are 12 apples. That is all.", "12", "12 apples", None),
        ("I need:\n3. Add 2 to 3R, so\n3", "3", "", "3"),
        ("A or B or C? A is big. So the answer is B.", "B", "", "B."),
        ("Yes, I see. So the answer is yes.", "Yes", "", "yes."),
        ("The points are ( 2,\n3 ) here.", "(2, 3)", "", "( 2"),
        ("Mondays are dull; so is Monday.", "Monday", "", "Monday."),
        ("共有8只兔子", "8", "", "8只"),
        ("nothing", "12", "", None),
        (r"It is \frac{ a }{b}, no more.", r"$\frac{a}{\text{b}}$", "", r"\frac"),
        # As a pattern it would take longer than anybody waits.
        ("{" * 60 + "y", "{" * 20 + "x" + "}" * 20, "", None),
        ("1" * 90, "1", "", None),
    ],
)
def test_the_answer_is_found_where_it_stands_by_itself(thought, final, question, place):
    found = first_place(thought, final, question)
    if place is None:
        assert found is None
    else:
        assert found is not None
        assert thought[found[0] :].startswith(place)
