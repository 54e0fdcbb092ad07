"""Asks the built-in model a question, and prints how it went as a JSON object."""

from __future__ import annotations

import json
import sys
import time

QUESTION = "What is 44 + 41 + 25?"


def main() -> int:
    """Does it; 1 with a line on stderr where it fails."""
    from r1chat.compose import load
    from r1chat.engine.base import Sampling
    from r1chat.errors import R1ChatError
    from r1chat.events import Reply
    from r1chat.session import Session

    began = time.perf_counter()
    try:
        engine = load("tiny")
        loaded = time.perf_counter()
        session = Session(engine, prepare=False)
        last = None
        for event in session.ask(QUESTION, sampling=Sampling(temperature=0, seed=0), timeout=60):
            last = event
        if not isinstance(last, Reply):
            raise R1ChatError("the reply has no end")  # noqa: EM101, TRY301, TRY003
        engine.close()
    except R1ChatError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    receipt = last.receipt
    result = {
        "load_s": loaded - began,
        "first_token_s": receipt.first_token_s,
        "tokens": receipt.thought_tokens + receipt.answer_tokens,
        "tokens_per_s": receipt.tokens_per_s,
        "final": last.final,
        "ended_by": receipt.ended_by,
        "error": last.error,
    }
    print(json.dumps(result))  # noqa: T201  (the parent process reads it)
    return 0


if __name__ == "__main__":
    sys.exit(main())
