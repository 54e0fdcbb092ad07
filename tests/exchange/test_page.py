from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given

from r1chat.conversation import Turn
from r1chat.events import Injection, Receipt, Reply
from r1chat.exchange import page
from r1chat.exchange.rendering import rendered
from r1chat.sanitize import sanitize
from tests import browser
from tests.examples import examples
from tests.exchange.trees import NASTY, a_conversation, any_texts, conversations

VOID = {"meta", "br", "hr"}


class Outline(HTMLParser):
    """What a reader of HTML makes of a page: tags in order, attributes, text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.attributes, self.texts = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *each) for each in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def exported(*loaded, **options):
    return "".join(page.write(loaded, **options))


@given(conversations())
@examples(80)
def test_the_page_is_whole_and_runs_and_loads_nothing(loaded):
    text = exported(loaded)
    assert sanitize(text) == text
    outline = Outline(text)
    assert outline.open == []
    allowed = (
        "html head meta title style body main article h1 p section div details summary mark aside"
    )
    markdown = (
        "pre code em strong a ul ol li blockquote table thead tbody tr th td hr br s h2 h3 h4"
    )
    assert set(outline.tags) <= {*allowed.split(), *markdown.split(), "h5", "h6"}
    names = {name for _, name, _ in outline.attributes}
    assert not any(name.startswith("on") for name in names)
    assert not {"src", "srcset", "action", "background", "poster", "data"} & names


@given(any_texts)
@examples(300)
def test_markdown_brings_no_tag_and_no_link_that_could_do_harm(text):
    outline = Outline(rendered(text))
    assert outline.open == []
    assert not {"script", "img", "iframe", "style", "form", "object", "svg"} & set(outline.tags)
    for tag, name, value in outline.attributes:
        if name == "href":
            assert value.startswith(("http://", "https://", "mailto:")), value
            assert tag == "a"
        assert name in ("href", "rel", "class", "start", "style", "title")


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "JaVaScript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "vbscript:x",
        "//192.0.2.1/x",
        "x.html",
        "&#106;avascript:alert(1)",
        "http:/\\[",
    ],
)
def test_a_link_leads_to_the_web_or_nowhere(link):
    assert "<a" not in rendered(f"[x]({link}) <{link}>")


def test_a_good_link_says_nothing_of_where_it_came_from():
    assert ('<a href="https://example.org" rel="noopener noreferrer nofollow">x</a>') in rendered(
        "[x](https://example.org)"
    )


def test_mathematics_stays_as_its_source():
    text = rendered(r"So \(a_1*b_2*c\) and \[x < y\] and $$z_1$$: **four**, 5 $ or \* more")
    assert r'<code class="math">\(a_1*b_2*c\)</code>' in text
    assert r'<code class="math">\[x &lt; y\]</code>' in text
    assert '<code class="math">$$z_1$$</code>' in text
    assert "<strong>four</strong>, 5 $ or * more" in text


def test_the_policy_allows_this_one_style_and_nothing_else():
    text = exported(a_conversation(("Q", "T", "A")))
    style = re.search(r"(?s)<style>(.*?)</style>", text)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert f'content="{policy}"' in text
    assert "prefers-color-scheme: dark" in style
    assert "url(" not in style
    assert "@import" not in style


def test_injected_words_are_marked_in_their_place():
    loaded = a_conversation()
    reply = Reply("ab<CD>ef", "A", Receipt(), injected=(Injection(2, "<CD>"),))
    loaded.conversation.add(Turn("Q", reply))
    assert 'ab<mark title="written by r1chat">&lt;CD&gt;</mark>ef</div>' in exported(loaded)


def test_thoughts_are_closed_and_can_be_left_out():
    loaded = a_conversation(("Q", "secret", "A"))
    assert '<details class="thought"><summary>' in exported(loaded)
    assert "secret" not in exported(loaded, thoughts=False)


@pytest.mark.long
@pytest.mark.asyncio
@pytest.mark.skipif(browser.chromium() is None, reason="Chromium is not installed")
async def test_a_real_browser_shows_it_without_a_script_and_without_a_network(tmp_path: Path):
    nasty = "\n\n".join(NASTY)
    text = exported(a_conversation((nasty, nasty, nasty), ("Q2", "the thought", "**bold**")))
    file = tmp_path / "page.html"
    file.write_text(text, encoding="utf-8")
    async with browser.opened(file.as_uri(), tmp_path / "profile") as tab:
        for _ in range(100):
            if await tab.evaluate("document.querySelectorAll('section').length") == 2:
                break
        assert await tab.evaluate("document.querySelectorAll('section').length") == 2
        assert await tab.evaluate("document.querySelectorAll('script, img, iframe').length") == 0
        assert await tab.evaluate("document.querySelectorAll('details[open]').length") == 0
        assert await tab.evaluate("document.querySelector('strong').textContent") == "bold"
        # The style is taken, so the policy's digest is right.
        shown = "getComputedStyle(document.querySelector('.question')).whiteSpace"
        assert await tab.evaluate(shown) == "pre-wrap"
        thought = "document.querySelectorAll('details.thought')[1]"
        seen = f"{thought}.querySelector('div').checkVisibility()"
        assert await tab.evaluate(seen) is False
        await tab.evaluate(f"{thought}.querySelector('summary').click()")
        assert await tab.evaluate(seen) is True
        assert tab.complaints == []
        assert [each for each in tab.requested if not each.startswith("file:")] == []
