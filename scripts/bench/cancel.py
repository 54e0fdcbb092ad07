"""How soon a reply stops, in the reading of the prompt and while it is written."""

from __future__ import annotations

import argparse
import random
import threading
import time
from pathlib import Path

from r1chat import load
from r1chat.engine.base import Engine, Message, Request, Sampling
from r1chat.events import Evaluating, Reply, ThoughtText
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control

BAR_MS = 250


def stop_once(engine: Engine, request: Request, delay: float, *, reading: bool) -> float | None:
    """Stops one reply.

    Args:
        engine: Answers.
        request: What.
        delay: Seconds to wait after the phase has begun.
        reading: Whether to stop while the prompt is read, else while the thought is written.

    Returns:
        Seconds from the wish to the end of the stream; None if it ended before.
    """
    control = Control(request.budget)
    wished: list[float] = []

    def wish() -> None:
        wished.append(time.perf_counter())
        control.cancel()

    timer = threading.Timer(delay, wish)
    begun = False
    ended_by = ""
    for event in engine.stream(request, control):
        if not begun and isinstance(event, Evaluating if reading else ThoughtText):
            begun = True
            timer.start()
        if isinstance(event, Reply):
            ended_by = event.receipt.ended_by
    took = time.perf_counter() - wished[0] if wished and ended_by == "cancelled" else None
    timer.cancel()
    return took


def measure(engine: Engine, rounds: int, *, reading: bool) -> list[float]:
    """Stops replies at random moments until so many have been stopped."""
    rng = random.Random(5)
    words = engine.info.context // 5 if reading else 20
    found: list[float] = []
    while len(found) < rounds:
        text = " ".join(str(rng.randrange(100)) for _ in range(words))
        request = Request(
            (Message("user", text),),
            budget=Budget(minimum=engine.info.context // 2),
            sampling=Sampling(seed=1),
            reuse=False,
        )
        took = stop_once(engine, request, rng.uniform(0, 0.01 if reading else 0.1), reading=reading)
        if took is not None:
            found.append(took)
    return found


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="tiny", help="a model reference (default: tiny)")
    parser.add_argument("--ctx", type=int, help="tokens of context")
    parser.add_argument("--rounds", type=int, default=100)
    args = parser.parse_args()
    model = str(Path(args.model).resolve()) if args.model.endswith(".gguf") else args.model
    engine = load(model, ctx=args.ctx)
    print("| stopped | times | median | p99 | worst | within 250 ms |")
    print("| --- | --- | --- | --- | --- | --- |")
    for reading in (True, False):
        times = sorted(1000 * took for took in measure(engine, args.rounds, reading=reading))
        name = "reading the prompt" if reading else "thinking"
        kept = sum(took <= BAR_MS for took in times)
        median, p99 = times[len(times) // 2], times[int(len(times) * 0.99) - 1]
        print(
            f"| {name} | {len(times)} | {median:.1f} ms | {p99:.1f} ms | {times[-1]:.1f} ms "
            f"| {kept} of {len(times)} |"
        )
    question = Request((Message("user", "What is 44 + 41 + 25?"),), sampling=Sampling(seed=1))
    *_, reply = engine.stream(question, Control())
    assert isinstance(reply, Reply)
    print(f"\nThe next question is answered: {bool(reply.answer.strip())}")
    engine.close()


if __name__ == "__main__":
    main()
