from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from markdown_it import MarkdownIt

from r1chat.exchange import markdown
from r1chat.sanitize import sanitize
from tests.examples import examples
from tests.exchange.trees import a_conversation, any_texts, conversations, texts

STRANGER = MarkdownIt("commonmark", {"html": True}).enable("table")
OURS = re.compile(
    r"</?details>|<details>\n<summary>.*</summary>|<a id=\"[a-z0-9-]+\">|</a>", re.DOTALL
)


def exported(*loaded, **options):
    return "".join(markdown.write(loaded, **options))


def tokens(text):
    for token in STRANGER.parse(text):
        yield token
        yield from token.children or ()


def headings(text):
    """The headings of the second order that stand at the top of the page."""
    found = STRANGER.parse(text)
    return [
        found[at + 1].content
        for at, token in enumerate(found)
        if token.type == "heading_open" and token.tag == "h2" and token.level == 0
    ]


def page(text):
    return exported(a_conversation((text, text, text), ("Next?", "Hm.", "Yes.")))


@pytest.mark.parametrize(
    "text",
    [
        "```\nnever closed",
        "~~~~ py\nnever closed",
        "1. a\n   ```\n   in a list",
        "> ```\n> in a quotation",
        "</details>",
        "<details>\n<summary>x",
        "a <b>c</b>",
        "<script>alert(1)</script>",
        "<!-- never closed",
        "<?php",
        "<![CDATA[",
        "`a\n\n<b>`",
        "\\<b>",
        "\\\\<b>",
        "``<a>` <b>",
        "| a |\n|---|\n| <b> |",
        "![x](http://192.0.2.1/x.png)",
        "![x][y]\n\n[y]: http://192.0.2.1/x.png",
        "\t<b>",
        "- a\n\n\t<b>",
    ],
)
def test_a_text_keeps_to_its_place(text):
    shown = page(text)
    assert headings(shown) == ["Question", "Answer", "Question", "Answer"]
    html = [token.content.strip() for token in tokens(shown) if token.type.startswith("html")]
    assert [each for each in html if not OURS.fullmatch(each)] == []
    assert len(html) == 4
    assert not any(token.type == "image" for token in tokens(shown))


@given(any_texts)
@examples(200)
def test_no_text_whatever_breaks_out(text):
    shown = STRANGER.parse(f"{markdown.contained(text)}\n\nend\n")
    assert shown[-2].content == "end"
    assert shown[-2].level == 1
    inside = [child.type for token in shown for child in [token, *(token.children or ())]]
    assert not {"html_block", "html_inline", "image"} & set(inside)


@given(texts)
@settings(deadline=None)
def test_a_fence_is_longer_than_any_in_it(text):
    (token,) = STRANGER.parse(markdown.fenced(text))
    assert token.type == "fence"
    expected = sanitize(text).replace("\r\n", "\n").replace("\x00", "\ufffd")
    assert token.content.rstrip("\n") == expected.rstrip("\n")


@given(conversations())
@settings(deadline=None, max_examples=50)
def test_nothing_in_it_can_steer_a_terminal(loaded):
    text = exported(loaded)
    assert sanitize(text) == text


def test_code_stays_as_it_is():
    answer = "Use `vector<int>`:\n\n```cpp\nif (a<b) return;\n```"
    assert answer in exported(a_conversation(("Q", "", answer)))


def test_a_thought_stands_in_details_and_can_be_left_out():
    loaded = a_conversation(("Q", "first\nsecond", "A"))
    text = exported(loaded)
    assert "<details>\n<summary>Thought</summary>\n\n> first  \n> second\n\n</details>" in text
    assert "details" not in exported(loaded, thoughts=False)


def test_several_conversations_stand_apart():
    text = exported(a_conversation(title="One *1*"), a_conversation(title="Two"))
    assert text.startswith("# One \\*1\\*\n")
    assert "\n---\n\n# Two\n" in text


def test_a_very_long_text_is_no_markdown():
    assert markdown.contained("a\n" * 200_000).startswith("```text\n")


@given(any_texts, any_texts, any_texts)
@examples(100)
def test_no_text_breaks_out_of_a_page(question, thought, answer):
    shown = exported(a_conversation((question, thought, answer), ("Next?", "Hm.", "Yes.")))
    # Headings of the answer's own may stand between ours.
    found = [each for each in headings(shown) if each in ("Question", "Answer")]
    assert found[:2] == ["Question", "Answer"]
    assert found[-2:] == ["Question", "Answer"]
    html = [token.content.strip() for token in tokens(shown) if token.type.startswith("html")]
    assert [each for each in html if not OURS.fullmatch(each)] == []
    assert not any(token.type == "image" for token in tokens(shown))


ANY_LINK = MarkdownIt("commonmark", {"html": True}).enable("table")
ANY_LINK.validateLink = bool
BAD = [
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x]( javascript:alert(1) )",
    "[x](<javascript:alert(1)>)",
    "[x](< javascript:alert(1)>)",
    "[x](&#106;avascript:alert(1))",
    "[x](&#x6A;avascript&colon;alert(1))",
    "[x](java&Tab;script:alert(1))",
    "[x](\\javascript:alert(1))",
    "[x](javascript\\:alert(1))",
    '[x](javascript:alert(1) "title")',
    "[x](\njavascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:msgbox)",
    "[x](file:///etc/passwd)",
    "[x][y]\n\n[y]: javascript:alert(1)",
    "[x][]\n\n[x]:\njavascript:alert(1)",
    "[y]\n\n> [y]: <javascript:alert(1)>",
    "[y]\n\n- [y]: data:text/html,x",
    "[a\n b]\n\n[a b]: JAVASCRIPT:alert(1)",
    "[![y](javascript:1)](javascript:2)",
    "![x](javascript:alert(1))",
    "![x][y]\n\n[y]: javascript:alert(1)",
    "<javascript:alert(1)>",
    "<data:text/html,x>",
    "[`](javascript:alert(1))`",
    "[a](b)[x](javascript:1)",
    "[[x](javascript:1)](http://a.b)",
    "| [x](javascript:1) |\n|---|\n| [y](javascript:2) |",
    "# [x](javascript:1)",
    "*[x](javascript:1)*",
]


def links(text):
    found = [token for each in ANY_LINK.parse(text) for token in (each, *(each.children or ()))]
    return [token.attrGet("href") for token in found if token.type == "link_open"]


@pytest.mark.parametrize("text", BAD)
def test_links_to_scripts_and_files_are_none_any_more(text):
    shown = page(text)
    assert links(shown) == [link for link in links(shown) if link.startswith("http://a.b")]
    assert headings(shown) == ["Question", "Answer", "Question", "Answer"]


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("[x](https://example.org/a_(b)?c=1&d=2#e)", "https://example.org/a_(b)?c=1&d=2#e"),
        ('[x](http://example.org "A title")', "http://example.org"),
        ("[x](mailto:a@example.org)", "mailto:a@example.org"),
        ("[x][y]\n\n[y]: https://example.org", "https://example.org"),
    ],
)
def test_links_to_the_web_and_to_mail_stay_beside_bad_ones(text, link):
    for shown in (text, f"[bad](javascript:1) and {text}"):
        assert links(markdown.contained(shown)) == [link]


@given(any_texts, any_texts)
@examples(100)
def test_no_text_whatever_leads_astray(before, after):
    for bad in ("](javascript:alert(1))", "]: javascript:alert(1)", "](data:x)"):
        shown = markdown.contained(f"{before}[x{bad}{after}")
        assert all(link.lower().startswith(("http:", "https:", "mailto:")) for link in links(shown))
