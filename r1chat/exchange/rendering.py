r"""Renders an answer's Markdown as harmless HTML.

Mathematics stays as its source, in `<code class="math">`: ``\(…\)``, ``\[…\]`` and ``$$…$$``,
which Markdown would else take apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from html import escape
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from r1chat import emphasis
from r1chat.sanitize import sanitize

_FORMULAS = (("\\(", "\\)"), ("\\[", "\\]"), ("$$", "$$"))
_DEEPEST = 20
_LONGEST_FORMULA = 4096
_LONGEST = 256 * 1024
"""Characters that are read as Markdown; what is longer is no prose."""


def rendered(markdown: str) -> str:
    """Renders a text."""
    text = sanitize(markdown)
    if len(text) > _LONGEST:
        return f"<pre>{escape(text)}</pre>\n"
    return str(_parser().render(text))


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": _DEEPEST})
    parser.enable(["table", "strikethrough"]).disable("image")
    emphasis.use(parser)
    parser.inline.ruler.before("escape", "math", _formula)
    parser.add_render_rule("math", _render_formula)
    parser.add_render_rule("link_open", _render_link)
    parser.validateLink = is_safe  # type: ignore[method-assign]
    return parser


def is_safe(url: str) -> bool:
    """Whether a link leads to the web or to mail."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if parts.scheme.lower() == "mailto":
        return True
    return parts.scheme.lower() in ("http", "https") and bool(parts.netloc)


def _formula(state: StateInline, silent: bool) -> bool:  # noqa: FBT001  (the parser's own)
    """Keeps a formula verbatim."""
    for opening, closing in _FORMULAS:
        if state.src.startswith(opening, state.pos):
            reach = min(state.posMax, state.pos + _LONGEST_FORMULA)
            end = state.src.find(closing, state.pos + len(opening), reach)
            if end > state.pos + len(opening):
                end += len(closing)
                if not silent:
                    token = state.push("math", "code", 0)
                    token.content = state.src[state.pos : end]
                state.pos = end
                return True
    return False


def _render_formula(
    renderer: RendererHTML,  # noqa: ARG001  (the parser's own)
    tokens: Sequence[Token],
    number: int,
    options: OptionsDict,  # noqa: ARG001
    env: EnvType,  # noqa: ARG001
) -> str:
    return f'<code class="math">{escape(tokens[number].content)}</code>'


def _render_link(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    number: int,
    options: OptionsDict,
    env: EnvType,
) -> str:
    tokens[number].attrSet("rel", "noopener noreferrer nofollow")
    return str(renderer.renderToken(tokens, number, options, env))
