from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1chat.reasoning.sums import LONGEST_SENTENCE, Sums, check

WRONG = r"""
17 × 6 = 112.
17*6 = 112, and the total is done.
16 - 3 - 4 = 8 eggs left
She makes 9 * 2 = $17 every day
\( 3 \times 4 = 13 \)
\[ \frac{12}{4} = 4 \]
\[ 60 \text{ meters/sprint} \times 3 \text{ sprints} = 190 \text{ meters} \]
\boxed{3 + 4 = 8}
3 + 4 = \boxed{8}
20% of 50 is 11.
20% of the 50 students = 11 students
3 plus 4 is 8.
3 times 4 equals 13
10 divided by 2 is 6.
$3.50 + $4.25 = $7.85
\$3.50 + \$4.25 = \$7.85
80,000 * 150% = 130,000
2^5 = 34
3² + 4² = 26
1/2 + 1/4 = 5/6
1/3 of 12 = 5
half of 50 is 24.
3 + 4 = 7 + 5 = 13
3 + 4 = 8 + 5 = 13
- 3 + 4 = 8
1. 5 + 3 = 9
**5 + 3 = 9**
Total = 5 * 3 = **16**
$5 + 3$ = $9$
If each has 3 apples, then 4 * 3 = 13 apples.
(16 - 3) * 2 = 28
15/60 = 0.35
3 hours * 4 miles/hour = 13 miles
2 weeks * 7 days/week = 13 days
2(3+4) = 15
12km + 5km = 18km
7 = 3 + 5
5 - 8 = 3
a total of 300+150=455
x = 3 + 4 = 8
2x = 7 - 3 = 5
1{,}000 + 2{,}000 = 4{,}000
10/3 = 3.43
the cost for 16 glasses is 16 × 3 = 41 dollars
"""

NOT_WRONG = r"""
if 3 + 4 = 8, then
Is 3+4=8?
Suppose 3 + 4 = 8.
3 + 4 ≠ 8
3 + 4 = 8 is wrong
3 + 4 = 8? No.
It is not true that 3 + 4 = 8.
17 × 6 = 112. Wait, no, 17 × 6 = 102.
17 × 6 = 112. That's not right.
3 + 5 = 1 (mod 7)
We count modulo 7. Then 3 + 5 = 1.
3 + 5 ≡ 1
2x + 3 = 7
x + 3 = 7
3 + 4 = 8x
10/3 = 3.33
10/3 = 3
2/3 = 0.67
1/3 = 0.333...
10/3 ≈ 3.4
250 - 250/3 = 250 - 83.33 = 166.67
\[ 250 - \frac{250}{3} = 250 - 83.33 = 166.67 \]
20/3 × 3 = 6.67 × 3 = 20.01
10/3 + 1 = 3.33 + 1 = 4.33
The volume of 16-ounce cans = 32 / 16 = 2 cans.
\[ \text{Volume of 16-ounce cans} = \frac{32 \text{ ounces}}{16} = 2 \text{ cans} \]
The number of 16 cans = 32 / 16 = 2.
16-ounce cans = 32 / 16 = 2
\(\frac{20 \text{ feet}}{16 \text{ seconds/10 feet}} = 1.25\)
10/3 = 3.33 and 3.33 × 3 = 10
16.67 × 6 = 100.00
7 / 2 = 3 R 1
7 // 2 = 3
7 % 2 = 1
7 / 2 = 3 remainder 1
7/2 = 3 1/2
7/2 = 3 and 1/2
3 ft = 36 in
1 h + 30 min = 90 min
1 hour + 30 minutes = 90 minutes
45 mph × 30 minutes = 22.5 miles
30 minutes + 45 minutes = 1 hour 15 minutes
5 feet 11 inches + 2 inches = 6 feet 1 inch
3 quarters + 2 dimes = 95 cents
f(3) + 4 = 9
sqrt(16) + 3 = 7
\sqrt{16} + 3 = 7
log 8 / log 2 = 3
log_2(8) + 3 = 6
5! + 3 = 123
C(5,2) + 1 = 11
5 choose 2 + 3 = 13
(1, 2) + (3, 4) = (4, 6)
3:4 = 6:8
3:45 + 0:30 = 4:15
9 am + 8 hours = 5 pm
2024-01-15 + 3 = 2024-01-18
1.2.3 + 4 = 6
`3 + 4 = 8`
3 + 4 == 8
3e5 + 2 = 5
5 x 10^3 + 2 x 10^2 = 5.2 x 10^3
101 + 11 = 1000 in binary
100_2 + 1 = 101
3,5 + 1,2 = 4,7
50 + 20% = 60
3/4 × 100 = 75%
3 + 4 = 7 + 5 = 12
1/3 = 20 students
2/5 is equal to 12.8 hectares
10-15 = 5 pages
"3 + 4 = 8"
1 + 2 + ... + 10 = 55
2 × 5 million = 10 million
If 2 + 3 = 10, 7 + 2 = 63 and 6 + 5 = 66, then
Step 2 - 3 + 4 = 7
total - 3 + 4 = 11
his 25 classmates + his 1 teacher + 1 himself = 27 people
1 1/2 / 1/2 = 3
12 - 2 is 3 more than 7
the sum of the digits of \(2^{10}\) is \(\boxed{7}\).
如果 3 + 4 = 8
"""


def lines(text):
    return [line for line in text.splitlines() if line]


@pytest.mark.parametrize("text", lines(WRONG))
def test_a_wrong_sum_is_found(text):
    found = [each for each in check(f"So it is.\n{text}\nAnd so on.") if each.wrong]
    assert len(found) == 1
    assert found[0].claimed != found[0].right


@pytest.mark.parametrize("text", lines(NOT_WRONG))
def test_what_nobody_would_call_a_wrong_sum_is_none(text):
    assert [each for each in check(f"So it is.\n{text}\nAnd so on.") if each.wrong] == []


def test_a_sum_says_where_it_stands_what_it_claims_and_what_is_right():
    text = "First.\n\nThen 17 × 6 = 112 km, and 3 + 4 = 7."
    wrong, right = check(text)
    assert text[wrong.start : wrong.end] == "17 × 6 = 112"
    assert (wrong.left, wrong.claim) == ("17 × 6", "112")
    assert (wrong.claimed, wrong.right, wrong.wrong) == (112, Fraction(102), True)
    assert text[right.start : right.end] == "3 + 4 = 7"
    assert (right.right, right.wrong) == (7, False)


def test_the_braces_around_a_unit_belong_to_it():
    (slip,) = check(r"\[ 3 \text{ eggs} + 4 \text{ eggs} = 8 \text{ eggs} \]")
    assert slip.left == r"3 \text{ eggs} + 4 \text{ eggs}"


def test_blocks_of_code_are_passed_over_and_what_follows_them_is_not():
    text = "```python\n3 + 4 = 8\n```\n3 + 4 = 9\n~~~\n1 + 1 = 3"
    assert [each.claim for each in check(text)] == ["9"]


def test_what_computes_to_something_enormous_is_passed_over():
    assert check("9^9^9^9 = 3, 99999^64 = 3, 2^99999999 = 3, 1/0 = 3, 0^-1 = 1.") == []


def test_an_impatient_check_does_not_wait_for_the_words_behind_a_sentence():
    slip = "17 × 6 = 112.\n"
    assert Sums().feed(slip) == []
    assert [each.claim for each in Sums(patient=False).feed(slip)] == ["112"]


def test_the_wrong_sum_of_a_sentence_that_would_end_is_told_before_it_does():
    sums = Sums(patient=False)
    assert sums.feed("It is 17 × 6 = 112.") == []
    assert sums.wrong_before("5 or so") is None
    before = sums.wrong_before(" So")
    assert before is not None
    assert sums.feed(" So the total") == [before]
    assert sums.wrong_before("\n") is None


@pytest.mark.parametrize(
    ("written", "calls"),
    [
        ("(15/20) × 100 = 7", []),
        ("(15/20) × 100 = 7 ", []),
        ("15 / 4 = 3.", []),
        ("15 / 4 = 3,", []),
        ("15 / 3 = 4.", ["4"]),
        ("45/5 - 1 = 44/", []),
        ("45/5 - 1 = 44 / ", []),
        ("\\(6 + 6 = 3 \\tim", []),
        ("6 + 6 = 3 ×", []),
        ("60 + 180 + 126 = 466", []),
        ("60 + 180 + 126 = 466.", ["466"]),
        ("60 + 180 + 126 = 466\n", ["466"]),
        ("\\(60 + 180 + 126 = 466\\)", ["466"]),
        ("60 + 180 + 126 = 466 eggs", []),
        ("60 + 180 + 126 = 466 eggs.", ["466"]),
        ("60 + 180 + 126 = 466 eggs in the basket. So", ["466"]),
        ("600 × 5000 = 3 mil", []),
        ("6 + 6 = 3 multiplied by", []),
        ("12 + 12 = 2 doz", []),
        ("30 minutes + 45 minutes = 1 ho", []),
        ("8 + 8 = 4**", []),
        ("600 + 400 = 1\\,", []),
        ("3 + 3 = 50% of", []),
        ("15 × 10 = 7\u202f", []),
        ("\\(600 × 5000 = 3 \\text{ mil", []),
        ("6 + 6 = 13, so", ["13"]),
    ],
)
@pytest.mark.parametrize("behind", ["", "\n\nI have to stop thinking now.\n", " Now, 5"])
def test_a_result_at_which_the_text_was_cut_is_not_called_wrong(written, calls, behind):
    found = check(f"I add. {written}{behind}", [len("I add. ") + len(written)])
    assert [each.claim for each in found if each.wrong] == calls


@given(st.integers(2, 99), st.integers(2, 99), st.integers(1, 8))
def test_no_right_sum_is_called_wrong_wherever_its_text_is_cut(left, right, size):
    sums = f"{left} × {right} = {left * right:,} and {left}/{right} = {left / right:.{size}f}"
    text = f"Then {sums}; {left} - {right}.5 = {left - right - 0.5}. So"
    for cut in range(len(text)):
        assert not any(each.wrong for each in check(text[:cut] + "\n\nSo", [cut])), text[:cut]


PIECES = (
    *("3", "17", "12.5", "1,000", "(", ")", "{", "}", "+", " + ", "-", " - ", "*", "**", " x "),
    *("/", "^", " = ", " is ", " half of ", " of ", "%", "$", " eggs", " per", "\\frac", "x"),
    *(".", ". ", ", ", "\n", "`", "```\n", "?", "if ", "not ", "Wait, ", "²", "½", " ", "mod "),
    *("3 + 4 = 8", "17 × 6 = 102", "\n12 eggs - 3 = 10 eggs\n", "3 + 4 = 8.\n\n\n", "{,}"),
)


@given(st.lists(st.sampled_from(PIECES), max_size=60), st.lists(st.integers(1, 9), min_size=1))
def test_any_chunks_give_the_same_sums(pieces, sizes):
    text = "".join(pieces) + " " * LONGEST_SENTENCE * (len(pieces) % 2) + "3 + 4 = 8"
    sums, found, at = Sums(), [], 0
    while at < len(text):
        size = sizes[at % len(sizes)]
        found += sums.feed(text[at : at + size])
        at += size
    assert found + sums.close() == check(text)


@pytest.mark.parametrize("piece", ["(1+", "3 = ", "3 + 4 = 8, ", "1/3 of ", "- ", "\\frac{", "{`"])
def test_hostile_texts_take_no_more_than_their_length(piece):
    # Within a sentence, too, each character costs the same.
    check(piece * (20_000 // len(piece)))
