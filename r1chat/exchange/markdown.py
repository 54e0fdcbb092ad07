"""Exports conversations as Markdown, thoughts in `<details>`.

What others wrote is Markdown too, and must not become more than that: each text keeps to its
place, whatever it opens and does not close, and brings neither HTML nor pictures from elsewhere,
nor links to anything but the web and mail.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token

from r1chat import emphasis, wording
from r1chat.conversation import Node, Turn
from r1chat.exchange import words
from r1chat.exchange.contents import contents
from r1chat.exchange.rendering import is_safe
from r1chat.sanitize import line, sanitize
from r1chat.store import Loaded
from r1chat.wording import receipt_line

_CODE = re.compile(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", re.DOTALL)
_LITERAL = re.compile(
    _CODE.pattern
    + r"|\\\(.{1,1000}?\\\)|\\\[.{1,1000}?\\\]|\$\$.{1,1000}?\$\$"
    + r"|\$(?![\s$])[^$\n]{1,200}(?<!\s)\$(?!\d)",
    re.DOTALL,
)
"""Code and formulas, whose signs are no Markdown."""
_TAG = re.compile(r"(?<!\\)((?:\\\\)*)<(?=[A-Za-z/!?])")
_IMAGE = re.compile(r"(?<!\\)((?:\\\\)*)!\[")
_LINK = re.compile(r"(?<!\\)((?:\\\\)*)\](\(\s*|:\s*)([^\s)]*)")
"""The end of a link's text with where it leads, in the line or as a definition."""
_ANY_LINK = re.compile(r"(?<!\\)((?:\\\\)*)\](?=[(:\[])")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_BREAK = re.compile(r"(?<=\S)[ \t]*\n(?=[ \t]*\S)")
_INDENT = re.compile(r"^[ \t]+", re.MULTILINE)
_SPECIAL = re.compile(r"([\\`*_\[\]<>#|~$])")
_LONGEST = 256 * 1024
"""Characters that are read as Markdown; what is longer is no prose."""
_ROW_MARKS = re.compile(r"> ?(?:[ ]{0,6}(?:[-*+]|\d{1,3}[.)]|#{1,6})[ ]+)*[ ]*")
"""What a quoted line begins with before its words."""
_MARK = "e3b0c44298fc1c14"
"""Stands behind a text on trial: where it is still a paragraph of its own, nothing leaks."""


def write(conversations: Iterable[Loaded], *, thoughts: bool = True) -> Iterator[str]:
    """Writes conversations, one after another.

    Args:
        conversations: The conversations.
        thoughts: Whether thoughts are written too.
    """
    separator = ""
    for loaded in conversations:
        yield separator + "\n\n".join(_blocks(loaded, thoughts=thoughts)) + "\n"
        separator = "\n---\n\n"


def _blocks(loaded: Loaded, *, thoughts: bool) -> Iterator[str]:
    yield f"# {_escaped(wording.title(loaded.summary.title))}"
    yield f"*{_escaped(words.about(loaded.summary))}*"
    if loaded.system:
        yield f"Instructions:\n\n{_quoted(loaded.system)}"
    for node in loaded.conversation.path():
        if node.turn is not None:
            yield from _turn(node, node.turn, thoughts=thoughts)


def _turn(node: Node, turn: Turn, *, thoughts: bool) -> Iterator[str]:
    yield "## Question"
    for attachment in turn.attachments:
        yield f"Attached: {_escaped(line(attachment.name) or 'unnamed')}"
        yield fenced(attachment.text)
    yield _quoted(turn.question)
    yield "## Answer"
    yield from _reply(turn, node.id, thoughts=thoughts)
    yield f"*{_escaped(words.cost(node, turn))}*"
    for number, (heading, other) in enumerate(words.compared(node), 1):
        yield f"### {_escaped(heading)}"
        yield from _reply(other, f"{node.id}-{number}", thoughts=thoughts)
        yield f"*{_escaped(receipt_line(other.reply.receipt))}*"
    if turn.summary is not None:
        yield f"*{_escaped(words.summary(turn))}*"
        yield _quoted(turn.summary.text)


def _reply(turn: Turn, name: str, *, thoughts: bool) -> Iterator[str]:
    reply = turn.reply
    if thoughts and reply.thought.strip():
        summary = f"<summary>{words.thought(turn)}</summary>"
        yield f"<details>\n{summary}\n\n{_thought(turn, name)}\n\n</details>"
    if reply.answer.strip():
        yield contained(reply.answer.strip())
    failure = words.failure(turn)
    if failure:
        yield f"*({_escaped(failure)})*"


def _thought(turn: Turn, name: str) -> str:
    """A thought, below its contents."""
    thought = sanitize(turn.reply.thought).strip()
    quoted = _quoted(thought)
    entries = contents(turn, thought)
    if not entries:
        return quoted
    lines = []
    line_number = at = 0
    for entry in entries:
        line_number += thought.count("\n", at, entry.start)
        lines.append(line_number)
        at = entry.start
    # Of several parts that begin in one line the first gives it its name.
    names: dict[int, str] = {}
    for number, each in enumerate(lines, 1):
        names.setdefault(each, f"{html.escape(name)}-part-{number}")
    named = _named(quoted, names)
    rows = []
    for entry, each in zip(entries, lines, strict=True):
        title = _escaped(wording.part_title(entry.kind, entry.title))
        link = f"[{title}](#{names[each]})" if named is not None else title
        sign = "" if entry.kind == "step" else f"{wording.OUTLINE_SIGNS[entry.kind]} "
        rows.append(f"- {sign}{link}")
    kinds = wording.outline_line(entry.kind for entry in entries)
    head = f"<details>\n<summary>Outline: {kinds}</summary>"
    return "\n\n".join([head, "\n".join(rows), "</details>", quoted if named is None else named])


def _named(quoted: str, names: Mapping[int, str]) -> str | None:
    """A quoted text with names at the beginnings of some of its lines.

    Args:
        quoted: The text.
        names: The names by the numbers of the lines.

    Returns:
        The text; None where a name would change what the text means.
    """
    rows = quoted.split("\n")
    for number, name in names.items():
        at = _ROW_MARKS.match(rows[number]) if number < len(rows) else None
        if at is None:
            return None
        rows[number] = f'{at[0]}<a id="{name}"></a>{rows[number][at.end() :]}'
    named = "\n".join(rows)
    inside = [child for token in _parser().parse(named) for child in token.children or ()]
    found = [child.content for child in inside if child.type == "html_inline"]
    wanted = [tag for _, name in sorted(names.items()) for tag in (f'<a id="{name}">', "</a>")]
    kinds = [token.type for token in _parser().parse(quoted)]
    same = kinds == [token.type for token in _parser().parse(named)]
    return named if same and found == wanted else None


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)


def _quoted(text: str) -> str:
    # Behind the mark a tab would be narrower, and code might be none any more.
    text = _INDENT.sub(lambda found: found[0].expandtabs(4), text)
    return contained(text, mark="> ")


def contained(text: str, *, mark: str = "") -> str:
    """A text as Markdown that ends where it ends and has no HTML and no pictures.

    Args:
        text: The text.
        mark: Stands before each of its lines.
    """
    text = sanitize(text)
    if len(text) <= _LONGEST:
        for disarmed in (_without_bad_links, _without_links):
            harmless = _harmless(text, disarmed)
            for each in (harmless, *_with_fences_closed(harmless)):
                marked = _marked(each, mark)
                if _stays(marked):
                    return marked
    return _marked(fenced(text), mark)


def _marked(text: str, mark: str) -> str:
    return "\n".join((mark + each if each else mark.rstrip()) for each in text.split("\n"))


def fenced(text: str) -> str:
    """A text as it is, in a block of code."""
    text = sanitize(text)
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}{'' if text.endswith(chr(10)) else chr(10)}{fence}"


@cache
def _parser() -> MarkdownIt:
    # As strangers' programs read it: with HTML, and with links to anything.
    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    parser.validateLink = lambda url: True  # type: ignore[method-assign]  # noqa: ARG005
    return parser


def _harmless(text: str, unlinked: Callable[[str], str]) -> str:
    """The text with what begins a tag or a picture or leads astray escaped, outside of code."""
    lines = text.split("\n")
    code: set[int] = set()
    for token in _parser().parse(text):
        if token.type in ("fence", "code_block") and token.map:
            code.update(range(*token.map))
    done, prose = [], []
    for number, each in enumerate([*lines, None]):
        if each is not None and number not in code:
            prose.append(each)
            continue
        if prose:
            done.append(_without_tags("\n".join(prose), unlinked))
            prose = []
        if each is not None:
            done.append(each)
    return "\n".join(done)


def _without_tags(prose: str, unlinked: Callable[[str], str]) -> str:
    prose = emphasis.escaped(prose, _LITERAL.finditer(prose))
    done, at = [], 0
    for span in _CODE.finditer(prose):
        done += [unlinked(_disarmed(prose[at : span.start()])), span[0]]
        at = span.end()
    # A line break is one, as it was on the screen: two spaces say so.
    return _BREAK.sub("  \n", "".join([*done, unlinked(_disarmed(prose[at:]))]))


def _disarmed(prose: str) -> str:
    return _IMAGE.sub(r"\1\\![", _TAG.sub(r"\1\\<", prose))


def _without_bad_links(prose: str) -> str:
    """Escapes links that lead elsewhere than to the web or to mail."""

    def kept(link: re.Match[str]) -> str:
        before, how, target = link.groups()
        target = html.unescape(_ESCAPED.sub(r"\1", target))
        # What follows a bracket and a colon need not be a link's target, but then it is no matter.
        return link[0] if is_safe(target) else f"{before}\\]{how}{link[3]}"

    return _LINK.sub(kept, prose)


def _without_links(prose: str) -> str:
    """Escapes all links, where some are written in a way that only a parser understands."""
    return _ANY_LINK.sub(r"\1\\]", prose)


def _with_fences_closed(text: str) -> Iterator[str]:
    for token in reversed(_parser().parse(text)):
        if token.type == "fence":
            yield f"{text}\n{token.markup}"
            return


def _stays(text: str) -> bool:
    """Whether what comes after a text is read as if the text were not there."""
    tokens = _parser().parse(f"{text}\n\n{_MARK}\n")
    end = tokens[-3:]
    apart = [token.type for token in end] == ["paragraph_open", "inline", "paragraph_close"]
    if not apart or end[0].level or end[1].content != _MARK:
        return False
    inside = [child for token in tokens for child in token.children or ()]
    return not any(
        token.type in ("html_block", "html_inline", "image") or not _leads_well(token)
        for token in [*tokens, *inside]
    )


def _leads_well(token: Token) -> bool:
    return token.type != "link_open" or is_safe(str(token.attrGet("href")))
