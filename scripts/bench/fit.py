"""Whether a model takes the memory that it was said to need, and is as fast as was expected.

A child process loads the model, reads a prompt and writes some tokens; then it is looked at.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import children
import llama_source
import report
import speed_model

from r1chat import gguf, load
from r1chat.engine.base import Message, Request, Sampling
from r1chat.events import AnswerText, Reply, ThoughtText
from r1chat.gguf.needs import needs
from r1chat.hub.fit import fit, shape_of
from r1chat.hub.machine import this_machine
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control

MIB = 1 << 20
CONTEXTS = (2048, 8192, 32768)
BAR = 0.1
WRITTEN = 48
FILLED = 0.85
"""Of the context, by the longest prompt."""
WORDS_PER_TOKEN = 0.33
"""A number of two digits and a space are about three tokens."""


def resident() -> dict[str, int]:
    """Bytes of this process that are in memory, by kind."""
    rows = Path("/proc/self/status").read_text("ascii").splitlines()
    fields = dict(row.partition(":")[::2] for row in rows)
    names = ("VmRSS", "RssAnon", "RssFile")
    return {name: int(fields[name].split()[0]) * 1024 for name in names}


def inside(model: str, context: int, prompt: int, threads: int | None) -> None:
    """Loads and asks; prints what this process takes as JSON."""
    engine = load(model, ctx=context, threads=threads)
    rng = random.Random(7)
    text = " ".join(str(rng.randrange(10, 100)) for _ in range(int(prompt * WORDS_PER_TOKEN)))
    thinks = engine.info.thinks
    request = Request(
        (Message("user", text),),
        budget=Budget(minimum=WRITTEN, tokens=WRITTEN) if thinks else Budget(),
        sampling=Sampling(seed=1),
        max_answer=1 if thinks else WRITTEN,
        raw=not thinks,
    )
    began = 0.0
    for event in engine.stream(request, Control(request.budget)):
        if isinstance(event, (ThoughtText, AnswerText)) and not began:
            began = time.process_time()
        reply = event
    spent = time.process_time() - began
    assert isinstance(reply, Reply)
    receipt = reply.receipt
    written = receipt.thought_tokens + receipt.answer_tokens
    found = {
        "resident": resident(),
        "prompt": receipt.prompt_tokens,
        "tokens_per_s": receipt.tokens_per_s,
        "undisturbed": engine.info.threads * (written - 1) / spent,
    }
    engine.close()
    print(json.dumps(found))


def measured(model: Path, context: int, prompt: int, threads: int | None) -> dict[str, Any]:
    """The same in a child process."""
    command = [sys.executable, __file__, "--model", str(model), "--inside", str(context)]
    command += ["--prompt", str(prompt)]
    command += ["--threads", str(threads)] if threads else []
    done = children.run(command)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    """Prints two tables: memory, and speed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", help="a GGUF file (default: the speed model)")
    parser.add_argument("--ctx", type=int, nargs="+", default=CONTEXTS, help="tokens of context")
    parser.add_argument(
        "--prompt", type=int, default=600, help="tokens to read; 0 fills the context (minutes)"
    )
    parser.add_argument("--threads", type=int, help="by default as many as r1chat takes")
    parser.add_argument("--inside", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside:
        inside(args.model, args.inside, args.prompt, args.threads)
        return
    model = Path(args.model or speed_model.ensure(llama_source.CACHE.parent / "speed-1.5b.gguf"))
    header = gguf.read_header(model)
    shape = shape_of(header)
    machine = this_machine(model.parent)
    if args.threads:
        machine = replace(machine, threads=args.threads)
    rows, speeds = [], []
    for context in args.ctx:
        prompt = args.prompt or int(context * FILLED)
        found = measured(model, context, prompt, args.threads)
        sizes = {name: size / MIB for name, size in found["resident"].items()}
        need = needs(shape, header.size, context)
        ratio = need.total / found["resident"]["VmRSS"]
        parts = (need.weights, need.cache, need.buffers, need.total)
        rows.append(
            [
                f"{context:,}",
                f"{found['prompt']:,}",
                *(f"{part / MIB:,.0f}" for part in parts),
                f"{sizes['RssFile']:,.0f}",
                f"{sizes['RssAnon']:,.0f}",
                f"{sizes['VmRSS']:,.0f}",
                f"{ratio:.3f}",
                "ok" if abs(ratio - 1) <= BAR else "MISSED",
            ]
        )
        expected = fit(shape, header.size, machine, context).tokens_per_s
        real, undisturbed = found["tokens_per_s"], found["undisturbed"]
        assert expected is not None
        speeds.append(
            [
                f"{context:,}",
                f"{expected:.1f}",
                f"{real:.1f}",
                f"{undisturbed:.1f}",
                f"{expected / undisturbed:.2f}",
            ]
        )
    print(report.machine() + "\n")
    heads = "context,prompt,file,cache,buffers,estimate,mapped,own,resident,ratio,within 10 %"
    print(report.table(heads.split(","), rows))
    print("\nMiB. Mapped and own are parts of what is resident.\n")
    rate = f"{machine.bandwidth / 1e9:.1f} GB/s" if machine.bandwidth else "unknown"
    products = f"{machine.products / 1e9:.1f} GB/s" if machine.products else "unknown"
    print(f"Bandwidth: {rate}; products: {products}; threads: {machine.threads}\n")
    heads = "context,expected tokens/s,by the clock,by time on the processor,ratio"
    print(report.table(heads.split(","), speeds))


if __name__ == "__main__":
    main()
