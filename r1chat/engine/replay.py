"""Restores what is kept of an earlier reply, to continue from there without the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from r1chat import prompt
from r1chat.engine.base import Continuation, Request
from r1chat.engine.parts import Vocabulary
from r1chat.engine.respelling import respelled
from r1chat.engine.tags import Tags
from r1chat.engine.transcript import Transcript
from r1chat.events import Reply, TokenScore
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.languages import OPENINGS
from r1chat.reasoning.phrases import FINISHED

STOPPED_IN_IT = frozenset({None, "cancelled", "error"})
"""How a thought is said to have ended that was never closed."""


def was_prefilled(reply: Reply) -> bool:
    """Whether a reply's thought stood finished in its prompt, because the budget was off."""
    return reply.receipt.thought_tokens == 0 and reply.thought == FINISHED + "\n"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which thought a prompt has to lead to; as `r1chat.prompt.build` takes it."""

    think: bool
    first: bool
    brief: bool
    effort: int | str | None = None
    opens: bool = False


USUAL = Wanted(think=True, first=False, brief=False)
"""What most models get."""
FIRST = Wanted(think=True, first=True, brief=False)
"""What a model gets that is asked to think first."""


def thought_wanted(request: Request, budget: Budget) -> Wanted:
    """The thought that a reply is to have.

    What is kept of an earlier reply must stand behind the prompt that it was written to.

    Args:
        request: The question.
        budget: How long the thought may be by now.
    """
    resume = request.resume
    if resume is None:
        think = request.think != "off" and not budget.off
        opens = bool(request.opening_words)
        return Wanted(think, request.think == "on", budget.is_brief, budget.tokens, opens)
    reply, style = resume.reply, resume.reply.receipt.thought_style
    unthought = not reply.thought and "off" in {request.think, reply.receipt.budget}
    think = resume.keep is not None or not (was_prefilled(reply) or unthought)
    # Where nothing was thought, a thought that is wanted now begins behind another prompt.
    begins = resume.keep is not None and not reply.thought and request.think == "on"
    effort = reply.receipt.effort
    # And a thought that began with r1chat's words had been opened in the prompt.
    first = next(iter(reply.injected), None)
    kept = first is not None and not first.at and first.text in OPENINGS
    opened = kept or bool(request.opening_words)
    return Wanted(think, style is not None or begins, style == "brief", effort, opened)


def tokens_kept(continuation: Continuation, vocabulary: Vocabulary) -> int:
    """About how many tokens a continuation begins with, rather too many than too few.

    Args:
        continuation: What is kept of a reply.
        vocabulary: The model's.
    """
    reply, keep = continuation.reply, continuation.keep
    share = 1.0 if keep is None else min(1.0, keep / (len(reply.thought) or 1))
    written = len(reply.ids)
    if not reply.ids:
        # It comes out of the history as text, which models spell in more tokens than they need.
        texts = (reply.thought, reply.answer)
        spelled = sum(len(vocabulary.tokenize(text, special=False)) for text in texts)
        receipt = reply.receipt
        counted = receipt.thought_tokens + receipt.injected_tokens + receipt.answer_tokens
        written = max(spelled, counted)
    return round(written * share) + len(continuation.words)


def replay(
    continuation: Continuation, transcript: Transcript, vocabulary: Vocabulary, tags: Tags
) -> tuple[int, ...]:
    """Writes the kept part of a reply into a transcript.

    Args:
        continuation: What to keep.
        transcript: A new one; it is told without any event.
        vocabulary: The model's.
        tags: What opens and closes thoughts in it.

    Returns:
        The tokens of the kept part, as they belong after the prompt.
    """
    reply = continuation.reply
    keep = continuation.keep
    if keep is not None and was_prefilled(reply):
        return ()
    ended_by = reply.receipt.thought_ended_by or "natural"
    spans = {injection.at: injection.text for injection in reply.injected}
    asked = {injection.at: injection.text for injection in reply.answer_injected}
    forced = reply.receipt.thought_ended_by not in {None, "natural"} and not was_prefilled(reply)
    kept: list[int] = []
    transcript.mute()
    # Out of a file of results they may be anything: llama.cpp would end the process.
    sound = reply.ids and min(reply.ids) >= 0 and max(reply.ids) < vocabulary.size
    spelled = reply.ids if sound else _spelled(continuation, transcript, vocabulary, tags)
    tokens = iter(spelled)
    for token in tokens:
        at = transcript.thought_length
        if keep is not None and at >= keep:
            break
        data = vocabulary.shown(token)
        ours = _ours_at(transcript, spans, asked, data)
        piece = tags.pieces.get(token, "")
        if token in tags.closes:
            transcript.close_thought(ended_by, tags.closes[token])
            transcript.injected_tokens += forced
        elif forced and not piece and _after_closing(transcript, data):
            transcript.injected_tokens += 1
        elif token in tags.opens:
            transcript.open_thought(tags.opens[token])
        elif ours:
            group = [token, *_rest_of_span(tokens, ours, data, vocabulary)]
            kept += group[:-1]
            token = group[-1]  # noqa: PLW2901  (the last token of the words stands for them)
            transcript.inject_anywhere(ours, group)
        elif keep is not None and at + len(transcript.preview(data)[0]) > keep:
            for part in prompt.plain(vocabulary, reply.thought[at:keep], continues=True):
                transcript.write(part, vocabulary.shown(part))
                kept.append(part)
            break
        else:
            transcript.write(token, data, piece, ended_by=ended_by)
        kept.append(token)
    share = min(1.0, (keep if keep is not None else len(reply.thought)) / (len(reply.thought) or 1))
    answer_s = reply.receipt.answer_s if keep is None else 0.0
    transcript.unmute()
    transcript.scores += scores_kept(continuation)
    transcript.branches_off(continuation.fork)
    transcript.spent_before(reply.receipt.thought_s * share, answer_s)
    return tuple(kept)


def scores_kept(continuation: Continuation) -> list[TokenScore]:
    """What is known of how sure the model was of the kept part."""
    keep = continuation.keep
    return [
        score
        for score in continuation.reply.scores
        if keep is None or (score.part == "thought" and score.at + len(score.text) <= keep)
    ]


def _spelled(
    continuation: Continuation, transcript: Transcript, vocabulary: Vocabulary, tags: Tags
) -> list[int]:
    """The tokens of a reply out of the history: those that were sampled, as far as known."""
    made = list(_cut_anew(continuation.reply, transcript, vocabulary, tags))
    return respelled(made, continuation.known, vocabulary, spaced=True)


def _cut_anew(
    reply: Reply, transcript: Transcript, vocabulary: Vocabulary, tags: Tags
) -> Iterator[int]:
    """The tokens of a reply of which only the text is known: it comes out of the history."""
    thought = "" if was_prefilled(reply) else reply.thought
    words: list[str | list[int]] = []
    if thought and not transcript.splitter.in_thought:
        words += tags.opening
    at = 0
    for injection in reply.injected if thought else ():
        words += [thought[at : injection.at], injection.text]
        at = injection.at + len(injection.text)
    words.append(thought[at:])
    if thought and (reply.answer or reply.receipt.thought_ended_by not in STOPPED_IN_IT):
        words += tags.closing
    for each in (*words, reply.answer):
        if isinstance(each, list):
            yield from each
        else:
            yield from prompt.plain(vocabulary, each, continues=True)


def _ours_at(
    transcript: Transcript, spans: Mapping[int, str], asked: Mapping[int, str], data: bytes
) -> str:
    """The r1chat words that begin at a token, in the thought or in the answer, if any."""
    if transcript.splitter.in_thought:
        ours = spans.get(transcript.thought_written, "")
        is_rest = transcript.mid_character and not ours.encode().startswith(data)
        return "" if is_rest else ours
    ours = asked.get(transcript.answer_length, "") if data.strip() else ""
    return ours if ours.encode().startswith(data) else ""


def _after_closing(transcript: Transcript, data: bytes) -> bool:
    """Whether this is white space between a closed thought and its answer."""
    splitter = transcript.splitter
    begun = splitter.in_thought or transcript.has_answer
    return splitter.closed_once and not begun and not data.strip()


def _rest_of_span(
    tokens: Iterator[int], text: str, data: bytes, vocabulary: Vocabulary
) -> Iterator[int]:
    """The remaining tokens of r1chat's words after the first."""
    missing = len(text.encode()) - len(data)
    while missing > 0:
        token = next(tokens, None)
        if token is None:
            return
        missing -= len(vocabulary.shown(token))
        yield token
