"""What chat templates are told of thinking: whether there is to be a thought, and how long a one.

A template says by the names of its variables what it can be told (`enable_thinking`,
`reasoning_effort`, `thinking_budget` and their like), and by what it compares them with which
words it takes. Nothing here knows a family of models by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

Value: TypeAlias = str | int | bool

SWITCHES: dict[str, tuple[Value, Value]] = {
    "enable_thinking": (True, False),
    "thinking": (True, False),
    "thinking_mode": ("enabled", "disabled"),
    "thinking_option": ("on", "off"),
    "reasoning": (True, False),
}
"""Variables that switch thoughts on and off, with the values that do so."""

EFFORTS = ("reasoning_effort", "thinking_effort", "reasoning_strength")
"""Variables that take a word for how hard to think."""
BUDGET = "thinking_budget"
"""The variable that takes a budget in tokens; 0 is none."""
LEVELS = ("minimal", "low", "medium", "high", "xhigh", "max")
"""Words for how hard to think, the least first."""
USUAL = ("low", "medium", "high")
"""What a template takes that writes the word into the prompt without a look at it."""
_LEAST = ("minimal", "low")
NONE = ("none", "no_think", "off", "disabled")
"""Words for no thought at all."""
LOW_UP_TO, MEDIUM_UP_TO = 1024, 8192
"""Tokens of budget that are called low, or medium; more are high."""
WORD = "/no_think"
"""What some templates look for in messages in the place of a variable."""

DETAILED = "detailed thinking"
"""What the first Llama-Nemotrons look for in the system text, with "on" or "off" behind it. Their
templates do not say so: `hinted` does."""
_HINT = f"{{# {DETAILED}: <think> #}}"
_TOLD_BY_SYSTEM = re.compile(
    r"nemotron[-_. ]+(?:nano|super|ultra)\b.{0,20}?[-_. ]v1(?![-_. ]?\d)", re.IGNORECASE
)

# A template is a stranger's, and this is no child process: nothing here looks twice at a text.
_BRACKET = re.compile(r"\{[{%#]|[}%#]\}")
_CLOSES = {"{{": "}}", "{%": "%}", "{#": "#}"}
_STRING = re.compile(r"""\"(?:[^"\\]|\\.)*\"?|'(?:[^'\\]|\\.)*'?""", re.DOTALL)
_QUOTED = re.compile(r"""(['"])(\w{1,20})\1""")


@dataclass(frozen=True, slots=True)
class Telling:
    """What a template is told.

    Attributes:
        values: Its variables.
        effort: What it is told of how long to think: a word, or a budget in tokens; empty where it
            is left to the template.
        word: What is put behind the last question, or the system text, for it to find there.
        system: Whether it is the system text.
    """

    values: tuple[tuple[str, Value], ...] = ()
    effort: str = ""
    word: str = ""
    system: bool = False


@dataclass(frozen=True, slots=True)
class _Takes:
    """What one template can be told."""

    switches: tuple[str, ...]
    effort: str
    """The variable for the word; empty if it has none."""
    levels: tuple[str, ...]
    none: str
    """The word for no thought; empty if it has none."""
    budget: bool
    word: bool
    detailed: bool


def hinted(template: str | None, name: str) -> str | None:
    """A template, with what the name of its model tells of it in a comment.

    Args:
        template: Jinja.
        name: The model's, as its file or a server has it.
    """
    if not template or not _TOLD_BY_SYSTEM.search(name[:200].replace("_", "-")):
        return template
    return template + _HINT


def level(tokens: int) -> str:
    """The word for a budget."""
    return "low" if tokens <= LOW_UP_TO else "medium" if tokens <= MEDIUM_UP_TO else "high"


def tellings(template: str, *, think: bool, effort: int | str | None = None) -> Iterator[Telling]:
    """What a template may be told, what is preferred first.

    Whoever renders takes the first that comes out as wanted: with a thought open or yet to come,
    or with none. Some templates close the thought at once unless they are told a word.

    Args:
        template: Jinja.
        think: Whether there is to be a thought.
        effort: A budget in tokens; or what the template was told before, to tell it the same.
    """
    takes = _takes(template)
    if takes.detailed:
        yield Telling(word=f"{DETAILED} {'on' if think else 'off'}", system=True)
        return
    switched = tuple((name, SWITCHES[name][not think]) for name in takes.switches)
    if not think:
        # The least that it knows; nothing where a switch says it all.
        least = next((each for each in takes.levels if each in _LEAST), "") if not switched else ""
        told = _telling(takes, switched, 0, takes.none or least)
        yield told
        if takes.word:
            yield Telling(told.values, told.effort, WORD)
            yield Telling(told.values, told.effort, WORD, system=True)
        return
    budget, word = None, ""
    if isinstance(effort, str) and effort.isdecimal():
        budget = int(effort)
    elif isinstance(effort, str):
        word = effort
    elif effort is not None:
        budget = effort
        # The next lower word that it knows: more than was asked for is told to none.
        rank = LEVELS.index(level(effort))
        word = next((each for each in reversed(takes.levels) if LEVELS.index(each) <= rank), "")
    yield _telling(takes, switched, budget, word)
    if word:
        yield _telling(takes, switched, budget, "")
    if "high" in takes.levels:
        yield _telling(takes, switched, budget, "high")


def _telling(
    takes: _Takes, switched: tuple[tuple[str, Value], ...], budget: int | None, word: str
) -> Telling:
    told = list(switched)
    effort = ""
    if takes.budget and budget is not None:
        told.append((BUDGET, budget))
        effort = str(budget)
    if takes.effort and word:
        told.append((takes.effort, word))
        effort = word
    return Telling(tuple(told), effort)


@lru_cache(maxsize=64)
def _takes(template: str) -> _Takes:
    parts = list(_code(template))
    # Names in texts, and fields of messages, are no variables.
    names = " ".join(_STRING.sub("''", each) for each in parts)

    def has(name: str, code: str = names) -> bool:
        return re.search(rf"(?<![\w.]){name}(?!\w)", code) is not None

    effort = next((name for name in EFFORTS if has(name)), "")
    code = [each for each in parts if effort and has(effort, each)]
    words = {match[2] for each in code for match in _QUOTED.finditer(each)}
    levels = tuple(each for each in LEVELS if each in words)
    if len(levels) == 1 and any(each.startswith("{{") for each in code):
        # Its default alone: it writes down whatever it is told.
        levels = USUAL
    return _Takes(
        switches=tuple(name for name in SWITCHES if has(name)),
        effort=effort,
        levels=levels,
        none=next((each for each in NONE if each in words), ""),
        budget=has(BUDGET),
        word=any(WORD in each for each in parts),
        detailed=_HINT in template,
    )


def _code(template: str) -> Iterator[str]:
    """The code in a template, each piece with the bracket that opens it; comments are none."""
    opened: re.Match[str] | None = None
    for bracket in _BRACKET.finditer(template):
        if opened is None:
            opened = bracket if bracket[0] in _CLOSES else None
        elif bracket[0] == _CLOSES[opened[0]]:
            if opened[0] != "{#":
                yield template[opened.start() : bracket.end()]
            opened = None
