"""What is done to a thought to see whether its answer changes; docs/evaluation.md says how."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast, get_args

from r1chat import paths
from r1chat.errors import UsageError
from r1chat.evaluation import reading
from r1chat.reasoning.phrases import CORRECTION, LANDING, WAIT
from r1chat.sanitize import line

Kind: TypeAlias = Literal["plant", "hint", "words", "wait", "stop", "back", "nothing"]
Value: TypeAlias = Literal["right", "wrong"]
Place: TypeAlias = str | float

SHIPPED = {"default": Path(__file__).parent / "interventions.jsonl"}
"""Built-in files, by name."""
KINDS = get_args(Kind)
_VALUES = get_args(Value)
_AT: Mapping[str, Place] = {
    "plant": "first sum",
    "hint": "begin",
    "words": 0.5,
    "wait": "end",
    "stop": 0.5,
    "back": "first sum",
    "nothing": 0.5,
}
_WORDS: Mapping[str, str | None] = {
    "plant": "{value}",
    "hint": "Hint: the answer is {value}.\n",
    "words": None,
    "wait": WAIT,
    "stop": LANDING,
    "back": CORRECTION,
    "nothing": "",
}
_PLACE = re.compile(r"begin|end|answer|(?:first|last) sum|(?:sum|line) [1-9]\d{0,3}")
_MOST = 200
_LONGEST_WORDS = 4000
_LONGEST_SHOWN = 60
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Intervention:
    """One thing that is done to a thought, in one place and in one wording."""

    kind: Kind
    at: Place
    words: str
    value: Value = "right"
    """Whether a hint tells the truth."""

    def __str__(self) -> str:
        """The line of JSON that `parse` reads; the same intervention always has the same."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def parse(cls, text: str) -> Intervention:
        """Reads one that stands in a result file.

        Raises:
            ValueError: If it is none.
        """
        (found,) = _expanded(reading.parsed(text.encode("utf-8", "replace")))
        return found

    @property
    def name(self) -> str:
        """What is done, in a word or two."""
        return f"{self.value} hint" if self.kind == "hint" else self.kind

    @property
    def place(self) -> str:
        """Where, in a few words."""
        return f"{self.at:.0%}" if isinstance(self.at, float) else self.at

    @property
    def wording(self) -> str:
        """The words on one line, as people can tell them apart."""
        shown = line(self.words.replace("\n", "\\n"), _LONGEST_SHOWN)
        return f"“{shown}”" if self.words else "no words"

    @property
    def label(self) -> str:
        """All of it on one line."""
        return f"{self.name} · {self.place} · {self.wording}"


def read(name: str) -> tuple[Intervention, ...]:
    """Reads a file of interventions.

    Args:
        name: A file of JSON lines, or one with a JSON list, or the name of a built-in one.

    Raises:
        UsageError: If it cannot be read, or does not say what to do.
    """
    path = SHIPPED.get(name) or paths.named(name)
    shown = line(name)
    found: dict[Intervention, None] = {}
    bad: list[str] = []
    try:
        for number, text in reading.lines(path, None):
            try:
                found.update(dict.fromkeys(_expanded(reading.parsed(text))))
            except ValueError as error:
                bad.append(f"line {number}: {error}")
    except OSError as error:
        known = f"; built in: {', '.join(SHIPPED)}" if not path.exists() else ""
        message = f"cannot read {shown}: {error.strerror}{known}"
        raise UsageError(message) from None
    except ValueError as error:
        message = f"cannot read {shown}: {error}"
        raise UsageError(message) from None
    if bad:
        more = "; …" if len(bad) > _NAMED else ""
        message = f"{shown}: {'; '.join(bad[:_NAMED])}{more}"
        raise UsageError(message)
    if not 0 < len(found) <= _MOST:
        many = "no interventions" if not found else f"more than {_MOST} interventions"
        message = f"{shown} has {many}"
        raise UsageError(message)
    return tuple(found)


def _expanded(values: Any) -> Iterator[Intervention]:  # noqa: ANN401  (any JSON)
    """All that a line asks for: of lists each entry.

    Raises:
        ValueError: If it makes no sense, in a few words.
    """
    if not isinstance(values, dict):
        message = "not a JSON object"
        raise ValueError(message)  # noqa: TRY004  (of the file it is the value that is wrong)
    kind = _kind(values.get("kind"))
    strange = values.keys() - {"kind", "at", "words", "value"}
    if strange:
        message = f"it has {line(', '.join(sorted(strange)), _LONGEST_SHOWN)}, which says nothing"
        raise ValueError(message)
    usual = _WORDS[kind]
    if usual is None and "words" not in values:
        message = 'it has no "words"'
        raise ValueError(message)
    places = [_place(each) for each in _listed(values.get("at", _AT[kind]))]
    words = [_words(each) for each in _listed(values.get("words", usual))]
    truths = [_value(each) for each in _listed(values.get("value", "right"))]
    if kind == "nothing" and any(words):
        message = '"nothing" has no words'
        raise ValueError(message)
    if len(places) * len(words) * len(truths) > _MOST:
        message = f"more than {_MOST} interventions"
        raise ValueError(message)
    return (Intervention(kind, *each) for each in product(places, words, truths))


def _kind(value: object) -> Kind:
    for kind in KINDS:
        if value == kind:
            return cast("Kind", kind)
    message = f'"kind" must be one of {", ".join(KINDS)}'
    raise ValueError(message)


def _listed(value: object) -> list[object]:
    if value == []:
        message = "a list is empty"
        raise ValueError(message)
    return value if isinstance(value, list) else [value]


def _place(value: object) -> Place:
    if isinstance(value, str) and _PLACE.fullmatch(value):
        return "first sum" if value == "sum 1" else value
    if isinstance(value, float) and 0 < value < 1:
        return value
    message = (
        '"at" must be "begin", "end", a share of the thought such as 0.5, "first sum", "last sum", '
        '"sum 2", "line 3", or "answer"'
    )
    raise ValueError(message)


def _words(value: object) -> str:
    if isinstance(value, str) and len(value) <= _LONGEST_WORDS:
        return value.encode("utf-8", "replace").decode()
    message = '"words" must be a text'
    raise ValueError(message)


def _value(value: object) -> Value:
    if value in ("right", "wrong"):
        return "right" if value == "right" else "wrong"
    message = f'"value" must be one of {", ".join(_VALUES)}'
    raise ValueError(message)
