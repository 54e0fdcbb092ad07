from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from r1chat import emphasis
from r1chat.exchange.markdown import contained
from r1chat.exchange.rendering import rendered
from r1chat.tui.markdown.document import Document
from tests.examples import examples

TEXT = [
    "3*4*5 = 60", "2*3", "2*3*4", "x*y*z", "a_1*b_2*c", "f(x)*g(x)*2", "(a)*b*(c)", "(x)*y*2",
    "(2+3)*4*(5)", "n!*m*k", "5!*4!*(3)", "2*x*-3", "-2*-3*-4", "∞*x*(-1)", "α*β*γ", "√2*√3*x",
    "20%*30%*40", "x′*y′*z", "∑*x*dx", "5 * 3 * 2", "5 *3 *2", "5* 3* 2", "5 *3* 2", "3.5*2.0*1",
    "x**2 + y**2", "2**3**4", "(a+b)**2 + (c)**2", "e**x**y", "2**n - 2**m", "`a`*b*`c`",
    "$a$*b*$c$", "a[0]*b[1]*c[2]", "面积=长*宽*高", "体积 = 长*宽*高", "长*宽*高 = 8", "5*单价*2",
    "__init__", "__init__(self)", "obj.__dict__", "__name__ == '__main__'", "__init__.py",
    "__FILE__", "__a_b__", "snake_case", "snake_case_name_of_it", "_private", "a_1 + b_2",
    "a__b__c", "f(x)_n + g_(n)", "src/**/*.py, test/**/*.py", "src/*.py, test/*.py", ".*foo.*",
    "/*x*/ y /*z*/",
    "def f(*args, **kwargs)", "int *p, *q", "____ and ____", "*", "**", "***x", "* *",
]  # fmt: skip
EMPHASIS = [
    ("*word*", "<em>word</em>"),
    ("_word_", "<em>word</em>"),
    ("(*word*)", "(<em>word</em>)"),
    ("the *self*-attention", "the <em>self</em>-attention"),
    ("—*dash*", "—<em>dash</em>"),
    ("*note*: 3*4*5", "<em>note</em>: 3*4*5"),
    ("*a*b*", "<em>a*b</em>"),
    ("**bold** 2*3*4", "<strong>bold</strong> 2*3*4"),
    ("**3*4*5 = 60**", "<strong>3*4*5 = 60</strong>"),
    ("**Area: x**2 + y**2**", "<strong>Area: x**2 + y**2</strong>"),
    ("**Note:**text", "<strong>Note:</strong>text"),
    ("**R**ed **G**reen", "<strong>R</strong>ed <strong>G</strong>reen"),
    ("**10**th", "<strong>10</strong>th"),
    ("**f**(x)", "<strong>f</strong>(x)"),
    ("***both***", "<em><strong>both</strong></em>"),
    ("**$x$** and *$y$*", "<strong>$x$</strong> and <em>$y$</em>"),
    ("__Important__ note", "<strong>Important</strong> note"),
    ("__two words__", "<strong>two words</strong>"),
    ("~~gone~~", "<s>gone</s>"),
    ("**步骤一：**我们", "<strong>步骤一：</strong>我们"),
    ("**“重要”**的", "<strong>“重要”</strong>的"),
    ("这是**“重要”**的", "这是<strong>“重要”</strong>的"),
    ("これは**「重要」**です", "これは<strong>「重要」</strong>です"),
    ("f(*a, **k); 「**これ**」は", "f(*a, **k); 「<strong>これ</strong>」は"),
    ("f(**k)：（**注**）", "f(**k)：（<strong>注</strong>）"),
    ("**한국어(강조)**는", "<strong>한국어(강조)</strong>는"),
    ("共**3**个", "共<strong>3</strong>个"),
    ("使用**Python**语言", "使用<strong>Python</strong>语言"),
    ("Python**语言**很", "Python<strong>语言</strong>很"),
    ("说*强调*了", "说<em>强调</em>了"),
    ("**总计：3*4*5=60**元", "<strong>总计：3*4*5=60</strong>元"),
    ("~~删除：~~文字", "<s>删除：</s>文字"),
]


def parser() -> MarkdownIt:
    made = MarkdownIt("commonmark").enable("strikethrough")
    emphasis.use(made)
    return made


@pytest.mark.parametrize("text", TEXT)
def test_arithmetic_and_identifiers_are_text(text):
    html = parser().renderInline(text)
    assert "<em>" not in html
    assert "<strong>" not in html
    assert sum(html.count(sign) for sign in "*_") == sum(text.count(sign) for sign in "*_")


@pytest.mark.parametrize("text", TEXT)
def test_other_parsers_are_told_what_is_text(text):
    html = MarkdownIt("commonmark").render(contained(text))
    assert "<em>" not in html
    assert "<strong>" not in html


@pytest.mark.parametrize("text", ["*a* _b_ **c** x*y*z", "- **a**: 2*3*4 `a*b*c`", "a __b c__"])
def test_the_export_keeps_emphasis_code_and_formulas(text):
    html = MarkdownIt("commonmark").render(contained(text))
    assert html == parser().render(text)


@pytest.mark.parametrize(("text", "html"), EMPHASIS)
def test_emphasis_is_emphasis(text, html):
    assert parser().renderInline(text) == html


@pytest.mark.parametrize(("text", "html"), EMPHASIS)
def test_the_exported_page_has_the_same_emphasis(text, html):
    assert rendered(text) == f"<p>{html}</p>\n"


def test_the_export_keeps_formulas():
    text = "$x*y*z$ and \\(x*y*z\\) and $$a*b*c$$"
    assert contained(text) == text


OPERANDS = st.sampled_from(["2", "x", "10", "(a+b)", "f(x)", "3.5", "x_1", "n!", "π", "(-3)", "√2"])
PRODUCTS = st.lists(OPERANDS, min_size=2, max_size=6).flatmap(
    lambda operands: st.lists(
        st.sampled_from(["*", "**", " * "]), min_size=len(operands) - 1, max_size=len(operands) - 1
    ).map(lambda signs: "".join(a + b for a, b in zip(operands, [*signs, ""], strict=True)))
)
AROUND = st.sampled_from([
    "{}", "So {} = 60.", "({})", "**{}**", "**Area: {}**", "结果为{}。", '"{}"', "- {}", "{}, {}",
    "*note* {}", "**{}**：好",
])  # fmt: skip


@given(PRODUCTS, AROUND)
@examples(300)
def test_no_product_loses_a_sign(product, around):
    text = around.format(product, product)
    assert re.sub("<[^>]*>", "", parser().render(text)).count(product) == around.count("{}")


WORDS = st.text(alphabet="我们步骤一强调語です한국", min_size=1, max_size=4)
BEFORE = st.sampled_from(["", "我", "，", "：", "（", "A", "3", " ", "“", "。"])
BEHIND = st.sampled_from(["", "我", "，", "：", "）", "A", "3", " ", "”", "。"])
EDGES = st.sampled_from(
    ["{}", "{}：", "“{}”", "「{}」", "（{}）", "{}！", "{}(a)", "{}:", "A{}", "{}3"]
)


@given(BEFORE, WORDS, EDGES, BEHIND)
@examples(300)
def test_strong_words_between_characters_without_spaces_are_strong(before, words, edge, behind):
    inside = edge.format(words)
    text = f"{before}**{inside}**{behind}"
    # What has signs of arithmetic before or behind it may be a power.
    assume(not (behind in ("A", "3") and inside[-1] in ")3"))
    assume(not (before in ("A", "3") and inside[0] in "A“「（"[:1] + "“"))
    assert f"<strong>{inside}</strong>" in parser().renderInline(text)


def looks(text: str) -> list[tuple[str, bool]]:
    """What is seen of a text while each of its characters arrives: the text, and if it is bold."""
    document = Document()
    seen = []
    for char in text:
        document.feed(char)
        blocks = [block for part in document.news(raw=False) for block in part]
        content = blocks[-1].content if blocks else None
        seen.append((content.plain, bool(content.spans)) if content else ("", False))
    return seen


@pytest.mark.parametrize(
    "text", ["**步骤一：**我们", "**Note:** words", "- **a *b* c** d", "# **x** y"]
)
def test_while_strong_words_arrive_their_signs_are_never_seen(text):
    assert not any("**" in plain for plain, _ in looks(text))


@pytest.mark.parametrize(
    "text", ["3*4*5 = 60", "x**2 + y**2", "f(*args, **kwargs): a", "__init__ x"]
)
def test_while_arithmetic_arrives_it_is_never_emphasis(text):
    assert not any(styled for _, styled in looks(text))
    assert looks(text)[-1][0] == text


@pytest.mark.parametrize(
    "text", ["*" * 30000, "a*" * 15000, "**a" * 10000, "__a" * 10000, "_" * 30000]
)
def test_hostile_runs_are_read(text):
    assert parser().renderInline(text)
    emphasis.escaped(text)
