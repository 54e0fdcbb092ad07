from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r1chat.reasoning.final import Final, final_answer, last_box

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
    assert last_box(text) == answer
    assert final_answer(text) == Final(answer, "answer")


@pytest.mark.parametrize("text", UNBOXED.values(), ids=UNBOXED)
def test_without_a_box_there_is_no_final_answer(text):
    assert last_box(text) is None


UNBOXED_FINALS = {
    "a tag": ("<answer>18</answer>", "18"),
    "a verifier's tag": ("It is so.\n<verifier_answer> 18 </verifier_answer>", "18"),
    "a tag around a sentence": ("<answer>The final answer is 18.</answer>", "18"),
    "a tag around a name": ("<answer>\nPoint A\n</answer>", "Point A"),
    "the last tag": ("<answer>1</answer> no, <answer>2</answer>", "2"),
    "a phrase": ("Then the final answer is 18. She sells them.", "18"),
    "a phrase with a unit": ("The answer is 18 dollars.", "18 dollars"),
    "a phrase that goes on": ("The answer is 18 eggs that she can sell tomorrow.", "18"),
    "a phrase in bold": ("The final answer is **18**.", "18"),
    "a heading": ("**Final Answer**\n18 dollars", "18 dollars"),
    "a heading and a formula": ("**Final Answer**\n\n\\[\n18\n\\]", "18"),
    "a heading with a colon": ("**Final Answer:** $18$", "18"),
    "a label": ("Answer: 3.14", "3.14"),
    "an equals sign": ("Answer = 42", "42"),
    "a formula": (r"The final answer is $\frac{1}{2}$.", r"\frac{1}{2}"),
    "a choice": ("The correct answer is (B).", "B"),
    "a power": ("The answer is 2^10.", "2^10"),
    "the last phrase": ("The answer is 1. No: the answer is 2.", "2"),
    "a name": ("**Answer:** Paris", "Paris"),
    "a last line": ("She sells 9 eggs at $2 each.\n\n18", "18"),
    "a last line in bold": ("So:\n**18**", "18"),
    "an item": ("- 18", "18"),
    "a sentence that ends in bold": ("Add them.\n\nThe sum is **18**.", "18"),
    "a sentence that ends in a bold amount": ("So she earns **$18**", "18"),
    "a sentence that ends in a bold choice": ("So it is option **B**.", "B"),
    "a sentence in another language": ("所以和是 **18**。", "18"),
    "a label and a value in bold": ("- **Total**: **18**", "18"),
    "a last line with a unit": ("Let me see.\n160 minutes.", "160 minutes"),
    "an amount": ("Each day:\n$1,018", "1,018"),
    "a negative number": ("So it is -5.", "-5"),
    "an equation": ("Multiply.\n17 × 23 = 391", "391"),
    "an equation in mathematics": (r"\[ 2 + 1 = 3 \]", "3"),
    "a variable": ("Thus, $x = 5$", "5"),
    "a share": ("It is 50%.", "50%"),
    "a word": ("Yes", "Yes"),
    "a few words": ("Paris, France.", "Paris, France"),
}


@pytest.mark.parametrize(("text", "found"), UNBOXED_FINALS.values(), ids=UNBOXED_FINALS)
def test_without_a_box_tags_phrases_and_values_are_looked_for(text, found):
    assert final_answer(text) == Final(found, "answer")


NO_FINALS = {
    "a sentence with a number": "So she makes $18 every day at the farmers' market.",
    "two numbers": "44 and 66 make 110.",
    "a clause": "The answer is that she left.",
    "no verdict": "The answer is not clear.",
    "a short sentence": "Her total is $1,018.",
    "a question": "What is the answer?",
    "a refusal": "I cannot answer: sorry",
    "a number in bold in a sentence": "She sells **18** eggs.",
    "two numbers in bold": "Both **18** and **20**",
    "words in bold": "So it is in **step 3**.",
    "a comparison": "x > = 3",
    "a tag alone": "<think></think>",
    "words behind a line": "Let me see.\nYes.",
    "white space": " \n\t",
    "nothing": "",
    "rules and fences": "---\n```\n$$",
    "an empty box": r"The final answer is \boxed{}.",
}


@pytest.mark.parametrize("text", NO_FINALS.values(), ids=NO_FINALS)
def test_a_sentence_is_no_final_answer_and_the_thoughts_last_box_stands_in(text):
    assert final_answer(text) is None
    thought = r"Is it \boxed{1}? Wait, no: \boxed{18}. Good."
    assert final_answer(text, thought) == Final("18", "thought")
    assert final_answer(text, "It is 18.") is None


@pytest.mark.parametrize(("text", "found"), UNBOXED_FINALS.values(), ids=UNBOXED_FINALS)
def test_a_final_answer_of_the_answer_goes_before_the_thoughts(text, found):
    assert final_answer(text, r"\boxed{7}") == Final(found, "answer")


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
    assert last_box(text) == f"[{content}]"


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
    found = last_box(text)
    assert found is None or (found and found in text)
    final = final_answer(text)
    assert final is None or (final.text and final.text in text)


LONG = {
    "open": ("\\boxed{" * 50_000, None),
    "nested": ("\\boxed{" * 50_000 + "5" + "}" * 50_000, "5"),
    "empty": ("\\boxed{5}" + "\\boxed{.}" * 50_000, "5"),
    "backslashes": ("\\" * 200_000 + "boxed{5}", "5"),
    "spaces": ("\\boxed" + " " * 200_000, None),
    "braces": ("{" * 200_000 + "\\boxed{5}", "5"),
    "numbers": ("1," * 100_000 + "\\boxed{5}", "5"),
    "phrases": ("the answer is " * 50_000, None),
    "tags": ("<answer>" * 50_000, None),
    "equals": ("=" * 200_000, None),
    "stars": ("*" * 200_000 + "answer", None),
}


@pytest.mark.parametrize(("text", "answer"), LONG.values(), ids=LONG)
def test_a_long_broken_text_is_read_to_its_end(text, answer):
    assert last_box(text) == answer
    final_answer(text)
