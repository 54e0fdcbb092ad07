"""The file that keeps every sample, so that a second run goes on where the first one stopped.

It is made of JSON lines. A line of the type "run" names a model and the conditions it was asked
under; the samples drawn so refer to it. Several runs may stand in one file: each reads its own.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, get_args

from r1chat.engine.base import ModelInfo
from r1chat.errors import R1ChatError, UsageError
from r1chat.evaluation.plan import Conditions, Key, Sample
from r1chat.evaluation.reading import digest
from r1chat.events import EndedBy
from r1chat.sanitize import line

if TYPE_CHECKING:
    from typing_extensions import Self

SCHEMA = 1
_ENDED_BY = get_args(EndedBy)
_FIELDS = frozenset(field.name for field in fields(Sample))


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
        known = self._read()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO = path.open("ab")
        except OSError as error:
            raise self._failed(error, "write") from None
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

    def add(self, sample: Sample) -> None:
        """Keeps a sample at once.

        Raises:
            R1ChatError: If it cannot be written.
        """
        self.samples[sample.key] = sample
        self._write({"type": "sample", "run": self._run, **asdict(sample)})

    def _write(self, values: Mapping[str, Any]) -> None:
        text = json.dumps(values, ensure_ascii=False, allow_nan=False)
        try:
            # At once, in one piece: whatever ends this process later takes nothing away.
            self._file.write(text.encode("utf-8", "replace") + b"\n")
            self._file.flush()
        except OSError as error:
            raise self._failed(error, "write") from None

    def _read(self) -> bool:
        """Reads what is there; whether this run has begun in it."""
        if not self.path.exists():
            return False
        try:
            with self.path.open("rb") as file:
                lines = file.read().split(b"\n")
        except OSError as error:
            raise self._failed(error, "read") from None
        runs: set[str] = set()
        for number, text in enumerate(lines, 1):
            values = _object(text)
            if values is None and not text.strip():
                continue
            kind = None if values is None else values.get("type")
            if not runs and kind != "run":
                message = (
                    f"{line(str(self.path))} is no result file of `r1chat eval`; name another "
                    "with -o/--out"
                )
                raise UsageError(message)
            if values is None:
                # What a run that was killed in the middle of a line has left.
                continue
            if kind == "run":
                self._check(values, number)
                runs.add(str(values.get("run")))
            elif kind == "sample" and values.get("run") == self._run:
                sample = _sample(values)
                if sample is not None:
                    self.samples.setdefault(sample.key, sample)
        self.others = len(runs - {self._run})
        self._mend(lines)
        return self._run in runs

    def _mend(self, lines: list[bytes]) -> None:
        """Ends a line that was never ended, so that the next one begins afresh."""
        if lines[-1]:
            try:
                with self.path.open("ab") as file:
                    file.write(b"\n")
            except OSError as error:
                raise self._failed(error, "write") from None

    def _check(self, values: Mapping[str, Any], number: int) -> None:
        if values.get("schema") != SCHEMA:
            message = (
                f"line {number} of {line(str(self.path))} was written by another version of "
                "r1chat; name another file with -o/--out"
            )
            raise UsageError(message)

    def _failed(self, error: OSError, verb: str) -> R1ChatError:
        return R1ChatError(f"cannot {verb} {line(str(self.path))}: {error.strerror}")


def _object(text: bytes) -> dict[str, Any] | None:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return values if isinstance(values, dict) else None


def _sample(values: Mapping[str, Any]) -> Sample | None:
    """Reads a sample; None where somebody has changed it into something else."""
    try:
        sample = Sample(**{name: values[name] for name in _FIELDS})
    except KeyError:
        return None
    whole = (
        sample.minimum,
        sample.seed,
        sample.sample,
        sample.thought_tokens,
        sample.answer_tokens,
        sample.injected_tokens,
    )
    times = (sample.thought_s, sample.answer_s, sample.seconds)
    texts = (sample.question, sample.budget, sample.judge, sample.answer)
    sound = (
        all(type(each) is int and each >= 0 for each in whole)
        and all(type(each) in (int, float) and each >= 0 for each in times)
        and all(isinstance(each, str) for each in texts)
        and isinstance(sample.right, bool)
        and (sample.final is None or isinstance(sample.final, str))
        and sample.answer_ended_by in _ENDED_BY
        and (sample.thought_ended_by is None or sample.thought_ended_by in _ENDED_BY)
    )
    return sample if sound else None
