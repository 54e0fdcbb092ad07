"""Conversations of every shape, with texts of every kind."""

from __future__ import annotations

from hypothesis import strategies as st

from r1chat.attachments import Attachment
from r1chat.conversation import Act, Conversation, Origin, Turn, TurnsSummary
from r1chat.events import Confidence, Injection, Receipt, Reply, SumCounts
from r1chat.store import Loaded, Summary

NASTY = (
    "</think>",
    "<think>",
    "</details>",
    "<script>alert(1)</script>",
    "```",
    "~~~~",
    "`",
    "<!--",
    "]]>",
    "\x1b]0;title\x07",
    "\x00",
    "\u202e",
    "\u2028",
    "\r\n",
    "\n\n",
    "\t",
    "    ",
    "> ",
    "- ",
    "# ",
    "---\n",
    "![x](http://192.0.2.1/x.png)",
    "[x](javascript:alert(1))",
    "<http://192.0.2.1>",
    "&amp;",
    '"',
    "\\",
    "\\(x^2\\)",
    "$$",
    "|a|b|\n|-|-|\n",
    "word",
    "日本",
    "😀",
)
ENDS = ("natural", "budget", "user", "loop", "time", "context", "length", "cancelled", "error")
KINDS = ("answer_now", "think_more", "budget", "words", "back", "stop")
texts = st.lists(st.one_of(st.sampled_from(NASTY), st.text(max_size=6)), max_size=8).map("".join)
any_texts = st.one_of(texts, st.text(st.characters(), max_size=10))
names = texts.map(lambda text: text[:100])
amounts = st.floats(0, 1e9)
counts = st.integers(0, 2**40)
settings = st.dictionaries(
    st.sampled_from(("temperature", "top_k", "min_p")), st.one_of(st.integers(0, 99), amounts)
)
receipts = st.builds(
    Receipt,
    ended_by=st.sampled_from(ENDS),
    thought_ended_by=st.one_of(st.none(), st.sampled_from(ENDS)),
    answer_ended_by=st.sampled_from(ENDS),
    answer_asked=st.sampled_from((None, "again", "words", "final")),
    thought_style=st.sampled_from((None, "free", "brief")),
    effort=st.sampled_from((None, "low", "512")),
    sampling_from=st.sampled_from((None, "card")),
    shape=st.sampled_from((None, "json", "grammar")),
    thought_language=st.sampled_from((None, "zh")),
    thought_tokens=counts,
    answer_tokens=counts,
    injected_tokens=counts,
    prompt_tokens=counts,
    prompt_reused_tokens=counts,
    drafted_tokens=counts,
    accepted_tokens=counts,
    load_s=amounts,
    first_token_s=amounts,
    thought_s=amounts,
    answer_s=amounts,
    tokens_per_s=amounts,
    budget=st.sampled_from(("off", "max", "512", "30s")),
    seed=counts,
    asked_with=st.sampled_from((None, "budget=off")),
    decided=st.sampled_from((None, "likely")),
    sums=st.one_of(st.none(), st.builds(SumCounts, counts, counts, counts)),
    confidence=st.one_of(st.none(), st.builds(Confidence, thought=st.floats(0, 1))),
)
origins = st.builds(
    Origin,
    created=amounts,
    model=names,
    arch=names,
    quant=names,
    settings=settings,
    acts=st.lists(st.builds(Act, st.sampled_from(KINDS), amounts, any_texts), max_size=2).map(
        tuple
    ),
)

summaries = st.builds(
    TurnsSummary,
    text=any_texts.filter(lambda text: bool(text.strip())),
    model=names,
    created=amounts,
    tokens=counts,
    edited=st.booleans(),
)


@st.composite
def turns(draw):
    before, injected, after = draw(texts), draw(texts), draw(any_texts)
    words = (Injection(len(before), injected),) if injected else ()
    reply = Reply(
        before + injected + after,
        draw(any_texts),
        draw(receipts),
        draw(st.one_of(st.none(), texts)),
        words,
        draw(st.one_of(st.none(), texts)),
    )
    attached = draw(st.lists(st.builds(Attachment, names, any_texts), max_size=2).map(tuple))
    summary = draw(st.one_of(st.none(), summaries))
    return Turn(draw(any_texts), reply, attached, draw(st.booleans()), draw(origins), summary)


@st.composite
def conversations(draw):
    tree = Conversation()
    nodes = [tree.root]
    for turn in draw(st.lists(turns(), max_size=5)):
        nodes.append(tree.add(turn, draw(st.sampled_from(nodes))))
    for node in nodes:
        if node.children:
            node.chosen = draw(st.integers(0, len(node.children) - 1))
    summary = Summary(
        tree.id,
        draw(names.filter(bool)),
        draw(amounts),
        draw(amounts),
        draw(st.booleans()),
        len(nodes) - 1,
        draw(names),
        draw(st.sampled_from(("question", "model", "user"))),
        tags=draw(st.sampled_from(((), ("work",), ("a/b", "ü")))),
        once=draw(st.booleans()),
    )
    system = draw(st.one_of(st.none(), texts))
    budget = draw(st.sampled_from(("off", "max", "512", "30s")))
    return Loaded(summary, tree, system, budget, draw(settings))


def a_conversation(*turns, title="A title", system=None):
    """A conversation of turns, each (question, thought, answer)."""
    tree = Conversation()
    for question, thought, answer in turns:
        tree.add(Turn(question, Reply(thought, answer, Receipt()), origin=Origin(model="tiny")))
    return Loaded(Summary(tree.id, title, 1e9, 1e9, turns=len(turns)), tree, system)
