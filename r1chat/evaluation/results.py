"""The file that keeps every sample, so that a second run goes on where the first one stopped.

It is made of JSON lines. A line of the type "run" names a model and the conditions it was asked
under; the samples drawn so refer to it. A line of the type "question" has a question's text and
reference. Several runs may stand in one file: each reads its own.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, get_args

from r1chat import user_files
from r1chat.engine.base import ModelInfo
from r1chat.errors import R1ChatError, UsageError
from r1chat.evaluation.interventions import Intervention
from r1chat.evaluation.plan import Conditions, Key, Sample
from r1chat.evaluation.reading import Question, digest
from r1chat.events import EndedBy, LanguageCode, Reply
from r1chat.reasoning.budget import Think
from r1chat.sanitize import line
from r1chat.store import rows

if TYPE_CHECKING:
    from typing_extensions import Self

SCHEMA = 1
_LONGEST_HEAD = 1 << 16
_ENDED_BY = get_args(EndedBy)
_THINK = get_args(Think)
_LANGUAGES = (None, *get_args(LanguageCode))
_FIELDS = {each.name: each.default for each in fields(Sample)}
"""A sample's fields; those that older files lack have a default."""


@dataclass(slots=True)
class Run:
    """A model that was asked under some conditions, and what it answered."""

    ref: str
    quant: str
    begun: str
    words: str
    """What stood behind each question."""
    samples: dict[Key, Sample] = field(default_factory=dict)
    replies: dict[Key, Reply] = field(default_factory=dict)
    """The whole replies of those that others are steered from."""


@dataclass(slots=True)
class Kept:
    """What a result file holds."""

    path: Path
    runs: dict[str, Run] = field(default_factory=dict)
    """In the order in which they were begun."""
    questions: dict[str, Question] = field(default_factory=dict)
    """By their keys; files of older versions have none."""
    unended: bool = False
    """Whether its last line was never ended, as a run that was killed leaves it."""


def is_results(path: Path) -> bool:
    """Whether a file is a result file: its first line begins a run."""
    try:
        if not path.is_file():
            # A pipe can be read but once.
            return False
        with path.open("rb") as file:
            values = _object(file.readline(_LONGEST_HEAD))
    except (OSError, ValueError):
        return False
    return values is not None and values.get("type") == "run"


def read_results(path: Path) -> Kept:
    """Reads a result file.

    Raises:
        UsageError: If it is a file of another kind, or of another version.
        R1ChatError: If it cannot be read.
    """
    try:
        with path.open("rb") as file:
            lines = file.read().split(b"\n")
    except OSError as error:
        raise _failed(path, error, "read") from None
    kept = Kept(path, unended=bool(lines[-1]))
    for number, text in enumerate(lines, 1):
        values = _object(text)
        if values is None and not text.strip():
            continue
        kind = None if values is None else values.get("type")
        if not kept.runs and kind != "run":
            message = (
                f"{line(str(path))} is no result file of `r1chat eval`; name another with -o/--out"
            )
            raise UsageError(message)
        if values is None:
            # What a run that was killed in the middle of a line has left.
            continue
        _take(kept, values, number)
    return kept


def _take(kept: Kept, values: Mapping[str, Any], number: int) -> None:
    """Takes in what a line says."""
    kind, name = values.get("type"), values.get("run")
    if kind == "run":
        _check(values, number, kept.path)
        kept.runs.setdefault(str(name), _run(values))
    elif kind == "sample" and str(name) in kept.runs:
        sample = _sample(values)
        if sample is not None:
            _add(kept.runs[str(name)], sample, values.get("reply"))
    elif kind == "question":
        question = _question(values)
        if question is not None:
            kept.questions.setdefault(question.key, question)


def _add(run: Run, sample: Sample, whole: object) -> None:
    """Takes in a sample: the first of its key, or the one with its whole reply."""
    reply = _reply(sample, whole)
    if reply is None:
        run.samples.setdefault(sample.key, sample)
    elif sample.key not in run.replies:
        run.samples[sample.key], run.replies[sample.key] = sample, reply


class Results:
    """A result file, open for one run.

    Args:
        path: The file; it is made where it is missing.
        conditions: Samples drawn under others are left alone.
        info: The model, for people who read the file.

    Raises:
        UsageError: If it is a file of another kind.
        R1ChatError: If it cannot be read or written.
    """

    def __init__(self, path: Path, conditions: Conditions, info: ModelInfo) -> None:
        self.path = path
        self.others = 0
        """Runs of other models or under other conditions that the file keeps as well."""
        values = conditions.as_json()
        self._run = digest(json.dumps(values, sort_keys=True))
        self.samples: dict[Key, Sample] = {}
        self.replies: dict[Key, Reply] = {}
        """The whole replies of samples that others are steered from."""
        self._asked: set[str] = set()
        known = self._take_up()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO = path.open("ab")
        except OSError as error:
            raise _failed(path, error, "write") from None
        if not known:
            self._write(
                {
                    "type": "run",
                    "schema": SCHEMA,
                    "run": self._run,
                    "ref": info.ref,
                    "name": info.name,
                    "arch": info.arch,
                    "quant": info.quant,
                    "begun": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
                    "conditions": values,
                }
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, sample: Sample, question: Question, reply: Reply | None = None) -> None:
        """Keeps a sample of a question at once.

        Args:
            sample: The sample.
            question: The question.
            reply: All of it, where others are to be steered from it.

        Raises:
            R1ChatError: If it cannot be written.
        """
        if question.key not in self._asked:
            self._asked.add(question.key)
            self._write({"type": "question", "question": question.key, **asdict(question)})
        self.samples[sample.key] = sample
        values = {"type": "sample", "run": self._run, **asdict(sample)}
        if reply is not None:
            self.replies[sample.key] = reply
            values["reply"] = {
                "receipt": rows.receipt_out(reply.receipt),
                "injected": rows.injected_out(reply.injected),
                "ids": list(reply.ids),
            }
        self._write(values)

    def _write(self, values: Mapping[str, Any]) -> None:
        text = json.dumps(values, ensure_ascii=False, allow_nan=False)
        try:
            # At once, in one piece: whatever ends this process later takes nothing away.
            self._file.write(text.encode("utf-8", "replace") + b"\n")
            self._file.flush()
        except OSError as error:
            raise _failed(self.path, error, "write") from None

    def _take_up(self) -> bool:
        """Reads what is there; whether this run has begun in it."""
        # A pipe or a device keeps nothing to go on from; it is written through.
        if not (self.path.is_file() or self.path.is_dir()):
            return False
        kept = read_results(self.path)
        self._asked |= kept.questions.keys()
        self.others = len(kept.runs.keys() - {self._run})
        if kept.unended:
            self._end_line()
        mine = kept.runs.get(self._run)
        if mine is not None:
            self.samples, self.replies = mine.samples, mine.replies
        return mine is not None

    def _end_line(self) -> None:
        """Ends a line that was never ended, so that the next one begins afresh."""
        try:
            with self.path.open("ab") as file:
                file.write(b"\n")
        except OSError as error:
            raise _failed(self.path, error, "write") from None


def _failed(path: Path, error: OSError, verb: str) -> R1ChatError:
    return R1ChatError(f"cannot {verb} {line(str(path))}: {user_files.reason(error, path)}")


def _check(values: Mapping[str, Any], number: int, path: Path) -> None:
    if values.get("schema") != SCHEMA:
        message = (
            f"line {number} of {line(str(path))} was written by another version of r1chat; name "
            "another file with -o/--out"
        )
        raise UsageError(message)


def _run(values: Mapping[str, Any]) -> Run:
    conditions = values.get("conditions")
    words = conditions.get("words") if isinstance(conditions, dict) else None
    texts = (values.get("ref"), values.get("quant"), values.get("begun"), words)
    ref, quant, begun, words = (text if isinstance(text, str) else "" for text in texts)
    return Run(ref, quant, begun, words)


def _question(values: Mapping[str, Any]) -> Question | None:
    texts = [values.get(name) for name in ("id", "text", "answer")]
    question = Question(*map(str, texts)) if all(isinstance(t, str) for t in texts) else None
    return question if question is not None and question.key == values.get("question") else None


def _object(text: bytes) -> dict[str, Any] | None:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return values if isinstance(values, dict) else None


def _sample(values: Mapping[str, Any]) -> Sample | None:
    """Reads a sample; None where somebody has changed it into something else."""
    try:
        known = {
            name: values[name] if usual is MISSING else values.get(name, usual)
            for name, usual in _FIELDS.items()
        }
    except KeyError:
        return None
    sample = Sample(**known)
    whole = (
        sample.minimum,
        sample.seed,
        sample.sample,
        sample.thought_tokens,
        sample.answer_tokens,
        sample.injected_tokens,
    )
    times = (sample.thought_s, sample.answer_s, sample.seconds)
    texts = (
        sample.question,
        sample.budget,
        sample.judge,
        sample.answer,
        sample.thought,
        sample.why,
        sample.steer,
        sample.planted,
        sample.replaced,
    )
    sound = (
        all(type(each) is int and each >= 0 for each in whole)
        and all(type(each) in (int, float) and each >= 0 for each in times)
        and all(isinstance(each, str) for each in texts)
        and isinstance(sample.right, bool)
        and (not sample.steer or _is_intervention(sample.steer))
        and (sample.goes_on is None or (type(sample.goes_on) is int and sample.goes_on >= 0))
        and sample.think in _THINK
        and sample.language in _LANGUAGES
        and (sample.final is None or isinstance(sample.final, str))
        and _is_share(sample.confidence)
        and _is_share(sample.final_confidence)
        and _is_share(sample.thought_confidence)
        and sample.answer_ended_by in _ENDED_BY
        and (sample.thought_ended_by is None or sample.thought_ended_by in _ENDED_BY)
    )
    return sample if sound else None


def _reply(sample: Sample, whole: object) -> Reply | None:
    """The whole reply that a sample was made of, where it was kept."""
    if not isinstance(whole, dict):
        return None
    ids = whole.get("ids")
    sound = isinstance(ids, list) and all(type(each) is int and each >= 0 for each in ids)
    return Reply(
        sample.thought,
        sample.answer,
        rows.receipt_in(whole.get("receipt")),
        sample.final,
        rows.injected_in(whole.get("injected"), sample.thought),
        ids=tuple(ids) if sound and isinstance(ids, list) else (),
    )


def _is_intervention(text: str) -> bool:
    try:
        return str(Intervention.parse(text)) == text
    except ValueError:
        return False


def _is_share(value: object) -> bool:
    """Whether it is from 0 to 1, or not known."""
    return value is None or (
        isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1
    )
