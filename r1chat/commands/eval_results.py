"""`r1chat eval --show`, `--compare` and `--export`: what result files hold. No model is loaded."""

from __future__ import annotations

import argparse
import pydoc
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from r1chat import paths
from r1chat.commands.columns import columns
from r1chat.commands.exits import ExitCode
from r1chat.console import Console
from r1chat.errors import R1ChatError, UsageError
from r1chat.evaluation import comparing, drawing, exporting, interventions, reading, showing
from r1chat.evaluation.comparing import Compared
from r1chat.evaluation.plan import Sample
from r1chat.evaluation.reading import Question
from r1chat.evaluation.results import Kept, Run, is_results, read_results
from r1chat.exchange import files
from r1chat.interrupts import left_to_child
from r1chat.output import SCHEMA, Out, write_json
from r1chat.sanitize import line

_MOST_NAMED = 12
"""Flipped questions that are named in text; `--format json` has all."""


def results_file(file: str, out: str | None) -> Path:
    """Where the samples of a file of questions are kept.

    Args:
        file: The questions, or the name of a built-in set; a result file is its own.
        out: What `-o/--out` says.
    """
    if out is not None:
        return paths.named(out)
    shipped = reading.SHIPPED.get(file)
    if shipped is not None:
        return paths.folder("data") / "evaluations" / f"{file}.results.jsonl"
    path = paths.named(file)
    return path if is_results(path) else path.with_name(f"{path.stem}.results.jsonl")


def run(args: argparse.Namespace, console: Console, out: Out) -> int:
    """Does what `--show`, `--compare` or `--export` asks for.

    Args:
        args: What `eval_options.add_eval` defines.
        console: Standard error.
        out: Standard output.

    Returns:
        The exit code.

    Raises:
        R1ChatError: If a file cannot be read or written, or there is nothing to show.
    """
    if args.compare is not None:
        return _compare(args, console, out)
    kept = _kept(args)
    chosen = _run_of(kept, args, console)
    samples = showing.chosen(_samples(chosen, args), args.show or args.export)
    questions = _questions(kept, args)
    if args.export is not None:
        return _export(args, console, samples, questions, chosen.words)
    if not samples:
        console.note(_nothing(kept, chosen, args))
        return ExitCode.ANSWERED
    if args.format == "json":
        for sample in samples:
            question = questions.get(sample.question)
            known = {"text": question.text, "reference": question.answer} if question else {}
            write_json(out, {"schema": SCHEMA, **known, **asdict(sample)})
        return ExitCode.ANSWERED
    width = shutil.get_terminal_size().columns
    shown = ("\n".join(page) + "\n" for page in showing.pages(samples, questions, width))
    if out.tty:
        with left_to_child():
            pydoc.pager("\n".join(shown))
    else:
        for page in shown:
            out.write(page + "\n")
    return ExitCode.ANSWERED


def _kept(args: argparse.Namespace) -> Kept:
    """The results of the questions that are named."""
    path = results_file(args.file, args.out if args.show is not None else None)
    if not path.exists():
        first = f"r1chat eval {line(args.file)}"
        message = f"there are no replies to {line(args.file)} yet; this draws them: {first}"
        raise R1ChatError(message)
    return read_results(path)


def _nothing(kept: Kept, run: Run, args: argparse.Namespace) -> str:
    """Says that no reply is as it was asked for, and which budgets there are."""
    judged = "" if args.show == "all" else f" that was judged {args.show}"
    budgets = ""
    if args.budgets is not None:
        there = dict.fromkeys(sample.budget for sample in run.samples.values())
        budgets = f" under {', '.join(args.budgets)}; it has {', '.join(there) or 'none'}"
    return line(f"{kept.path} holds no reply{judged}{budgets}", 500)


def _run_of(kept: Kept, args: argparse.Namespace, console: Console) -> Run:
    """The last run in a file, of the model that was named where one was."""
    runs = [run for run in kept.runs.values() if args.model in (None, run.ref)]
    if not runs:
        refs = ", ".join(dict.fromkeys(line(run.ref) for run in kept.runs.values()))
        message = f"{line(str(kept.path))} has no run of {line(args.model)}; it has {refs}"
        raise UsageError(message)
    last = runs[-1]
    if len(runs) > 1:
        console.note(
            f"{line(str(kept.path))} has {len(runs)} runs; this is the last: {_named(last)}"
        )
    return last


def _named(run: Run) -> str:
    model = f"{run.ref} ({run.quant})" if run.quant else run.ref
    return line(f"{model}, begun {run.begun}")


def _samples(run: Run, args: argparse.Namespace) -> list[Sample]:
    """Those under the budgets that were named; steered ones for the interventions of a file."""
    wanted = args.budgets
    done = {""} if args.steer is None else set(map(str, interventions.read(args.steer)))
    return [
        each
        for each in run.samples.values()
        if each.steer in done and (wanted is None or each.budget in wanted)
    ]


def _questions(kept: Kept, args: argparse.Namespace) -> dict[str, Question]:
    """The questions, from the file itself; an older one has none, and then those of FILE count."""
    questions = dict(kept.questions)
    path = reading.SHIPPED.get(args.file) or paths.named(args.file)
    if not questions and path.is_file() and not is_results(path):
        asked = reading.read(args.file, skip_bad=True).questions
        questions = {question.key: question for question in asked}
    return questions


def _export(
    args: argparse.Namespace,
    console: Console,
    samples: Sequence[Sample],
    questions: dict[str, Question],
    words: str,
) -> int:
    if args.out is None:
        message = "--export writes into the file that -o/--out names"
        raise UsageError(message)
    path = paths.named(args.out)
    if is_results(path):
        message = f"{line(args.out)} is a result file; name another with -o/--out"
        raise UsageError(message)
    if path.is_file() and not args.force:
        message = f"{line(args.out)} is there already; --force overwrites it"
        raise UsageError(message)
    lines = list(exporting.messages(samples, questions, words))
    files.save(lines, path)
    noun = "reply" if len(lines) == 1 else "replies"
    console.aside(f"{len(lines):,} {noun} written to {line(args.out)}")
    return ExitCode.ANSWERED


def _compare(args: argparse.Namespace, console: Console, out: Out) -> int:
    kept = [read_results(results_file(each, None)) for each in args.compare]
    first, second = (_run_of(each, args, console) for each in kept)
    questions = {**kept[1].questions, **kept[0].questions}
    compared = comparing.compare(_samples(first, args), _samples(second, args))
    if args.format == "json":
        write_json(out, _document(first, second, compared, questions))
        return ExitCode.ANSWERED
    rows = [
        (
            each.name,
            str(each.questions),
            f"{100 * each.first:.1f} %",
            f"{100 * each.second:.1f} %",
            drawing.points(each.difference) if each.difference else "",
            f"{len(each.better)}",
            f"{len(each.worse)}",
        )
        for each in compared
    ]
    head = ("budget", "questions", "A", "B", "B − A, points (95 %)", "better", "worse")
    parts = [f"A: {_named(first)}", f"B: {_named(second)}", ""]
    parts.append(columns(head, rows, right="questions A B better worse"))
    for each in compared:
        for name, keys in (("right more often in B", each.better), ("less often", each.worse)):
            parts += [f"{each.name}, {name}: {_listed(keys, questions)}"] if keys else []
    out.write("\n".join(parts) + "\n")
    return ExitCode.ANSWERED


def _listed(keys: Sequence[str], questions: dict[str, Question]) -> str:
    names = [line(questions[key].id if key in questions else key, 40) for key in keys]
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _document(
    first: Run, second: Run, compared: Sequence[Compared], questions: dict[str, Question]
) -> dict[str, object]:
    def ids(keys: Sequence[str]) -> list[str]:
        return [questions[key].id if key in questions else key for key in keys]

    rows = []
    for each in compared:
        values = asdict(each)
        values["budget"] = values.pop("name")
        rows.append({**values, "better": ids(each.better), "worse": ids(each.worse)})
    runs = [{"ref": run.ref, "quant": run.quant, "begun": run.begun} for run in (first, second)]
    return {"schema": SCHEMA, "runs": runs, "rows": rows}
