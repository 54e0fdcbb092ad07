"""Conversations as people have them with an R1 model, made up the same way each time.

The sentences are those of Python's own documentation, which comes with every Python, in another
order; between them stand an R1 model's phrases, figures, and rare words by Zipf's law.
"""

from __future__ import annotations

import itertools
import random
import re
import time
from collections.abc import Iterator
from pydoc_data.topics import topics

from r1chat.conversation import Conversation, Origin, Turn
from r1chat.events import Receipt, Reply
from r1chat.store import Loaded, Summary

THOUGHT, ANSWER, QUESTION = 5700, 2100, 200
"""Characters, together some 2,000 tokens."""
RARE = "quixotrophic"
"""Stands in one answer out of 10,000."""
_PHRASES = (
    "Wait, let me check that again.",
    "Hmm, that does not look right.",
    "Okay, so the user wants to know about this.",
    "Alternatively, I could try it the other way round.",
    "So it would be {} + {} = {}.",
    "Let me write {} as a product: {} times {}.",
    "First, I need the value at {}, then the one at {}.",
)
_SYLLABLES = re.findall(
    "[a-z]+",
    "ba ce di fo gu ha je ki lo mu na pe qui ro su ta ve wi xo zu bra cle dri flo gru",
)


class Texts:
    """Makes texts.

    Args:
        seed: The same one makes the same texts.
    """

    def __init__(self, seed: int = 1) -> None:
        self._rng = random.Random(seed)
        prose = " ".join(topics.values())
        prose = re.sub(r"[*=\-~^|+_`]{3,}", " ", prose)
        sentences = re.split(r"(?<=[.!?:])\s+", re.sub(r"\s+", " ", prose))
        self._sentences = [each for each in sentences if 20 < len(each) < 300]
        self._words = ["".join(self._rng.choices(_SYLLABLES, k=3 + i % 3)) for i in range(200_000)]
        weights = (1 / rank for rank in range(1, len(self._words) + 1))
        self._weights = list(itertools.accumulate(weights))

    def text(self, length: int, *, thinks: bool = False) -> str:
        """About so many characters."""
        rng = self._rng
        parts = []
        size = 0
        count = length // 70 + 2
        rare = iter(rng.choices(self._words, cum_weights=self._weights, k=count))
        for sentence in rng.choices(self._sentences, k=count):
            chance = rng.random()
            if thinks and chance < 0.25:
                each = rng.choice(_PHRASES).format(*(rng.randrange(2000) for _ in range(3)))
            elif chance < 0.6:
                each = f"{sentence} {next(rare).capitalize()} is {rng.randrange(10**5)}."
            else:
                each = sentence
            parts.append(each + ("\n\n" if rng.random() < 0.2 else " "))
            size += len(parts[-1])
            if size >= length:
                break
        return "".join(parts).strip()

    def turn(self, number: int) -> Turn:
        """A question with its reply."""
        rare = f" It is called {RARE}." if number % 10_000 == 5_000 else ""
        reply = Reply(
            thought=self.text(THOUGHT, thinks=True),
            answer=self.text(ANSWER) + rare,
            receipt=Receipt(
                thought_ended_by="natural",
                thought_tokens=1400,
                answer_tokens=500,
                prompt_tokens=3000,
                prompt_reused_tokens=2900,
                first_token_s=0.41,
                thought_s=33.3,
                answer_s=12.5,
                tokens_per_s=42.1,
                seed=self._rng.randrange(2**31),
            ),
        )
        created = time.time() - 10**7 + 100 * number
        origin = Origin(created, "r1:7b", "qwen2", "Q4_K_M", {"temperature": 0.6, "top_p": 0.95})
        return Turn(self.text(QUESTION), reply, origin=origin)

    def conversations(self, count: int, turns: int) -> Iterator[Loaded]:
        """So many conversations."""
        for number in range(count):
            conversation = Conversation()
            for each in range(turns):
                conversation.add(self.turn(number * turns + each))
            first = next(conversation.path()).turn
            assert first is not None
            assert first.origin is not None
            when = first.origin.created
            summary = Summary(conversation.id, first.question[:50], when, when, model="r1:7b")
            yield Loaded(summary, conversation)


def size_of(turn: Turn) -> int:
    """Bytes of a turn's texts."""
    texts = (turn.question, turn.reply.thought, turn.reply.answer)
    return sum(len(text.encode()) for text in texts)
