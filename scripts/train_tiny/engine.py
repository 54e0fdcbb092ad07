"""An answerer on r1chat's own engine: what the user gets is what is measured."""

from __future__ import annotations

import r1chat
from r1chat.engine.base import Continuation, Message, Request, Sampling
from r1chat.events import Receipt, Reply
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control


class Engine:
    """Greedy decoding, one thread, through the same calls as the app's."""

    def __init__(self, ref: str) -> None:
        """Load a model by reference."""
        self._engine = r1chat.load(ref, threads=1)

    def close(self) -> None:
        """Free the model."""
        self._engine.close()

    def __call__(
        self,
        question: str,
        history: tuple[tuple[str, str], ...] = (),
        budget: int | None = None,
        opening: str = "",
    ) -> tuple[str, str]:
        """Return the thought (with its given opening) and the answer.

        The words that land a thought on its budget are no part of the thought.
        """
        messages = [
            message
            for asked, said in history
            for message in (Message("user", asked), Message("assistant", said))
        ]
        chosen = Budget(tokens=budget)
        resume = None
        if opening:
            empty = Reply(thought="", answer="", receipt=Receipt(ended_by="cancelled"))
            resume = Continuation(empty, keep=0, words=opening)
        request = Request(
            messages=(*messages, Message("user", question)),
            budget=chosen,
            sampling=Sampling(temperature=0.0, seed=1),
            max_answer=60,
            resume=resume,
        )
        control = Control()
        control.budget = chosen
        reply = None
        for event in self._engine.stream(request, control):
            if isinstance(event, Reply):
                reply = event
        if reply is None or reply.error:
            message = f"no reply to {question!r}: {reply.error if reply else 'no end'}"
            raise RuntimeError(message)
        thought = reply.thought
        for injection in reversed(reply.injected):
            if not opening:
                thought = thought[: injection.at] + thought[injection.at + len(injection.text) :]
        return thought, reply.answer
