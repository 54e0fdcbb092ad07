#!/usr/bin/env python3
"""Compares speculative decoding with plain decoding of the same tokens.

Two texts on models of the shape of R1-Distill-Qwen-1.5B: one that repeats a thousand words, which
is as good as it gets, and noise at a temperature of 1, which is as bad. Then the built-in model's
own thoughts and answers. With `--only edits` a real model of `scripts/real_models` changes files of
this project, each in the first reply of an engine; with `--only reasoning` it answers questions.
Both ways take turns; each figure is the median over the pairs.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import llama_source
import report
import speed_model

from r1chat.engine.base import Message, Request, Sampling
from r1chat.engine.llama import LlamaEngine, LoadOptions
from r1chat.engine.loaded import LoadedModel
from r1chat.engine.machine import TokenMachine
from r1chat.engine.speculation import SIZES
from r1chat.evaluation.reading import read
from r1chat.events import Reply
from r1chat.reasoning.control import Control
from scripts.real.models import path_of

BEST, WORST = 1.3, 0.97
SEED = 3
EDITED = ("nearest.py", "errors.py", "durations.py", "votes.py", "formatting.py", "gpu.py")
_EDIT = (
    "Rename the first function or class of this file to `renamed`, everywhere in the file. "
    "Write the whole file again, with nothing else changed."
)
_LONGEST_FILE = 1500
REASONING = (
    "A train leaves at 14:35, arrives at 17:10, and stops for 12 minutes. How long does it move?",
    "Pens cost 3 dollars, notebooks 5. Ann pays 37 for 4 pens and notebooks. How many notebooks?",
    "How many numbers from 1 to 100 can be divided by 6 or by 8? Reason step by step.",
    "One pipe fills a tank of 240 litres in 6 hours, another in 4. How long do both take?",
)
_WARM = 256
_QUESTION = 40


@dataclass(frozen=True)
class Written:
    """A text that was written, and how fast."""

    tokens: tuple[int, ...]
    seconds: float
    drafted: int
    accepted: int


def write(
    machine: TokenMachine, prompt: Sequence[int], count: int, sampling: Sampling, *, drafts: bool
) -> Written:
    """Has a text written behind a prompt."""
    machine.speculates = drafts
    machine.set_sampler(sampling, SEED)
    machine.evaluate(prompt[machine.reuse(prompt) :])
    before = machine.speculated
    written = []
    began = time.perf_counter()
    for _ in range(count):
        written.append(machine.sample())
        machine.evaluate(written[-1:])
    seconds = time.perf_counter() - began
    drafted, accepted = machine.speculated
    return Written(tuple(written), seconds, drafted - before[0], accepted - before[1])


def pair(
    prompt: Sequence[int],
    count: int,
    sampling: Sampling,
    model: LoadedModel,
    *,
    cold: bool,
    first: bool,
) -> list[Written]:
    """Has a text written with drafts and without; `first` says that those with come first."""
    machine = model.machine
    if not cold:
        write(machine, prompt, _WARM, sampling, drafts=True)
    return [write(machine, prompt, count, sampling, drafts=drafts) for drafts in (first, not first)]


def compare(
    model: Path, prompt: Sequence[int], sampling: Sampling, args: argparse.Namespace, *, cold: bool
) -> tuple[list[str], float]:
    """A row of the table, and its ratio, for a model of usual size.

    Args:
        model: The file.
        prompt: What stands before.
        sampling: How tokens are drawn.
        args: Of the command line.
        cold: Whether what batches cost here has yet to be learned, as in the first reply of all.
    """
    context = len(prompt) + args.tokens + _WARM
    options = LoadOptions(ctx=context, threads=args.threads, trusted=True)
    ratios, same, drafted, accepted = [], True, 0, 0
    for number in range(args.pairs):
        with closing(LlamaEngine(model, options=options)) as engine:
            first = cold or number % 2 == 0
            job = partial(pair, prompt, args.tokens, sampling, cold=cold, first=first)
            one, other = engine.inside(job)
            drafts, plain = (one, other) if first else (other, one)
            cost = engine.inside(lambda model: model.machine.speculation.cost)
            costs = [f"{size}: {cost.of(size):.1f}" for size in SIZES]
        ratios.append(plain.seconds / drafts.seconds)
        same = same and drafts.tokens == plain.tokens
        drafted, accepted = drafted + drafts.drafted, accepted + drafts.accepted
    name = f"{model.stem}, temperature {sampling.temperature:g}{', first reply' if cold else ''}"
    row = [name, report.middle(ratios), f"{accepted} of {drafted}", "yes" if same else "no"]
    print(f"{name}: a batch in tokens' time: {', '.join(costs)}", file=sys.stderr)
    return row, median(ratios)


def built_in(args: argparse.Namespace) -> tuple[list[str], float, float]:
    """A row for the built-in model, and the ratios of its answers and of whole replies."""
    answers, replies, same = [], [], True
    drafted = accepted = 0
    from r1chat.compose import resolve

    options = LoadOptions(threads=args.threads, trusted=True)
    with closing(LlamaEngine(resolve("tiny"), options=options)) as engine:

        def ask(text: str, *, drafts: bool) -> Reply:
            request = Request(
                messages=(Message("user", text),), sampling=Sampling(temperature=0, seed=SEED)
            )
            if args.force:
                least = 0.0 if drafts else 1.0
                engine.inside(lambda m: setattr(m.machine.speculation, "least_s", least))
            *_, reply = engine.stream(request, Control())
            assert isinstance(reply, Reply)
            return reply

        for number, question in enumerate(read("tiny", limit=args.questions).questions):
            first = ask(question.text, drafts=number % 2 == 0)
            second = ask(question.text, drafts=number % 2 == 1)
            drafts, plain = (first, second) if number % 2 == 0 else (second, first)
            answers.append(plain.receipt.answer_s / drafts.receipt.answer_s)
            replies.append(drafts.receipt.tokens_per_s / plain.receipt.tokens_per_s)
            same = same and (drafts.thought, drafts.answer) == (plain.thought, plain.answer)
            drafted += drafts.receipt.drafted_tokens
            accepted += drafts.receipt.accepted_tokens
    row = [
        "built-in, answers; whole replies",
        f"{median(answers):.3f}; {median(replies):.3f}",
        f"{accepted} of {drafted}",
        "yes" if same else "no",
    ]
    return row, median(answers), median(replies)


def real(
    args: argparse.Namespace, name: str, questions: Sequence[str], sampling: Sampling
) -> tuple[list[str], float]:
    """A row for a real model that answers some questions, each in the first reply of an engine."""
    ratios, same, drafted, accepted = [], True, 0, 0
    for number, question in enumerate(questions):
        found: dict[bool, Reply] = {}
        for drafts in (number % 2 == 0, number % 2 == 1):
            options = LoadOptions(ctx=2048, threads=args.threads, trusted=True)
            request = Request(
                messages=(Message("user", question),),
                sampling=sampling,
                max_answer=args.tokens,
                # Without what an earlier reply left in the cache nothing is drafted either.
                reuse=drafts,
            )
            with closing(LlamaEngine(path_of(args.model), options=options)) as engine:
                *_, reply = engine.stream(request, Control())
                if drafts:
                    cost = engine.inside(lambda model: model.machine.speculation.cost)
            assert isinstance(reply, Reply)
            found[drafts] = reply
        one, other = found[True].receipt, found[False].receipt
        ratios.append(one.tokens_per_s / other.tokens_per_s)
        same = same and found[True].answer == found[False].answer
        drafted, accepted = drafted + one.drafted_tokens, accepted + one.accepted_tokens
        costs = ", ".join(f"{size}: {cost.of(size):.2f}" for size in SIZES)
        rates = f"{one.tokens_per_s:.1f}/{other.tokens_per_s:.1f}"
        print(f"{name} {number}: {rates} tokens/s, batches {costs}", file=sys.stderr, flush=True)
    text = f"{args.model}, {name}, temperature {sampling.temperature:g}, first reply"
    row = [text, report.middle(ratios), f"{accepted} of {drafted}", "yes" if same else "no"]
    return row, median(ratios)


def edits() -> list[str]:
    """Questions that have a file copied with a change."""
    texts = [(llama_source.ROOT / "r1chat" / name).read_text("utf-8") for name in EDITED]
    return [f"{_EDIT}\n\n```python\n{text[:_LONGEST_FILE]}\n```" for text in texts]


def main() -> int:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=300, help="of each text")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--questions", type=int, default=300, help="for the built-in model")
    parser.add_argument("--force", action="store_true", help="draft however fast the model is")
    parser.add_argument("--model", default="qwen2.5-coder-1.5b", help="for edits and reasoning")
    kinds = ("best", "worst", "tiny", "edits", "reasoning")
    parser.add_argument("--only", choices=kinds, action="append")
    args = parser.parse_args()
    only = args.only or ["best", "worst", "tiny"]
    print(report.machine())
    rows, verdicts = [], []
    cache = llama_source.ROOT / ".cache"
    if "best" in only:
        model = speed_model.ensure(cache / "repeats-1.5b.gguf", repeats=True)
        for temperature in (0.6, 0):
            sampling = Sampling(temperature=temperature)
            row, ratio = compare(model, list(speed_model.CIRCLE), sampling, args, cold=False)
            rows.append(row)
            verdicts.append(f"{row[0]}: {report.verdict(ratio, BEST, at_least=True)}")
        row, ratio = compare(
            model, list(speed_model.CIRCLE), Sampling(temperature=0), args, cold=True
        )
        rows.append(row)
        verdicts.append(f"{row[0]}: {report.verdict(ratio, WORST, at_least=True)}")
    if "worst" in only:
        model = speed_model.ensure(cache / "speed-1.5b.gguf")
        prompt = list(range(1000, 1000 + _QUESTION))
        for cold in (False, True):
            row, ratio = compare(model, prompt, Sampling(temperature=1, top_k=0), args, cold=cold)
            rows.append(row)
            verdicts.append(f"{row[0]}: {report.verdict(ratio, WORST, at_least=True)}")
    for kind, asked in (("edits", edits()), ("reasoning", list(REASONING))):
        for temperature in (0, 0.6) if kind in only else ():
            row, ratio = real(args, kind, asked, Sampling(temperature=temperature))
            rows.append(row)
            bar = BEST if kind == "edits" else WORST
            verdicts.append(f"{row[0]}: {report.verdict(ratio, bar, at_least=True)}")
    if "tiny" in only:
        row, *ratios = built_in(args)
        rows.append(row)
        verdicts.append(f"{row[0]}: {report.verdict(min(ratios), WORST, at_least=True)}")
    print(report.table(["text", "tokens/s ÷ plain", "drafts confirmed", "same text"], rows))
    print("\n".join(verdicts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
