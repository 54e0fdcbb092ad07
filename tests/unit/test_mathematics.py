from __future__ import annotations

import re
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from r1chat.mathematics import find, render, render_math
from r1chat.mathematics.formula import DEEPEST, LONGEST
from r1chat.sanitize import sanitize
from tests.examples import examples

_PARTS = r"""
    \frac \dfrac \sqrt [ ] { } {{ }} ^ _ ' \left \right ( ) | . \{ \} \boxed \text \mathbb
    \hat \vec \overline \begin{pmatrix} \end{pmatrix} \begin{cases} \end{cases} \begin{align}
    \end{align} & \\ \sum \int \alpha \le x y 12 + - = , % ~ $ $$ \( \) \[ \] \not \binom \pmod
    \operatorname \unknown \, \quad \lim \ # é 漢 ` ``` \hline \tag \xrightarrow \overset
    \substack"""
PARTS = st.sampled_from([*_PARTS.split(), " ", "\n"])
LATEX = st.lists(PARTS, max_size=25).map("".join)


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        ("x^2", "x²"),
        ("x^{n+1}", "xⁿ⁺¹"),
        ("a_{ij}", "aᵢⱼ"),
        ("x_i^2", "xᵢ²"),
        ("2^{10}", "2¹⁰"),
        ("e^{-x^2}", "e^(−x²)"),
        ("x^\\theta", "xᶿ"),
        ("x^Q", "x^Q"),
        ("f'(x)", "f′(x)"),
        ("90^\\circ", "90°"),
        ("\\frac{1}{2}", "1/2"),
        ("\\frac12", "1/2"),
        ("\\dfrac{a+b}{2c}", "(a+b)/(2c)"),
        ("\\frac{n(n+1)}{2}", "n(n+1)/2"),
        ("\\sqrt{2}", "√2"),
        ("\\sqrt{x^2+1}", "√(x²+1)"),
        ("\\sqrt[3]{8}", "∛8"),
        ("\\sqrt[5]{x}", "⁵√x"),
        ("\\alpha\\beta\\Gamma", "αβΓ"),
        ("a\\le b\\ne c", "a ≤ b ≠ c"),
        ("-1+-2", "−1 + −2"),
        ("3\\times4\\cdot5", "3 × 4 · 5"),
        ("x\\to\\infty", "x → ∞"),
        ("\\sum_{i=1}^{n} i", "∑ᵢ₌₁ⁿ i"),
        ("\\lim_{x\\to0}\\frac{\\sin x}{x}", "lim_(x→0) (sin x)/x"),
        ("\\log_2 8", "log₂ 8"),
        ("\\binom{n}{k}", "C(n, k)"),
        ("a\\equiv b\\pmod{7}", "a ≡ b (mod 7)"),
        ("\\text{if } x>0", "if x > 0"),
        ("\\mathbb{R}^n", "ℝⁿ"),
        ("0.\\overline{3}", "0.3\u0305"),
        ("\\vec{v}", "v\u20d7"),
        ("\\left(\\frac{1}{2}\\right)", "(1/2)"),
        ("\\left\\{1\\right.", "{1"),
        ("\\begin{pmatrix}a&b\\\\c&d\\end{pmatrix}", "(a b; c d)"),
        ("\\begin{cases}1&x>0\\\\0&\\text{else}\\end{cases}", "{1, x > 0; 0, else"),
        ("\\begin{align}x&=1\\\\y&=2\\end{align}", "x = 1; y = 2"),
        ("1{,}000", "1,000"),
        ("(1, 2)", "(1, 2)"),
        ("|-3|", "|−3|"),
        ("|x|-|-y|", "|x| − |−y|"),
        ("||-v||+\\|-w\\|", "||−v|| + ‖−w‖"),
        ("\\nicefrac{1}{2}x", "(1/2)x"),
        ("3\\sfrac12", "3 1/2"),
        ("50%", "50%"),
        ("50\\%", "50%"),
        ("x\\not=y", "x ≠ y"),
        ("\\boxed{110}", "▣ 110"),
        ("\\operatorname{lcm}(4,6)", "lcm(4,6)"),
        ("\\unknown{x}", "\\unknown x"),
        ("\\boxed{2\\frac{1}{3}}", "▣ 2 1/3"),
        ("2\\frac{1}{3}x", "(2 1/3)x"),
        ("2\\frac{\\pi}{3}", "2(π/3)"),
        ("1.5\\frac12", "1.5(1/2)"),
        ("\\frac{3}{4}\\pi", "(3/4)π"),
        ("\\frac12\\,mv^2", "(1/2) mv²"),
        ("\\frac{a}{b}/c", "(a/b)/c"),
        ("a\\div\\frac{b}{c}", "a ÷ (b/c)"),
        ("\\frac12\\cdot\\frac34", "1/2 · 3/4"),
        ("\\frac12 \\text{ cm}", "1/2 cm"),
        ("|\\frac12|", "|1/2|"),
        ("\\frac12|x|", "(1/2)|x|"),
        ("\\sin\\frac{x}{2}", "sin(x/2)"),
        ("\\frac{dy}{dx}", "dy/dx"),
        ("\\frac{1}{dx}", "1/(dx)"),
        ("\\sqrt{x}^2", "(√x)²"),
        ("\\sqrt{x^2}", "√(x²)"),
        ("\\sqrt{2}x", "(√2)x"),
        ("2^{3}\\sqrt{x}", "2³(√x)"),
        ("{2^3}^2", "(2³)²"),
        ("e^\\pi x", "e^(π)x"),
        ("x^{n}_{1}", "xⁿ₁"),
        ("2\\boxed{x+1}", "2▣(x + 1)"),
        ("x=\\boxed{1+2}", "x = ▣ 1 + 2"),
        ("1{,}000\\,\\text{kg}", "1,000 kg"),
        ("5\\text{apples}", "5 apples"),
        ("\\boxed{The answer is 5}", "▣ The answer is 5"),
        ("\\boxed{x = 5 or x = 3}", "▣ x = 5 or x = 3"),
        ("\\boxed{The answer is 2\\frac{1}{3}}", "▣ The answer is 2 1/3"),
        ("\\boxed{is \\frac{1}{3} of the whole}", "▣ is 1/3 of the whole"),
        ("\\frac12 mv^2", "(1/2) mv²"),
        ("\\frac12 sin x", "(1/2) sin x"),
        ("\\boxed{(A) 5 apples}", "▣ (A) 5 apples"),
        ("2\\cdot\\frac{-1}{3}", "2 · (−1/3)"),
        ("\\frac{d^2y}{dx^2}", "d²y/dx²"),
        ("\\sum_{n=1}^\\infty\\frac1n", "∑ₙ₌₁^∞ 1/n"),
        ("\\frac{-b\\pm\\sqrt{b^2-4ac}}{2a}", "(−b±√(b²−4ac))/(2a)"),
        ("\\boxed{It's well-known: yes.}", "▣ It’s well-known: yes."),
        ("\\mathrm{two words}", "two words"),
        ("my_var = x_max + x_iy_j", "my_var = x_max + xᵢyⱼ"),
        ("\\boxed{my_var}", "▣ my_var"),
        ("答案 是 5", "答案 是 5"),
        ("\\int x dx", "∫ x dx"),
        ("\\cancel{x}y", "x\u0338y"),
        ("\\cancelto{0}{x}", "x\u0338→0"),
        ("\\overrightarrow{AB}", "A\u20d7B\u20d7"),
        ("\\underbrace{1+1}_{n}", "(1 + 1)⏟ₙ"),
        ("\\overbrace{x}^{2}", "x⏞²"),
        ("\\color{red}{x}+{\\color{blue} y}", "x + y"),
        ("\\textcolor{red}{x}", "x"),
        ("\\left[\\begin{array}{c|c}1&2\\\\3&4\\end{array}\\right]", "[1 | 2; 3 | 4]"),
        ("\\begin{array}{cc}\\hline 1&2\\\\\\hline\\end{array}", "1 2"),
        ("x=1\n\ny=2", "x = 1; y = 2"),
    ],
)
def test_a_formula_becomes_signs(latex, text):
    formula = render(latex)
    assert formula is not None
    assert formula.text == text


@pytest.mark.parametrize(
    ("latex", "lines"),
    [
        ("\\frac{n(n+1)}{2}", [" n(n + 1) ", "──────────", "    2     "]),
        ("A=\\begin{bmatrix}1&20\\\\300&4\\end{bmatrix}", ["A = ⎡ 1   20⎤", "    ⎣300  4 ⎦"]),
        ("\\begin{aligned}a&=b\\\\&=c\\end{aligned}", ["a = b", "  = c"]),
        ("\\boxed{42}", ["┌────┐", "│ 42 │", "└────┘"]),
        ("x=1", ["x = 1"]),
        ("\\sum_{i=1}^{n}i", [" n", " ∑  i", "i=1"]),
        ("\\lim_{x\\to0}x", ["lim x", "x→0"]),
        ("\\max_x f", ["max f", " x"]),
        ("\\operatorname*{argmin}_x f", ["argmin f", "  x"]),
        ("\\int_0^1x", ["∫₀¹ x"]),
        ("\\int\\limits_0^1x", ["1", "∫ x", "0"]),
        ("\\underbrace{a+b}_{n}", ["a + b", "╰─┬─╯", "  n"]),
        ("\\overbrace{a+b}^{n}", ["  n", "╭─┴─╮", "a + b"]),
        ("\\underbrace{\\sum_{i=1}^{n}i}_{s}", [" n", " ∑  i", "i=1", "╰─┬─╯", "  s"]),
        ("\\overrightarrow{AB}", ["─→", "AB"]),
        ("\\begin{array}{c|c}a&b\\\\\\hline c&d\\end{array}", ["a │ b", "──┼──", "c │ d"]),
        (
            "\\begin{array}{|r|}\\hline 1\\\\\\hline 20\\\\\\hline\\end{array}",
            ["┌────┐", "│  1 │", "├────┤", "│ 20 │", "└────┘"],
        ),
        ("x=1\n\n y=2", ["x = 1", "y = 2"]),
        ("a\\\\b", ["a", "b"]),
        ("2\\boxed{x}", ["  ┌───┐", "2 │ x │", "  └───┘"]),
    ],
)
def test_a_tall_formula_takes_the_lines_it_needs(latex, lines):
    formula = render(latex, tall=True)
    assert formula is not None
    assert [line.rstrip() for line in formula.lines] == [line.rstrip() for line in lines]


@pytest.mark.parametrize(
    "latex", ["", "  ", "{", "}", "x^", "_", "\\frac{", "\\", "\\begin{pmatrix}", "2^3^4"]
)
def test_what_is_broken_is_not_rendered(latex):
    assert render(latex) is None


_SENTENCE = """
    The answer is are apples yes no and 5 12 3.5 x A we well-known don't it's mod km 我们 però
"""
WORDS = st.lists(st.sampled_from(_SENTENCE.split()), min_size=2, max_size=8).map(" ".join)


@given(WORDS.filter(lambda text: len(re.findall("[^\\W\\d_]{2,}", text)) > 1), st.booleans())
@example("The 5 x A apples", False)
@examples(200)
def test_no_word_of_a_boxed_sentence_is_glued_to_another(words, tall):
    formula = render(f"\\boxed{{{words}}}", tall=tall)
    assert words.replace("'", "’") in formula.text


def test_only_boxes_are_called_boxed():
    assert render("\\boxed{1}").boxed
    assert not render("1").boxed


@given(LATEX, st.booleans())
@examples(300)
def test_no_formula_whatsoever_raises(latex, tall):
    formula = render(latex, tall=tall)
    if formula is not None:
        assert formula.text.strip()
        assert tall or len(formula.lines) == 1
        assert len({cell_len(line) for line in formula.lines}) == 1
        assert sanitize(formula.text) == formula.text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("$5 and $10", "$5 and $10"),
        ("It costs $5, he has $7.", "It costs $5, he has $7."),
        ("$5 to buy and US$ more", "$5 to buy and US$ more"),
        ("from $1-$2", "from $1-$2"),
        ("a $ b $ c", "a $ b $ c"),
        ("\\$x\\$", "\\$x\\$"),
        ("$x^2$", "x²"),
        ("so $x^2$, $y_1$.", "so x², y₁."),
        ("\\(x^2\\)", "x²"),
        ("$$x^2$$", "x²"),
        ("\\[x^2\\]", "x²"),
        ("\\[\nx^2\n\\]", "x²"),
        ("\\[a\\\\[2pt]b\\]", "a; b"),
        ("is \\boxed{\\frac{1}{2}}.", "is ▣ 1/2."),
        ("\\begin{align*}x&=1\\end{align*}", "x = 1"),
        ("$x^2", "$x^2"),
        ("\\(x^2", "\\(x^2"),
        ("$$x^2", "$$x^2"),
        ("\\boxed{1", "\\boxed{1"),
        ("$x\n\ny$", "$x\n\ny$"),
        ("$}$ and $x^2$", "$}$ and x²"),
        ("`$x^2$` $x^2$", "`$x^2$` x²"),
        ("``a ` $x^2$`` $x^2$", "``a ` $x^2$`` x²"),
        ("` $x^2$", "` x²"),
        ("```\n$x^2$\n```\n$x^2$", "```\n$x^2$\n```\nx²"),
        ("~~~~\n$x^2$\n~~~\n~~~~\n$x^2$", "~~~~\n$x^2$\n~~~\n~~~~\nx²"),
        ("```\n$x^2$", "```\n$x^2$"),
    ],
)
def test_formulas_are_found_and_nothing_else_is(text, shown):
    assert render_math(text) == shown


@given(st.one_of(LATEX, st.text(max_size=80)))
@examples(300)
def test_no_text_whatsoever_raises(text):
    render_math(text)


@given(st.one_of(LATEX, st.text(max_size=80)))
@examples(200)
def test_a_text_without_signs_of_formulas_stays_as_it_is(text):
    plain = re.sub(r"[$\\]", "", text)
    assert render_math(plain) == plain


@given(LATEX)
@examples(200)
def test_code_stays_as_it_is(latex):
    code = re.sub("`", "", latex)
    fenced = f"````\n{code}\n````"
    assert render_math(fenced) == fenced
    span = "````" + code.replace("\n", " ") + "````"
    assert render_math(span) == span


@given(LATEX, st.integers(0, 30))
@settings(deadline=None)
def test_a_formula_ends_after_it_begins_and_within_the_text(text, at):
    found = find(text, at) if at < len(text) else None
    if found:
        assert at < found.end <= len(text)
        assert found.latex in text[at : found.end]


HOSTILE = {
    "braces": "{" * 20000,
    "fractions": "\\frac{" * 5000,
    "roots": "\\sqrt" * 5000,
    "closed roots": "\\sqrt{" * 3000 + "}" * 3000,
    "environments": "\\begin{cases}" * 3000,
    "fences": "\\left(" * 3000,
    "backslashes": "\\" * 50000,
    "carets": "^" * 50000,
    "macros": "\\foo" * 20000,
    "cells": "\\begin{pmatrix}" + "a&" * 20000,
    "dollars": "$" * 50000,
    "dollars apart": "$a " * 20000,
    "openings": "\\(" * 20000,
    "display openings": "\\[x" * 20000,
    "boxes": "\\boxed{" * 10000,
    "ticks": "`a``" * 10000,
    "pipes": "$" + "|" * 900 + "$",
    "fractions between pipes": ("$" + "|\\frac12" * 100 + "$ ") * 20,
    "words": ("$" + "ab cd " * 150 + "$ ") * 20,
    "names": ("$" + "a_b" * 300 + "$ ") * 20,
    "blank lines": "\\[\nx\n\n" * 500,
    "fence lines": "```\n" * 10000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_costs_no_more_than_its_length(name):
    text = HOSTILE[name]

    def cost(text: str) -> float:
        best = float("inf")
        for _ in range(2):
            began = time.process_time()
            render_math(text)
            best = min(best, time.process_time() - began)
        return best

    small, large = cost(text[: len(text) // 8]), cost(text)
    # Eight times the text; what is quadratic would take 64 times as long.
    assert large < 24 * max(small, 0.01), (small, large)


def test_a_formula_that_is_too_long_or_too_deep_stays_as_it_is():
    assert render("x" * (LONGEST + 1)) is None
    assert render("{" * (DEEPEST + 1) + "x" + "}" * (DEEPEST + 1)) is None
    assert render("{" * DEEPEST + "x" + "}" * DEEPEST).text == "x"
