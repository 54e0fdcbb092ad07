"""A process that streams replies into the history until it is killed, and says what is safe."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from r1chat.conversation import Conversation
from r1chat.events import AnswerText, Receipt, Reply, ThoughtEnded, ThoughtText
from r1chat.store import Store
from tests.store.helpers import asked

THOUGHT = [f" thought{number}" for number in range(40)]
ANSWER = [f" answer{number}" for number in range(20)]


def say(*words):
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


def main():
    store = Store.open(Path(sys.argv[1]))
    conversation = Conversation().id
    parent = None
    while True:
        question = asked("Well?", conversation=conversation, parent=parent)
        recording = store.begin(question)
        assert recording.acknowledged(60)
        say("asked", conversation, question.node)
        for number, token in enumerate(THOUGHT, 1):
            recording.take(ThoughtText(token, number))
            time.sleep(0.002)
        recording.take(ThoughtEnded("natural", len(THOUGHT), 1.0))
        for number, token in enumerate(ANSWER, 1):
            recording.take(AnswerText(token, number))
            time.sleep(0.002)
        recording.take(Reply("".join(THOUGHT), "".join(ANSWER), Receipt()))
        assert store.flush(60)
        say("done", conversation, question.node)
        parent = question.node


if __name__ == "__main__":
    main()
