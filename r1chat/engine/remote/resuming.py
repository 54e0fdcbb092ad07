"""Restores what is kept of an earlier reply, to continue from there without the server."""

from __future__ import annotations

from r1chat.engine.base import Continuation
from r1chat.engine.remote.draft import Draft
from r1chat.engine.replay import STOPPED_IN_IT, scores_kept, was_prefilled
from r1chat.engine.transcript import Transcript
from r1chat.events import Reply


def resume(continuation: Continuation, transcript: Transcript, draft: Draft) -> None:
    """Writes the kept part of a reply.

    Args:
        continuation: What to keep.
        transcript: A new one; it is told without any event.
        draft: A new one.
    """
    reply, keep, receipt = continuation.reply, continuation.keep, continuation.reply.receipt
    prefilled = was_prefilled(reply)
    transcript.mute()
    share = 1.0
    if not prefilled:
        thought = reply.thought if keep is None else reply.thought[:keep]
        share = min(1.0, len(thought) / (len(reply.thought) or 1))
        if thought:
            _think(continuation, thought, transcript, draft)
        transcript.thought_tokens = round(receipt.thought_tokens * share)
        transcript.injected_tokens = round(receipt.injected_tokens * share)
    closed = reply.answer or receipt.thought_ended_by not in STOPPED_IN_IT
    if keep is None:
        if transcript.splitter.in_thought and closed:
            draft.mark(draft.format.closing)
            transcript.close_thought(receipt.thought_ended_by or "natural")
        _answer(reply, transcript, draft)
        transcript.answer_tokens = receipt.answer_tokens
    transcript.unmute()
    transcript.scores += scores_kept(continuation)
    transcript.branches_off(continuation.fork)
    transcript.spent_before(receipt.thought_s * share, receipt.answer_s if keep is None else 0.0)


def _think(continuation: Continuation, thought: str, transcript: Transcript, draft: Draft) -> None:
    if not transcript.splitter.in_thought:
        transcript.open_thought()
        draft.mark(draft.format.opening)
    at = 0
    for injection in continuation.reply.injected:
        end = injection.at + len(injection.text)
        if end > len(thought):
            break
        _write(thought[at : injection.at], transcript, draft)
        transcript.inject(injection.text, 0)
        draft.quote(injection.text)
        at = end
    _write(thought[at:], transcript, draft)


def _answer(reply: Reply, transcript: Transcript, draft: Draft) -> None:
    at = 0
    for injection in reply.answer_injected:
        _write(reply.answer[at : injection.at], transcript, draft)
        transcript.inject_answer(injection.text, ())
        draft.quote(injection.text)
        at = injection.at + len(injection.text)
    text = reply.answer[at:]
    if text:
        transcript.write(0, text.encode("utf-8", "replace"))
        draft.write(text)


def _write(text: str, transcript: Transcript, draft: Draft) -> None:
    if text:
        transcript.write(0, text.encode("utf-8", "replace"))
        draft.quote(text)
