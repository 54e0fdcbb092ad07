"""Says how a reply ended and what it cost, and names conversations and models.

These are the only tables of such words: the app, the command line and the exports share them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from r1chat.events import (
    AnswerAsked,
    EndedBy,
    LeftOut,
    Peeked,
    Receipt,
    Reply,
    SamplingFrom,
    SumCounts,
    Summarised,
    SummaryText,
    ThoughtStyle,
    WrongSum,
)
from r1chat.formatting import counted, format_duration, format_probability, format_speed
from r1chat.sanitize import line

if TYPE_CHECKING:
    from r1chat.reasoning.outline import Kind

UNTITLED = "Untitled"
LONGEST_FINAL = 30
_LONGEST_TITLE = 200
_SETTING = re.compile(r"(?:^|(?<=, ))([a-z_]+)=")


@dataclass(frozen=True, slots=True)
class Ending:
    """The words for one way in which a thought or a reply ends.

    Attributes:
        label: A word or two, as in the legend of a chart.
        phrase: Behind what it cost, as in "Thought for 5.0 s · ended by budget"; the usual end
            needs none.
        reason: A clause that says why there is no answer, or no more of it; empty where that is
            not how an answer is cut off.
    """

    label: str
    phrase: str
    reason: str = ""


ENDINGS: dict[EndedBy, Ending] = {
    "natural": Ending("by itself", ""),
    "budget": Ending("by budget", "ended by budget"),
    "user": Ending("by you", "ended by you"),
    "agreed": Ending("by agreement", "ended by agreement"),
    "sure": Ending("by confidence", "ended by confidence"),
    "loop": Ending("looping", "ended because it was looping", "the model was looping"),
    "time": Ending("time limit", "ended by the time limit", "the time limit was reached"),
    "context": Ending("context full", "ended because the context was full", "the context was full"),
    "length": Ending("length limit", "cut off at the length limit", "the length limit was reached"),
    "cancelled": Ending("stopped", "stopped"),
    "error": Ending("failed", "failed"),
}
ANSWER_ASKED: dict[AnswerAsked, str] = {
    "again": "asked twice for its answer",
    "words": "answer begun by r1chat",
    "final": "asked for its final answer",
}
"""What it took to get an answer out of a model that stopped without one."""
THOUGHT_STYLES: dict[ThoughtStyle, str] = {
    "free": "asked to think first",
    "brief": "asked to think in short lines",
}
"""How r1chat asked for a thought."""


def effort_words(effort: str) -> str:
    """What a model was told of how long to think, e.g. "told: low effort"."""
    if effort in {"0", "none", "no_think", "off", "disabled"}:
        return "told not to think"
    return f"told: {effort} tokens" if effort.isdecimal() else f"told: {effort} effort"


SAMPLING_FROM: dict[SamplingFrom, str] = {
    "file": "sampling as its file says",
    "card": "sampling as its card says",
}
"""Whose advice on sampling was followed."""


def thought_cost(seconds: float, tokens: int) -> list[str]:
    """What a thought cost, e.g. "Thought for 5.0 s · 312 tokens", from long to short."""
    time = format_duration(seconds)
    return [f"Thought for {time} · {counted(tokens, 'token')}", f"Thought for {time}", time]


def receipt_line(receipt: Receipt) -> str:
    """A receipt in one line, e.g. "Thought for 1.2 s · 312 tokens · ended by budget"."""
    tokens = receipt.thought_tokens
    parts = [thought_cost(receipt.thought_s, tokens)[0] if tokens else "No thought"]
    parts.append(ENDINGS[receipt.ended_by].phrase)
    if receipt.thought_style:
        parts.append(THOUGHT_STYLES[receipt.thought_style])
    if receipt.effort:
        parts.append(effort_words(receipt.effort))
    parts.append(language_left(receipt))
    parts.append(asked_with(receipt))
    if receipt.sums:
        parts.append(wrong_sums_words(receipt.sums.wrong))
    if receipt.sampling_from:
        parts.append(SAMPLING_FROM[receipt.sampling_from])
    if receipt.answer_asked and receipt.answer_tokens:
        parts.append(ANSWER_ASKED[receipt.answer_asked])
    parts.append(sure(receipt))
    parts.append(_speed(receipt))
    return " · ".join(part for part in parts if part)


def wrong_sums_words(count: int) -> str:
    """Counts wrong sums, e.g. "2 wrong sums"; empty where there is none."""
    return counted(count, "wrong sum") if count else ""


def wrong_sum(found: WrongSum) -> str:
    """A wrong sum with what it is, e.g. "17 × 6 = 112 (it is 102)"."""
    return f"{line(found.left)} = {line(found.claim)} (it is {found.right})"


def sums_note(counts: SumCounts, first: WrongSum) -> str:
    """Says which sum of a reply is wrong, and how many are.

    Args:
        counts: What checking found, one wrong sum at least.
        first: The first of them.
    """
    are = "is" if counts.wrong == 1 else "are"
    of = f"{counts.wrong} of {counted(counts.checked, 'sum')} {are} wrong"
    return f"{of}{', the first' if counts.wrong > 1 else ''}: {wrong_sum(first)}"


def asked_with(receipt: Receipt) -> str:
    """The settings that were others for this reply alone; empty where there were none."""
    if not receipt.asked_with:
        return ""
    named = line(receipt.asked_with).replace("budget=off", "thinking=off")
    return f"with {_SETTING.sub(lambda found: _written(found[1]), named)}"


def _written(setting: str) -> str:
    return f"{'thinking budget' if setting == 'budget' else setting.replace('_', ' ')} "


def sure(receipt: Receipt) -> str:
    """How sure the model was, e.g. "97 % sure of its result"; empty where that was not measured."""
    confidence = receipt.confidence
    if confidence is None:
        return ""
    if confidence.final is not None:
        return f"{format_probability(confidence.final)} sure of its result"
    return f"{format_probability(confidence.answer)} sure" if confidence.answer is not None else ""


def language_left(receipt: Receipt) -> str:
    """Says that a thought has left its language for good, and for which; empty where it has not."""
    if receipt.thought_language is None:
        return ""
    from r1chat.reasoning.languages import LANGUAGES

    known = LANGUAGES.get(receipt.thought_language)
    return f"thought went over to {known.name if known else line(receipt.thought_language, 20)}"


def answer_line(reply: Reply, *, interrupted: bool = False) -> str:
    """What stands below an answer whose thought has a header of its own.

    Args:
        reply: The reply.
        interrupted: Whether r1chat or the machine stopped while it was written.
    """
    receipt = reply.receipt
    # The header of the thought says why that ended.
    said = receipt.ended_by == receipt.thought_ended_by
    said = said and receipt.ended_by not in {"length", "cancelled", "error"}
    if reply.error:
        parts = [f"✗ {line(reply.error)}"]
    elif interrupted and not said:
        parts = ["interrupted: r1chat ended while it was written"]
    else:
        parts = ["" if said else ENDINGS[receipt.ended_by].phrase]
    parts += [asked_with(receipt), language_left(receipt)]
    if why := why_unanswered(reply):
        cause = ENDINGS[receipt.answer_ended_by].reason or ENDINGS[receipt.ended_by].reason
        parts.append(f"No answer: {why}" if cause else why[0].upper() + why[1:])
        parts += [f"its thought says {line(reply.final, 60)}"] if reply.final else []
    elif receipt.answer_asked and not reply.error:
        parts.append(ANSWER_ASKED[receipt.answer_asked])
    if receipt.answer_tokens:
        tokens, time = counted(receipt.answer_tokens, "token"), format_duration(receipt.answer_s)
        parts.append(f"answer {tokens} in {time}")
    parts.append(sure(receipt))
    parts.append(_speed(receipt))
    return " · ".join(part for part in parts if part)


def _speed(receipt: Receipt) -> str:
    return format_speed(receipt.tokens_per_s) if receipt.tokens_per_s > 0 else ""


def why_unanswered(reply: Reply) -> str:
    """Why a reply has no answer, as a clause; empty where it has one, or was stopped or failed."""
    if not reply.unanswered:
        return ""
    receipt = reply.receipt
    for ended_by in (receipt.answer_ended_by, receipt.ended_by):
        if reason := ENDINGS[ended_by].reason:
            return reason
    asked = ", though it was asked for its answer" if receipt.answer_asked else ""
    return f"the model stopped without answering{asked}"


def written_by(ref: str, receipt: Receipt) -> str:
    """What tells a version of a reply from others: its model, and what was other than usual."""
    model = model_name(ref, 60) if ref else ""
    return " · ".join(part for part in (model, asked_with(receipt)) if part)


def left_out(event: LeftOut) -> str:
    """Says that turns are left out of the prompt."""
    return f"the context is full: the model no longer sees the {oldest_turns(event.turns)}"


def summarising(event: SummaryText) -> str:
    """Says that a summary is being written, and how far it is."""
    done = f": {counted(event.tokens, 'token')}" if event.tokens else ""
    return f"summing up the {oldest_turns(event.turns)}{done}"


def summarised(event: Summarised) -> str:
    """Says what a summary came to."""
    replaced = f" in place of {event.replaced:,}" if event.replaced else ""
    are = "is" if event.turns == 1 else "are"
    return (
        f"the {oldest_turns(event.turns)} {are} summarised to make room · "
        f"{counted(event.tokens, 'token')}{replaced} · {format_duration(event.seconds)}"
    )


def summary_line(model: str, tokens: int, *, edited: bool) -> str:
    """Says what a summary is.

    Args:
        model: The reference of the model that wrote it.
        tokens: Tokens of it; 0 where nobody knows.
        edited: Whether the user has changed it.
    """
    parts = ["Summary: the model reads this in place of the turns above"]
    parts += [counted(tokens, "token")] if tokens else []
    parts += [f"by {model_name(model, 40)}"] if model else []
    parts += ["edited"] if edited else []
    return " · ".join(parts)


def oldest_turns(turns: int) -> str:
    """Names the oldest turns, e.g. "oldest 3 turns"."""
    return f"oldest {'turn' if turns == 1 else counted(turns, 'turn')}"


def preview(peeked: Peeked, final: str | None = None) -> str:
    """An answer preview in words, e.g. "so far: 42 (3 times, 97 %)".

    Args:
        peeked: The preview.
        final: Its answer as it is to be shown; by default as the model wrote it.
    """
    if peeked.final is None:
        return "so far: no answer"
    said = [f"{peeked.repeats} times"] if peeked.repeats > 1 else []
    said += [format_probability(peeked.confidence)] if peeked.confidence is not None else []
    beside = f" ({', '.join(said)})" if said else ""
    return f"so far: {final or line(peeked.final, LONGEST_FINAL)}{beside}"


def title(text: str, longest: int = _LONGEST_TITLE) -> str:
    """A conversation's title as it is shown, clean and on one line."""
    return line(text, longest) or UNTITLED


def model_name(ref: str, longest: int = _LONGEST_TITLE) -> str:
    """A model's reference as it is shown: of a file its name alone, of a server's all of it."""
    if ref.endswith(".gguf") and "://" not in ref and "#" not in ref:
        ref = ref.rpartition("/")[2] or ref
    return line(ref, longest)


OUTLINE_SIGNS: Mapping[Kind, str] = {
    "step": "·",
    "check": "✓",
    "dead end": "✗",
    "restart": "↺",
    "answer": "◆",
}
"""What stands before a part of a thought, by its kind."""


def part_title(kind: Kind, title: str) -> str:
    """What a part of a thought is called in its outline."""
    return f"{title} · first seen" if kind == "answer" else title


def outline_line(kinds: Iterable[Kind]) -> str:
    """How many parts of each kind a thought has, e.g. "12 steps · 3 checks · 1 restart".

    Args:
        kinds: The kinds of its parts.
    """
    counts = Counter(kinds)
    return " · ".join(
        counted(counts[kind], kind) for kind in OUTLINE_SIGNS if kind != "answer" and counts[kind]
    )
