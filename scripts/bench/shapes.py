#!/usr/bin/env python3
"""Measures what a grammar costs a token: draws within it, and free draws at the same places.

A real model of `scripts/real_models`, whose vocabulary has some 152,000 tokens, writes JSON to
several schemas. At each token both ways of drawing take turns; what is counted is the processor's
time of the thread, which another program on the machine does not lengthen.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from contextlib import closing
from pathlib import Path
from statistics import fmean, median

import report

from r1chat import shapes
from r1chat.engine.base import Message, Sampling
from r1chat.engine.grammars import gbnf
from r1chat.engine.llama import LlamaEngine, LoadOptions
from r1chat.engine.loaded import LoadedModel
from r1chat.engine.samplers import Sampler
from scripts.real.models import path_of

BAR_MS = 1.0
SEED = 3
_PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 40},
        "age": {"type": "integer", "minimum": 0, "maximum": 130},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 15}, "maxItems": 4},
        "born": {"type": "string", "format": "date"},
        "likes": {"enum": ["tea", "coffee", "water"]},
    },
    "required": ["name", "age", "tags", "born", "likes"],
}
CASES = (
    ("an object", _PERSON, "Describe a person of your own invention as JSON."),
    (
        "a list of objects",
        {"type": "array", "items": _PERSON, "minItems": 2, "maxItems": 3},
        "Describe three persons of your own invention as JSON.",
    ),
    ("any JSON", {"type": "object"}, "Describe the city of Paris as JSON, with nested objects."),
    (
        "words against its will",
        {"type": "string", "pattern": "^([A-Z]{3}-[0-9]{4},? ?){8}$"},
        "Write a poem about the sea.",
    ),
)


def write(
    model: LoadedModel, question: str, grammar: str, sampling: Sampling, most: int
) -> tuple[list[float], list[float], int]:
    """Seconds of each draw, free and within the grammar, and how many free ones it refused."""
    machine = model.machine
    prompt = model.prompt((Message("user", question),), think=False).ids
    machine.set_sampler(sampling, SEED)
    machine.evaluate(prompt[machine.reuse(prompt) :])
    machine.constrain(grammar, frozenset(), ())
    free, within, refused = [], [], 0
    with closing(Sampler(sampling, SEED)) as plain:
        for _ in range(most):
            began = time.thread_time()
            wanted = machine.sample_with(plain, -1)
            between = time.thread_time()
            token = machine.sample()
            ended = time.thread_time()
            free.append(between - began)
            within.append(ended - between)
            refused += wanted != token
            if token < 0 or machine.vocabulary.ends_reply(token):
                break
            machine.evaluate([token])
    return free, within, refused


def main() -> int:
    """Prints the table; 1 where the overhead is above the bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="qwen2.5-coder-0.5b", help="a name, or a file")
    parser.add_argument("--tokens", type=int, default=150, help="most tokens of each answer")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    file = Path(args.model) if args.model.endswith(".gguf") else path_of(args.model)
    rows, worst = [], 0.0
    options = LoadOptions(ctx=1024, threads=args.threads, trusted=True)
    with closing(LlamaEngine(file, options=options)) as engine:
        size = engine.inside(lambda model: model.machine.vocabulary.size)
        for name, schema, question in CASES:
            grammar = gbnf(shapes.json_schema(json.dumps(schema)))
            for temperature in (0.0, 0.6):
                sampling = Sampling(temperature=temperature)

                def job(
                    model: LoadedModel,
                    question: str = question,
                    grammar: str = grammar,
                    sampling: Sampling = sampling,
                ) -> tuple[list[float], list[float], int]:
                    return write(model, question, grammar, sampling, args.tokens)

                free, within, refused = engine.inside(job)
                extra = [(b - a) * 1e3 for a, b in zip(free, within, strict=True)]
                worst = max(worst, fmean(extra))
                figures = (fmean(extra), median(extra), max(extra), fmean(free) * 1e3)
                rows.append(
                    [
                        f"{name}, temperature {temperature:g}",
                        f"{refused} of {len(free)}",
                        *(f"{each:.2f}" for each in figures),
                    ]
                )
    print(f"{file.stem}, {size:,} tokens; milliseconds a token")
    head = ["text", "otherwise than wanted", "overhead", "median", "most", "a free draw"]
    print(report.table(head, rows))
    print(f"overhead at most {worst:.2f} ms a token; bar {BAR_MS:g}")
    return int(worst > BAR_MS)


if __name__ == "__main__":
    sys.exit(main())
