"""The outline of a thought in exports, and in `r1chat history show`."""

from __future__ import annotations

import json
import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from r1chat.commands.showing import pieces
from r1chat.exchange import document, markdown, page
from tests.examples import examples
from tests.exchange.test_markdown import OURS, a_conversation, tokens
from tests.exchange.trees import any_texts

THOUGHT = """I count the ways.

## Step 1: Guess
One woman first: 144. So this approach is wrong.

- Let me verify it: 10 * 9.

Let me use the [complement](http://host/x) instead. So it is 100."""
SENTENCES = (
    "Wait, no. ",
    "Let me check <b>that</b>. ",
    "\n\nAlternatively, `x. ",
    "That doesn't work. ",
    "\n\nSo it is \x1b]0;42",
    "\n\n1. One [of](",
    "\n\n    It is indented. ",
    "\n\n```\nSo it is. ",
    "\n> Wait, ",
    "\n\n| Wait | no |\n|-|-|\n",
)


def test_a_thought_is_written_with_its_contents():
    loaded = a_conversation(("How many?", THOUGHT, "**100**"))
    node = loaded.conversation.last()
    text = "".join(markdown.write([loaded]))
    head, _, body = text.partition("</details>")
    assert [row for row in head.split("\n") if row.startswith(("- ", "<summary>Outline"))] == [
        "<summary>Outline: 2 steps · 1 check · 1 dead end · 1 restart</summary>",
        f"- [I count the ways.](#{node.id}-part-1)",
        f"- [Step 1: Guess](#{node.id}-part-2)",
        f"- ✗ [This approach is wrong.](#{node.id}-part-3)",
        f"- ✓ [Let me verify it: 10 \\* 9.](#{node.id}-part-4)",
        f"- ↺ [Let me use the \\[complement\\](http://host/x) instead.](#{node.id}-part-5)",
    ]
    assert f'> ## <a id="{node.id}-part-2"></a>Step 1: Guess' in body
    assert f'> - <a id="{node.id}-part-4"></a>Let me verify' in body

    html = "".join(page.write([loaded]))
    assert f'<li>✗ <a href="#{node.id}-part-3">This approach is wrong.</a></li>' in html
    assert f'144. <a id="{node.id}-part-3"></a>So this approach' in html

    (turn,) = json.loads("".join(document.write([loaded])))["conversations"][0]["turns"]
    kinds = [part["kind"] for part in turn["outline"]]
    assert kinds == ["step", "step", "dead end", "check", "restart"]
    assert THOUGHT[turn["outline"][2]["start"] : turn["outline"][2]["end"]].strip() == (
        "So this approach is wrong."
    )

    shown = "".join(pieces(loaded, thoughts=False, colour=False, outlines=True))
    assert "  ✗ This approach is wrong.\n" in shown
    for each in (markdown, page, document):
        assert "approach" not in "".join(each.write([loaded], thoughts=False))


@given(st.lists(st.one_of(st.sampled_from(SENTENCES), any_texts), max_size=9).map("".join))
@examples(150)
def test_contents_lead_to_one_place_each_and_bring_nothing_else(thought):
    loaded = a_conversation(("Q", thought, "So 42"), ("Next?", "Hm.", "Yes."))
    text = "".join(markdown.write([loaded]))
    html = [token.content.strip() for token in tokens(text) if token.type.startswith("html")]
    assert [each for each in html if not OURS.fullmatch(each)] == []
    names = [name for each in html for name in re.findall(r'<a id="(.*)">', each)]
    links = [token.attrGet("href") for token in tokens(text) if token.type == "link_open"]
    assert {f"#{name}" for name in names} == {link for link in links if str(link).startswith("#")}
    assert len(names) == len(set(names))

    shown = "".join(page.write([loaded]))
    names = re.findall(r'<a id="([a-z0-9-]+)"></a>', shown)
    assert re.findall(r'<a href="#([a-z0-9-]+)"', shown) == names
    (turn, _) = json.loads("".join(document.write([loaded])))["conversations"][0]["turns"]
    parts = [part for part in turn["outline"] if part["kind"] != "answer"]
    assert all(one["end"] == after["start"] for one, after in pairwise(parts))
