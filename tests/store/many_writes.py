"""A process that saves replies, one after another, and says what the history told it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from r1chat.events import AnswerText, Receipt, Reply, ThoughtText
from r1chat.store import Store
from tests.store.helpers import asked


def main():
    store = Store.open(Path(sys.argv[1]))
    nodes = []
    for number in range(int(sys.argv[2])):
        question = asked(f"Question {number}?")
        recording = store.begin(question)
        recording.take(ThoughtText("Let me see.", 3))
        recording.take(AnswerText("So it is.", 3))
        recording.take(Reply("Let me see.", "So it is.", Receipt()))
        # A write is a write of its own, not one of many in a transaction.
        assert recording.acknowledged(60)
        nodes.append(question.node)
    safe = store.close(60)
    said = {"safe": safe, "notices": store.take_notices(), "nodes": nodes}
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main()
