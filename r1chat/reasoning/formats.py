"""The formats in which models write their thoughts, as data.

A *marker* opens or closes a thought, or stands around an answer. It is one token of its own, or
several (`<|channel|>`, `analysis`, `<|message|>`), or nothing but letters, or a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

_PIECE = re.compile(r"<[^<>\s]+>|\[[^\[\]\s]+\]|◁[^◁▷\s]+▷")
_LONGEST = 80


@dataclass(frozen=True, slots=True)
class Format:
    """How one family of models sets its thoughts apart.

    Raises:
        ValueError: If a marker is empty, too long, begins or ends with white space, holds a line
            break, has two meanings, or is the beginning of another; or if what r1chat is to write
            begins with no marker.
    """

    name: str
    opens: tuple[str, ...]
    """What opens a thought, in all its spellings."""
    closes: tuple[str, ...]
    """What closes a thought, in all its spellings."""
    opening: str = ""
    """What r1chat writes to open a thought: the first spelling and a line break if it is empty."""
    closing: str = ""
    """What r1chat writes from a thought to its answer: the first spelling and a blank line if it
    is empty."""
    wrappers: tuple[tuple[str, str], ...] = ()
    """What stands before and behind an answer and is taken off it, in pairs."""
    wrapped: bool = False
    """Whether it is told from another format with the same markers by its wrappers alone."""
    alone: tuple[str, ...] | None = None
    """What closes a thought in a prompt where nothing opened one; None if all of `closes` does."""
    used_by: str = ""
    """Families of models that write it, for people."""
    sentences: bool = False
    """Whether the markers are sentences: they count at the beginning of a line alone, a thought
    opens at the very beginning of a reply, and closes once."""

    def __post_init__(self) -> None:
        """Fills in what follows from the markers, and checks them."""
        for name in ("name", "opens", "closes"):
            if not getattr(self, name):
                msg = f"{name}: a format of thoughts needs it"
                raise ValueError(msg)
        marked = [
            *(("opens", marker) for marker in self.opens),
            *(("closes", marker) for marker in self.closes),
            *(("wrappers", marker) for pair in self.wrappers for marker in pair if marker),
        ]
        for name, marker in marked:
            _check_marker(name, marker)
        for (_, one), (name, other) in permutations(marked, 2):
            if other.startswith(one):
                msg = f"{name}: {other!r} begins with {one!r}: no stream could tell them apart"
                raise ValueError(msg)
        object.__setattr__(self, "opening", self.opening or f"{self.opens[0]}\n")
        object.__setattr__(self, "closing", self.closing or f"{self.closes[0]}\n\n")
        for name, written, markers in (
            ("opening", self.opening, self.opens),
            ("closing", self.closing, self.closes),
        ):
            if not written.lstrip(" ").startswith(markers):
                msg = f"{name}: it must begin with one of {', '.join(map(repr, markers))}"
                raise ValueError(msg)
            if not written.replace("\n", "").isprintable() or len(written) > 4 * _LONGEST:
                msg = f"{name}: it is longer than {4 * _LONGEST} characters, or cannot be shown"
                raise ValueError(msg)

    @property
    def markers(self) -> tuple[str, ...]:
        """All markers: what opens, what closes, what stands around answers."""
        around = (marker for pair in self.wrappers for marker in pair if marker)
        return (*self.opens, *self.closes, *around)

    @property
    def pieces(self) -> frozenset[str]:
        """What in the markers may be a token of its own."""
        return frozenset(piece for marker in self.markers for piece in pieces_of(marker))

    @property
    def shown(self) -> str:
        """The format in a few characters, for people."""
        return f"{self.opens[0]} … {self.closes[0]}"

    def opened_by(self, framing: str) -> bool:
        """Whether the end of a prompt, behind its last message, has opened a thought."""
        return _last(framing, self.opens) > _last(framing, self.closes)

    def closed_by(self, framing: str) -> bool:
        """Whether the end of a prompt, behind its last message, stands behind a thought."""
        opened, closed = _last(framing, self.opens), _last(framing, self.closes)
        return closed > opened and (opened >= 0 or _last(framing, self.lone) >= 0)

    @property
    def lone(self) -> tuple[str, ...]:
        """What closes a thought also where nothing in sight opened one."""
        return self.closes if self.alone is None else self.alone


def _check_marker(name: str, marker: str) -> None:
    """Refuses what can be no marker.

    Raises:
        ValueError: If it cannot; says in which field.
    """
    if not marker or marker != marker.strip() or len(marker) > _LONGEST:
        msg = f"{name}: {marker!r} is no marker: 1 to {_LONGEST} characters, no space at its ends"
        raise ValueError(msg)
    if not marker.isprintable():
        msg = f"{name}: {marker!r} is no marker: it holds what cannot be shown"
        raise ValueError(msg)


def pieces_of(marker: str) -> Iterator[str]:
    """What in a marker may be a token of its own, in order; the whole where it has no brackets."""
    found = _PIECE.findall(marker)
    return iter(found or (marker,))


def _last(text: str, markers: tuple[str, ...]) -> int:
    return max((text.rfind(marker) for marker in markers), default=-1)


def _tags(
    tag: str, used_by: str, *, name: str = "", wrappers: tuple[tuple[str, str], ...] = ()
) -> Format:
    opens, closes = (f"<{tag}>",), (f"</{tag}>",)
    return Format(name or tag, opens, closes, wrappers=wrappers, used_by=used_by)


ANSWERS = (
    ("<answer>", "</answer>"),
    ("<verifier_answer>", "</verifier_answer>"),
    ("<response>", "</response>"),
)
"""Wrappers of R1-Zero's prompt, of data that tuned models were made of, and of Granite 3.3."""

_FINAL = "<|channel|>final<|message|>"

THINK = _tags("think", "R1 and its distills, Qwen3, GLM, Nemotron, LFM2.5, OLMo 3, SmolLM3, Phi-4")
"""R1's, and that of most."""

FORMATS = (
    THINK,
    Format(
        "r1-zero",
        THINK.opens,
        THINK.closes,
        wrappers=ANSWERS,
        wrapped=True,
        used_by="R1-Zero's prompt and models tuned by it, Hunyuan, Granite 3.3",
    ),
    Format(
        "apriel",
        ("Here are my reasoning steps:",),
        ("[BEGIN FINAL RESPONSE]",),
        closing="[BEGIN FINAL RESPONSE]\n",
        used_by="Apriel 1.6 Thinker",
        sentences=True,
    ),
    _tags("thinking", "tunes that reflect", wrappers=ANSWERS),
    _tags("thought", "EXAONE Deep", wrappers=ANSWERS),
    _tags("reasoning", "models tuned by GRPO", wrappers=ANSWERS),
    Format(
        "mistral",
        ("[THINK]",),
        ("[/THINK]",),
        opening="[THINK]",
        closing="[/THINK]",
        used_by="Magistral, Ministral 3",
    ),
    Format(
        "harmony",
        (
            "<|channel|>analysis<|message|>",
            "<|start|>assistant<|channel|>analysis<|message|>",
        ),
        (
            "<|end|>",
            f"<|start|>assistant{_FINAL}",
            _FINAL,
            "<|start|>assistant<|channel|>commentary<|message|>",
            "<|channel|>commentary<|message|>",
        ),
        opening="<|channel|>analysis<|message|>",
        closing=f"<|end|><|start|>assistant{_FINAL}",
        # Every message ends in <|end|>, the question too.
        alone=(_FINAL,),
        used_by="gpt-oss",
    ),
    Format(
        "solar",
        ("<|begin|>assistant<|think|>", "<|think|>"),
        ("<|end|>", "<|begin|>assistant<|content|>", "<|content|>"),
        opening="<|think|>",
        closing="<|end|><|begin|>assistant<|content|>",
        # As in gpt-oss.
        alone=("<|begin|>assistant<|content|>",),
        used_by="Solar Open",
    ),
    Format(
        "muse",
        ("<|start|>assistant to=self<|message|>", "to=self<|message|>"),
        (
            "<|eom|>",
            "<|start|>assistant to=user<|message|>",
            "to=user<|message|>",
        ),
        opening=" to=self<|message|>",
        closing="<|eom|><|start|>assistant to=user<|message|>",
        alone=("<|start|>assistant to=user<|message|>", "to=user<|message|>"),
        used_by="Muse Glimmer",
    ),
    Format(
        "gemma", ("<|channel>thought",), ("<channel|>",), closing="<channel|>", used_by="Gemma 4"
    ),
    _tags("seed:think", "Seed-OSS", name="seed"),
    _tags("mm:think", "MiniMax M3", name="minimax"),
    _tags("think:opensource", "Hunyuan 3", name="hy3"),
    Format("kimi", ("◁think▷",), ("◁/think▷",), used_by="Kimi-VL Thinking"),
    Format(
        "cohere",
        ("<|START_THINKING|>",),
        ("<|END_THINKING|>",),
        opening="<|START_THINKING|>",
        closing="<|END_THINKING|><|START_RESPONSE|>",
        wrappers=(
            ("<|START_RESPONSE|>", "<|END_RESPONSE|>"),
            ("<|START_TEXT|>", "<|END_TEXT|>"),
        ),
        used_by="Command R7B, Command A",
    ),
    Format(
        "apertus",
        ("<|inner_prefix|>",),
        ("<|inner_suffix|>",),
        opening="<|inner_prefix|>",
        closing="<|inner_suffix|>",
        used_by="Apertus",
    ),
    Format(
        "granite",
        ("Here is my thought process:", "Here's my thought process:"),
        ("Here is my response:", "Here's my response:"),
        opening="Here is my thought process:\n\n",
        used_by="Granite 3.2",
        sentences=True,
    ),
    Format(
        "kimi-k3",
        ("<|open|>think<|sep|>",),
        # Every message ends in the second.
        ("<|close|>think<|sep|>", "<|close|>message<|sep|>"),
        opening="<|open|>think<|sep|>",
        closing="<|close|>think<|sep|><|open|>response<|sep|>",
        wrappers=(("<|open|>response<|sep|>", "<|close|>response<|sep|>"),),
        alone=("<|open|>response<|sep|>",),
        used_by="Kimi K3",
    ),
)
"""Those that are known. The first that fits a model is taken."""


_known: tuple[Format, ...] = FORMATS


def known(further: Sequence[Format] = ()) -> tuple[Format, ...]:
    """The formats that this process knows, those to be preferred first.

    Args:
        further: Some more. They are preferred, and replace those of the same name.
    """
    names = {each.name for each in further}
    return (*further, *(each for each in _known if each.name not in names))


def use(own: Sequence[Format]) -> None:
    """Has this process know a user's own formats, beside those that are built in.

    Args:
        own: Like `known`'s further ones.
    """
    global _known  # noqa: PLW0603  (the one owner of what is known)
    _known = FORMATS
    _known = known(own)


def is_own(format_: Format) -> bool:
    """Whether a format is a user's own."""
    return format_ not in FORMATS


def written_in(text: str) -> Format:
    """The format of a whole text: the one that it begins with and closes, else R1's.

    Sentences are left alone, unless a user has named them: they may be words of an answer.
    """
    begun = text.lstrip()
    for format_ in known():
        closes = any(close in begun for close in format_.closes)
        certain = is_own(format_) or not format_.sentences
        if closes and begun.startswith(format_.opens) and certain:
            return format_
    return THINK
