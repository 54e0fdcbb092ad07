"""Writes kept replies as chat messages, e.g. to train a model on those that were right.

Drawing many replies and keeping the right ones is rejection sampling; DeepSeek made the training
data of the R1 distills so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from r1chat.evaluation.interventions import Intervention
from r1chat.evaluation.plan import Sample
from r1chat.evaluation.reading import Question
from r1chat.reasoning.phrases import CLOSE, OPEN


def messages(
    samples: Sequence[Sample], questions: dict[str, Question], words: str
) -> Iterator[str]:
    """Each sample as a line of JSON with `messages`.

    Args:
        samples: What is written; those whose question is not known are left out.
        questions: By their keys.
        words: What stood behind each question.
    """
    for sample in samples:
        question = questions.get(sample.question)
        if question is None:
            continue
        asked = f"{question.text}\n{words}" if words else question.text
        reply = sample.answer.strip()
        if sample.thought.strip():
            reply = f"{OPEN}\n{sample.thought.strip()}\n{CLOSE}\n\n{reply}"
        values: dict[str, Any] = {
            "messages": [
                {"role": "user", "content": asked},
                {"role": "assistant", "content": reply},
            ],
            "reference": question.answer,
            "thought_ended_by": sample.thought_ended_by,
            "injected_tokens": sample.injected_tokens,
        }
        if sample.steer:
            values["steer"] = asdict(Intervention.parse(sample.steer))
        yield json.dumps(values, ensure_ascii=False) + "\n"
