"""What was measured, remembered for each model: how its accuracy grows with the budget."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any

from r1chat import paths
from r1chat.engine.base import ModelInfo
from r1chat.evaluation.plan import Sample
from r1chat.evaluation.reading import QuestionSet, digest
from r1chat.evaluation.summary import Summary
from r1chat.reasoning.budget import LIMIT_TOKENS
from r1chat.reasoning.difficulty import Example, Traits
from r1chat.user_files import small_text

SCHEMA = 1
_ENDS = 1 << 20
_MOST_THOUGHTS = 400
"""That are kept of a set of questions, and learnt from."""


def fingerprint(path: Path) -> str:
    """Tells model files apart, wherever they lie: from the size, the beginning and the end.

    Raises:
        OSError: If it cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        parts = [file.read(_ENDS)]
        file.seek(max(0, size - _ENDS))
        parts.append(file.read(_ENDS))
    named = hashlib.sha256(str(size).encode())
    for part in parts:
        named.update(part)
    return named.hexdigest()[:24]


def identity(info: ModelInfo) -> str:
    """Tells models apart: by their file, or if a server has it, by where it is and its name.

    Raises:
        OSError: If the file cannot be read.
    """
    if info.host:
        return hashlib.sha256(f"{info.host}#{info.name}".encode()).hexdigest()[:24]
    return fingerprint(Path(info.path))


def remember(
    info: ModelInfo,
    model: str,
    asked: QuestionSet,
    summary: Summary,
    samples: Iterable[Sample] = (),
) -> None:
    """Writes a curve down, in the place of an older one of the same model and questions.

    One that was measured under more budgets stays, however old it is.

    Args:
        info: The model.
        model: Its fingerprint.
        asked: The questions.
        summary: What came of them.
        samples: The replies.

    Raises:
        OSError: If it cannot be written.
    """
    values = _read()
    models = values["models"]
    curves = models[model].get("curves") if isinstance(models.get(model), dict) else None
    if not isinstance(curves, dict):
        curves = {}
    key = digest(asked.name, asked.key)
    if _size(curves.get(key)) > sum(row.pass1 is not None for row in summary.rows):
        return
    models[model] = {"name": info.name or Path(info.path).name, "curves": curves}
    curves[key] = {
        "questions": asked.name,
        "measured": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "flattens_at": summary.flattens_at,
        "points": [
            {
                "budget": row.setting.budget,
                "minimum": row.setting.minimum,
                "questions": row.questions,
                "pass1": asdict(row.pass1),
                "thought_tokens": round(row.thought_tokens, 1),
            }
            for row in summary.rows
            if row.pass1 is not None and row.setting.language is None
        ],
        "thoughts": _thoughts(asked, samples),
    }
    text = json.dumps(values, ensure_ascii=False, indent=1, allow_nan=False)
    paths.write_private(_file(), text + "\n")


def _size(curve: object) -> int:
    points = curve.get("points") if isinstance(curve, dict) else None
    return len(points) if isinstance(points, list) else 0


def thoughts(model: ModelInfo) -> list[Example]:
    """How long a model's thoughts were on the questions that it was measured with.

    Args:
        model: The model.

    Returns:
        Nothing where nothing was measured, or nothing can be read.
    """
    if not _file().exists():
        return []
    try:
        curves = _read()["models"][identity(model)]["curves"].values()
        rows = [row for curve in curves for row in curve.get("thoughts", ())]
        return [_example(row) for row in rows[-_MOST_THOUGHTS:]]
    except (OSError, KeyError, TypeError, ValueError, AttributeError):
        return []


def _thoughts(asked: QuestionSet, samples: Iterable[Sample]) -> list[list[int]]:
    """What is to be learnt of thoughts: one for each question.

    Of several samples it is the first under the highest budget: the longest of them would make
    thoughts look longer than they are.
    """
    texts = {question.key: question.text for question in asked.questions}
    chosen: dict[str, Sample] = {}
    for sample in sorted((each for each in samples if _is_usual(each)), key=_rank):
        if sample.question in texts:
            chosen.setdefault(sample.question, sample)
    found = []
    for key, sample in list(chosen.items())[-_MOST_THOUGHTS:]:
        traits = Traits.of(texts[key])
        example = Example.of(traits, sample.thought_tokens, sample.thought_ended_by)
        if example is not None:
            found.append([*map(int, astuple(traits)), example.tokens, int(example.whole)])
    return found


def _is_usual(sample: Sample) -> bool:
    """Whether a thought is as long as the model made it, as far as its budget let it."""
    changed = sample.steer or sample.minimum or sample.language is not None
    return sample.thought_tokens > 0 and not changed and not sample.setting.parsed.is_brief


def _rank(sample: Sample) -> tuple[float, int, int]:
    budget = sample.setting.parsed
    # One in seconds, or that ends by previews, says nothing of tokens.
    others = 0 if budget.seconds is not None or budget.auto else math.inf
    return -(others if budget.tokens is None else budget.tokens), sample.seed, sample.sample


def _example(row: Sequence[int]) -> Example:
    """A thought from the figures of its row."""
    words, numbers, digits, signs, code, prose, tokens, whole = row
    if not tokens or not all(type(each) is int and 0 <= each <= LIMIT_TOKENS for each in row):
        message = "no thought has such figures"
        raise ValueError(message)
    traits = Traits(words, numbers, digits, signs, code=bool(code), prose=bool(prose))
    return Example(traits, tokens, bool(whole))


def flattening(model: ModelInfo | Path) -> list[int]:
    """The budgets at which a model's accuracy was found to grow no further.

    Args:
        model: The model, or its file.

    Returns:
        Tokens, in order, one for each set of questions that showed it; 0 is off. Empty where
        nothing was measured, or nothing can be read.
    """
    if not _file().exists():
        return []
    try:
        known = identity(model) if isinstance(model, ModelInfo) else fingerprint(model)
        values = _read()["models"][known]["curves"].values()
        found = {curve["flattens_at"] for curve in values}
    except (OSError, KeyError, TypeError, AttributeError):
        return []
    return sorted(each for each in found if type(each) is int and 0 <= each <= LIMIT_TOKENS)


def _file() -> Path:
    return paths.folder("data") / "evaluations.json"


def _read() -> dict[str, Any]:
    """What the file holds; an empty one where it is missing or is not ours to understand."""
    with contextlib.suppress(ValueError, RecursionError):
        values = json.loads(small_text(_file()) or "{}")
        good = isinstance(values, dict) and isinstance(values.get("models"), dict)
        if good and values.get("schema") == SCHEMA:
            found: dict[str, Any] = values
            return found
    return {"schema": SCHEMA, "models": {}}
