"""Greedy replies with all their tries, kept in a file, so that rules can be read off them.

At temperature 0 a rule that ends a thought, or writes into it, changes nothing before the place
where it does so. One reply, written to its end, therefore stands for every rule that did not act,
and the comparisons are paired.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import r1chat
from r1chat.checking import Checker
from r1chat.engine.base import Engine, Sampling
from r1chat.evaluation.reading import Question, read
from r1chat.events import CheckSums, Peeked, Reply
from r1chat.reasoning import peeks
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control
from r1chat.reasoning.phrases import STEPS_BOXED
from r1chat.session import Session

NEVER_SURE = 2.0
"""A confidence that none has."""
NEVER_AGREED = 1_000_000
"""Equal tries in a row that none has."""
ASKED = ("model", "questions", "think", "boxed", "most", "ctx")
"""What replies depend on: those that were kept with other options are not taken."""


@dataclass(frozen=True)
class Try:
    """What the model would have answered at a place in its thought."""

    tokens: int
    """Of thought by then."""
    final: str | None
    right: bool
    confidence: float | None


@dataclass(frozen=True)
class Written:
    """A greedy reply."""

    question: str
    """The question's key."""
    reference: str
    thought: str
    answer: str
    final: str | None
    right: bool
    tokens: int
    """Of thought."""
    ended: str
    """Why the thought did."""
    wrong: int
    """Sums that do not hold."""
    doubted: int
    """Of them, those behind which r1chat wrote that they are wrong."""
    tries: tuple[Try, ...]


def parser(description: str | None) -> argparse.ArgumentParser:
    """Reads the model, the questions, how they are asked, and where replies are kept."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--model", default="tiny")
    made.add_argument("--questions", default="tiny", help="a file, or a built-in set")
    made.add_argument("--think", default="auto")
    made.add_argument("--boxed", action="store_true", help="ask for steps and a box, as evals do")
    made.add_argument("--most", type=int, default=1024, help="tokens of thought")
    made.add_argument("--ctx", type=int)
    made.add_argument("--threads", type=int)
    made.add_argument("--limit", type=int, help="ask the first questions only")
    made.add_argument(
        "--kept", type=Path, required=True, help="keep the replies here, and resume from there"
    )
    return made


class Writer:
    """Has questions answered greedily, each once.

    Args:
        args: As `parser` reads them.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._checker = Checker()
        # Tries are noted, and none ends its thought.
        peeks.SURE = NEVER_SURE

    def written(
        self, kept: Path, *, check_sums: CheckSums = "mark", only: set[str] | None = None
    ) -> Iterator[Written]:
        """The replies to all questions; those that are kept are read, others are added there.

        Args:
            kept: The file.
            check_sums: What becomes of sums that do not hold.
            only: The keys of the questions to ask; by default all.
        """
        options = {"sums": check_sums, **{name: getattr(self._args, name) for name in ASKED}}
        known = {each.question: each for each in load(kept, options)}
        asked = read(self._args.questions, limit=self._args.limit).questions
        wanted = [each for each in asked if only is None or each.key in only]
        yield from (known[each.key] for each in wanted if each.key in known)
        missing = [each for each in wanted if each.key not in known]
        if not missing:
            return
        args = self._args
        with closing(r1chat.load(args.model, ctx=args.ctx, threads=args.threads)) as engine:
            for question in missing:
                found = self._write(engine, question, check_sums)
                with kept.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(found)) + "\n")
                yield found

    def _write(self, engine: Engine, question: Question, check_sums: CheckSums) -> Written:
        """Has one answered."""
        args = self._args
        tries = check_sums == "mark"
        budget = Budget(tokens=args.most, agree=NEVER_AGREED if tries else None)
        looks, reply = [], None
        for event in Session(engine, prepare=False).ask(
            question.text + ("\n" + STEPS_BOXED if args.boxed else ""),
            control=Control(budget),
            think=args.think,
            sampling=Sampling(temperature=0, seed=1),
            max_answer=200,
            check_sums=check_sums,
        ):
            if isinstance(event, Peeked):
                looks.append(event)
            elif isinstance(event, Reply):
                reply = event
        assert reply is not None, "there was no reply"
        receipt = reply.receipt
        assert receipt.ended_by != "error", reply.error
        assert receipt.sums is not None, "no sums were checked"
        return Written(
            question=question.key,
            reference=question.answer,
            thought=reply.thought,
            answer=reply.answer,
            final=reply.final,
            right=self._right(question.answer, reply.final),
            tokens=receipt.thought_tokens,
            ended=receipt.thought_ended_by or "",
            wrong=receipt.sums.wrong,
            doubted=receipt.sums.doubted,
            tries=tuple(
                Try(
                    each.tokens,
                    each.final,
                    self._right(question.answer, each.final),
                    each.confidence,
                )
                for each in looks
            ),
        )

    def _right(self, reference: str, final: str | None) -> bool:
        """Whether an answer is."""
        return final is not None and self._checker.same(reference, final)


def load(kept: Path, options: dict[str, object]) -> Iterator[Written]:
    """The replies in a file, of which the first line says how they were asked for.

    Args:
        kept: The file; it is begun where there is none. A last line that was cut is dropped.
        options: How replies are to be asked for.

    Raises:
        SystemExit: If those that are kept were asked for otherwise.
    """
    lines = kept.read_text(encoding="utf-8").splitlines(keepends=True) if kept.exists() else []
    if lines and not lines[-1].endswith("\n"):
        lines.pop()
    if lines and json.loads(lines[0]) != options:
        sys.exit(f"{kept} was asked for with other options: {lines[0].strip()}")
    kept.write_text("".join(lines) or json.dumps(options) + "\n", encoding="utf-8")
    for text in lines[1:]:
        values = json.loads(text)
        values["tries"] = tuple(Try(**each) for each in values["tries"])
        yield Written(**values)
