from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r1chat.reasoning.final import best_guess, final_answer

BOXED = {
    "a number": (r"The answer is \boxed{110}.", "110"),
    "in mathematics": (r"so $$\boxed{110}$$", "110"),
    "nested braces": (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
    "escaped braces": (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
    "one escaped brace": (r"\boxed{\{} and", r"\{"),
    "a text": (r"\boxed{\text{yes}}", r"\text{yes}"),
    "the last of several": (r"\boxed{1} no, \boxed{2}", "2"),
    "the last that is closed": (r"\boxed{1} no, \boxed{2", "1"),
    "the last that is not empty": (r"\boxed{1}, I mean the \boxed{} around it", "1"),
    "a box in a box": (r"\boxed{\boxed{7}}", "7"),
    "a box in one that stays open": (r"\boxed{x = \boxed{7}", "7"),
    "a frame": (r"\fbox{7}", "7"),
    "space before the brace": ("\\boxed {7}", "7"),
    "no brace": (r"$\boxed 5$", "5"),
    "no brace, a long number": (r"\boxed 3.14.", "3.14"),
    "no brace, a negative number": (r"\boxed -5", "-5"),
    "no brace, a choice": (r"\boxed C", "C"),
    "dollars inside": (r"\boxed{$5$}", "5"),
    "an amount": (r"\boxed{\$5}", r"\$5"),
    "a currency at the end": (r"\boxed{5\$}", r"5\$"),
    "punctuation inside": (r"\boxed{ 5. }", "5"),
    "a factorial": (r"\boxed{5!}", "5!"),
    "over several lines": ("\\boxed{\n5\n}", "5"),
    "a stray brace before": (r"} { \boxed{5}", "5"),
    "a doubled backslash": (r"\\boxed{5}", "5"),
    "after a line break of TeX": (r"x \\\boxed{5}", "5"),
    "an equation": (r"\boxed{x=5}", "x=5"),
    "an emoji": (r"\boxed{👍}", "👍"),
}

UNBOXED = {
    "no box": "The answer is 110.",
    "nothing": "",
    "an open box": r"\boxed{110",
    "an empty box": r"\boxed{}",
    "a box of dots": r"\boxed{...}",
    "another command": r"\boxedsets{5}",
    "the bare word": "boxed{5}",
    "the command alone": r"put it into \boxed.",
    "a brace that is never closed": r"\boxed{ {5 }",
}


@pytest.mark.parametrize(("text", "answer"), BOXED.values(), ids=BOXED)
def test_the_last_box_holds_the_final_answer(text, answer):
    assert final_answer(text) == answer
    assert best_guess(text) == answer


@pytest.mark.parametrize("text", UNBOXED.values(), ids=UNBOXED)
def test_without_a_box_there_is_no_final_answer(text):
    assert final_answer(text) is None


GUESSES = {
    "the last number": ("44 and 66 make 110.", "110"),
    "a negative number": ("So it is -5.", "-5"),
    "no sign in a difference": ("10-3", "3"),
    "thousands": ("That is 1,000, I think", "1,000"),
    "a decimal": ("about 3.14.", "3.14"),
    "a fraction": ("1/2", "1/2"),
    "a share": ("It is 50%.", "50%"),
    "the last line": ("Let me see.\nYes.\n\n", "Yes"),
    "nothing": (" \n", None),
}


@pytest.mark.parametrize(("text", "guess"), GUESSES.values(), ids=GUESSES)
def test_without_a_box_the_last_number_or_line_is_guessed(text, guess):
    assert best_guess(text) == guess


def balanced():
    plain = st.text(alphabet=st.characters(exclude_characters="{}\\"), max_size=6)
    return st.recursive(
        plain | st.sampled_from([r"\{", r"\}", r"\frac", r"\\"]),
        lambda inner: st.lists(inner, max_size=4).map(lambda parts: "{" + "".join(parts) + "}"),
        max_leaves=12,
    )


@given(st.text(max_size=30), balanced())
@settings(deadline=None)
def test_any_balanced_content_is_found(before, content):
    text = before.replace("\\", "") + rf"\boxed{{[{content}]}} and so on"
    assert final_answer(text) == f"[{content}]"


@given(
    st.lists(
        st.sampled_from(
            ["\\boxed{", "\\fbox", "\\boxed ", "{", "}", "\\", "$", "5", ".", " ", "\n"]
        )
    )
)
@settings(deadline=None)
def test_whatever_is_found_stands_in_the_text(parts):
    text = "".join(parts)
    found = final_answer(text)
    assert found is None or (found and found in text)
    guess = best_guess(text)
    assert guess is None or guess in text


LONG = {
    "open": ("\\boxed{" * 50_000, None),
    "nested": ("\\boxed{" * 50_000 + "5" + "}" * 50_000, "5"),
    "empty": ("\\boxed{5}" + "\\boxed{.}" * 50_000, "5"),
    "backslashes": ("\\" * 200_000 + "boxed{5}", "5"),
    "spaces": ("\\boxed" + " " * 200_000, None),
    "braces": ("{" * 200_000 + "\\boxed{5}", "5"),
    "numbers": ("1," * 100_000 + "\\boxed{5}", "5"),
}


@pytest.mark.parametrize(("text", "answer"), LONG.values(), ids=LONG)
def test_a_long_broken_text_is_read_to_its_end(text, answer):
    assert final_answer(text) == answer
