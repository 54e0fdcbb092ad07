"""Converts values to rows and back, and validates what comes out of a file."""

from __future__ import annotations

import json
import math
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, cast, get_args, get_type_hints

from r1chat.conversation import Act, Origin, TurnsSummary
from r1chat.events import (
    AnswerAsked,
    Confidence,
    Decided,
    EndedBy,
    FinalFrom,
    Fork,
    Injection,
    LanguageCode,
    Receipt,
    SamplingFrom,
    ShapeKind,
    SumCounts,
    ThoughtStyle,
)
from r1chat.reasoning.budget import Budget

if TYPE_CHECKING:
    import sqlite3

LONGEST_TEXT = 64 * 1024 * 1024
"""Bytes of one text; more than that is damage, or a trap."""
DAMAGED = "\n[this text was damaged on the disk; what stood here is lost]"
"""Stands at the end of what could be read of a text."""
_PACKED_AS_TEXT = "x\ufffd"
"""How packed bytes begin that a flipped bit has declared to be a text."""
_LONGEST_NAME = 1000
LONGEST_ASKED_WITH = 200
_MOST = 2**53
_ENDS = get_args(EndedBy)
_ACTS = get_args(get_type_hints(Act)["kind"])

# -- texts --


def pack(text: str) -> str | bytes:
    """The form in which a text is stored: as it is, or as bytes where zlib makes it smaller."""
    data = text.encode("utf-8", "surrogatepass")
    packed = zlib.compress(data)
    # SQLite's texts are UTF-8, which has no lone surrogates.
    unsafe = safe(text) != text or text.startswith(_PACKED_AS_TEXT)
    return packed if len(packed) < len(data) or unsafe else text


def safe(text: str) -> str:
    """A name as SQLite can hold it: file names may have bytes that are no UTF-8."""
    return text.encode("utf-8", "replace").decode()


def unpack(value: object) -> str:
    """The text in a column; of a damaged one what can be read."""
    if isinstance(value, str):
        return value + DAMAGED if value.startswith(_PACKED_AS_TEXT) else value
    if not isinstance(value, bytes):
        return ""
    machine = zlib.decompressobj()
    try:
        data = machine.decompress(value, LONGEST_TEXT)
        # What is too long is cut; what ends too early was cut by damage.
        whole = machine.eof or bool(machine.unconsumed_tail)
    except zlib.error:
        data, whole = _beginning(value), False
    mark = "" if whole else DAMAGED
    try:
        return data.decode("utf-8", "surrogatepass") + mark
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace") + mark


def _beginning(value: bytes) -> bytes:
    """What can be unpacked before the damage."""
    machine = zlib.decompressobj()
    data = bytearray()
    try:
        for at in range(len(value)):
            data += machine.decompress(value[at : at + 1])
            if len(data) > LONGEST_TEXT:
                break
    except zlib.error:
        pass
    return bytes(data)


# -- plain values --


def text(value: object, limit: int = _LONGEST_NAME) -> str:
    """A short text: a name, a title, an id."""
    return value[:limit] if isinstance(value, str) else ""


def text_or_none(value: object) -> str | None:
    """A text that may be missing."""
    return value[:LONGEST_TEXT] if isinstance(value, str) else None


def number(value: object) -> float:
    """A finite number that is not negative; 0 where it is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return 0.0
    return float(value) if math.isfinite(value) and 0 <= value <= _MOST else 0.0


def count(value: object) -> int:
    """A whole number that is not negative; 0 where it is none."""
    return int(number(value))


def budget(value: object) -> str:
    """A budget that `Budget.parse` reads; "max" where it is none."""
    if isinstance(value, str):
        try:
            return str(Budget.parse(value))
        except ValueError:
            pass
    return "max"


# -- JSON --


def dumps(value: object) -> str:
    """As compact as JSON can be."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def _loads(value: object) -> Any:  # noqa: ANN401  (the callers look at what it is)
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        return None
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def ended(value: object) -> EndedBy | None:
    """Why something ended; None where that is not known."""
    return cast("EndedBy", value) if value in _ENDS else None


def decided(value: object) -> Decided | None:
    """Why other samples were not needed; None where they were, or that is not known."""
    return cast("Decided", value) if value in get_args(Decided) else None


def effort(value: object) -> str | None:
    """What a template was told of how long to think; None where it is no such word."""
    return value if isinstance(value, str) and re.fullmatch("[a-z0-9_]{1,20}", value) else None


def confidence(value: object) -> Confidence | None:
    """How sure a model was of a reply; None where that is not known."""
    if not isinstance(value, dict):
        return None
    found = {each.name: probability(value.get(each.name)) for each in fields(Confidence)}
    return Confidence(**found) if any(each is not None for each in found.values()) else None


def probability(value: object) -> float | None:
    """A number from 0 to 1; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 <= value <= 1 else None


def sums(value: object) -> SumCounts | None:
    """What checking sums found; None where that is not known."""
    if not isinstance(value, dict) or "checked" not in value:
        return None
    return SumCounts(*(count(value.get(each.name)) for each in fields(SumCounts)))


def fork(value: object) -> Fork | None:
    """Where a reply branches off from another; None where it does not."""
    if not isinstance(value, dict) or "at" not in value:
        return None
    entropy = value.get("entropy")
    open_ = None if entropy is None else number(entropy)
    return Fork(count(value["at"]), count(value.get("tokens")), open_)


_RECEIPT: dict[str, Callable[[object], Any]] = {
    "ended_by": lambda value: ended(value) or "cancelled",
    "thought_ended_by": ended,
    "answer_ended_by": lambda value: ended(value) or "natural",
    "answer_asked": lambda value: value if value in get_args(AnswerAsked) else None,
    "final_from": lambda value: value if value in get_args(FinalFrom) else None,
    "sampling_from": lambda value: value if value in get_args(SamplingFrom) else None,
    "thought_language": lambda value: value if value in get_args(LanguageCode) else None,
    "thought_style": lambda value: value if value in get_args(ThoughtStyle) else None,
    "shape": lambda value: value if value in get_args(ShapeKind) else None,
    "effort": effort,
    "sums": sums,
    "budget": budget,
    "fork": fork,
    "vote": text_or_none,
    "decided": decided,
    "asked_with": lambda value: text(value, LONGEST_ASKED_WITH) or None,
    "confidence": confidence,
}
_KINDS = get_type_hints(Receipt)


def receipt_out(receipt: Receipt) -> str:
    """A receipt as JSON; what is as usual is left out."""
    usual = asdict(Receipt())
    values = {name: value for name, value in asdict(receipt).items() if value != usual[name]}
    return dumps({"ended_by": receipt.ended_by, **values})


def receipt_in(value: object) -> Receipt:
    """Reads what `receipt_out` wrote, or anybody else."""
    found = _loads(value)
    if not isinstance(found, dict):
        return Receipt(ended_by="cancelled")
    values: dict[str, Any] = {}
    for each in fields(Receipt):
        if each.name in found:
            check = _RECEIPT.get(each.name) or (count if _KINDS[each.name] is int else number)
            values[each.name] = check(found[each.name])
    if "ended_by" not in values:
        values["ended_by"] = "cancelled"
    return Receipt(**values)


def injected_out(injected: tuple[Injection, ...]) -> str:
    """Injected words as JSON."""
    return dumps([[each.at, each.text] for each in injected])


def injected_in(value: object, thought: str) -> tuple[Injection, ...]:
    """Reads what `injected_out` wrote; drops what is not in the thought."""
    found = []
    for at, words in _pairs(value):
        place = count(at)
        if isinstance(words, str) and words and thought.startswith(words, place):
            found.append(Injection(place, words))
    return tuple(found)


def _pairs(value: object) -> list[list[Any]]:
    found = _loads(value)
    entries = found if isinstance(found, list) else []
    return [each for each in entries if isinstance(each, list) and len(each) == 2]  # noqa: PLR2004


def acts_out(acts: tuple[Act, ...]) -> str:
    """Steering acts as JSON."""
    return dumps([asdict(act) for act in acts])


def acts_in(value: object) -> tuple[Act, ...]:
    """Reads what `acts_out` wrote."""
    found = _loads(value)
    return tuple(
        Act(each["kind"], number(each.get("at")), text(each.get("value"), LONGEST_TEXT))
        for each in (found if isinstance(found, list) else [])
        if isinstance(each, dict) and each.get("kind") in _ACTS
    )


def summary_out(summary: TurnsSummary | None) -> str | None:
    """A summary as JSON; nothing where there is none."""
    return None if summary is None else dumps(asdict(summary))


def summary_in(value: object) -> TurnsSummary | None:
    """Reads what `summary_out` wrote; nothing where it says nothing."""
    found = _loads(value)
    words = text(found.get("text"), LONGEST_TEXT) if isinstance(found, dict) else ""
    if not words.strip():
        return None
    return TurnsSummary(
        text=words,
        model=text(found.get("model")),
        created=number(found.get("created")),
        tokens=count(found.get("tokens")),
        edited=found.get("edited") is True,
    )


def settings_out(settings: Mapping[str, float]) -> str:
    """Settings as JSON."""
    return dumps(dict(settings))


def settings_in(value: object) -> dict[str, float]:
    """Reads what `settings_out` wrote."""
    found = _loads(value)
    entries = found.items() if isinstance(found, dict) else []
    return {
        text(name, 40): each
        for name, each in entries
        if isinstance(each, (int, float)) and not isinstance(each, bool) and math.isfinite(each)
    }


def origin_in(row: sqlite3.Row | Mapping[str, Any]) -> Origin:
    """How a reply came about, from its row."""
    return Origin(
        created=number(row["created"]),
        model=text(row["model"]),
        arch=text(row["arch"]),
        quant=text(row["quant"]),
        settings=settings_in(row["settings"]),
        acts=acts_in(row["acts"]),
    )
