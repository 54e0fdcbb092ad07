"""The events of a reply, as frozen values.

An engine yields these in order; the app, the writers of `r1chat ask` and the history all read
the same stream. The texts of `ThoughtText` and `InjectedText` joined in order are the thought,
those of `AnswerText` the answer. A stream ends with exactly one `Reply`. Texts are as the model
wrote them: whoever shows them passes them through `r1chat.sanitize` first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

EndedBy: TypeAlias = Literal[
    "natural",
    "budget",
    "user",
    "agreed",
    "sure",
    "loop",
    "time",
    "context",
    "length",
    "cancelled",
    "error",
]
"""Why a thought or a reply ended.

natural: the model closed it. budget: the thinking budget. user: "answer now". agreed: several looks
ahead in a row had the same answer (budget "auto"). sure: in a look ahead the model was sure of its
answer (likewise). loop: it repeated
itself. time: the wall clock (a budget in seconds, or the limit for the whole reply). context: no
room left in the context. length: the answer reached its limit. cancelled: stopped by the user.
error: something failed.
"""

FinalFrom: TypeAlias = Literal["answer", "thought"]
"""Where a final answer stands: in the answer, or only in the last box of the thought."""

AnswerAsked: TypeAlias = Literal["again", "words", "final"]
"""How a model was asked for the answer that it had left out.

again: its end of the reply was refused, once. words: r1chat wrote the words that begin an answer.
final: behind an answer without the box that was asked for r1chat wrote the words that open one.
"""

ShapeKind: TypeAlias = Literal["json", "grammar"]
"""What an answer had to fit: a JSON schema, or a grammar."""

ThoughtStyle: TypeAlias = Literal["free", "brief"]
"""How r1chat has asked for a thought.

free: of a model that does not think by itself. brief: in short lines, because the budget leaves
room for no other; of a model that was not made to think, though its template may open a thought.
"""


Part: TypeAlias = Literal["thought", "answer"]
"""What a token belongs to."""

SamplingFrom: TypeAlias = Literal["file", "card"]
"""Whose advice on sampling is followed where the user has set nothing else.

file: the model's own file (`general.sampling.*`). card: its maker's card, as the catalogue has it.
"""

FullContext: TypeAlias = Literal["drop", "ask", "summarise", "grow"]
"""What becomes of the oldest turns where the context is full.

drop: the model no longer sees them. ask: the user is asked. summarise: the model sums them up, and
reads the summary in their place. grow: the context is made larger, where memory allows.
"""

LanguageCode: TypeAlias = Literal[
    "en", "de", "fr", "es", "it", "pt", "nl", "ru", "uk", "zh", "ja", "ko", "ar", "hi"
]
"""A language that can be told from others, by its ISO 639-1 code."""


CheckSums: TypeAlias = Literal["off", "mark", "fix"]
"""What becomes of the sums in a reply. off: nothing. mark: wrong ones are found and counted. fix:
besides, in a thought the words that doubt a wrong one are written behind it.
"""


SamplesStop: TypeAlias = Literal["never", "settled", "likely"]
"""When several samples are not drawn to the last. never: they always are. settled: once the others
cannot change the majority. likely: once they would hardly change it, or no two of many agree.
"""

Decided: TypeAlias = Literal["settled", "likely", "scattered"]
"""Why no other samples were waited for. settled: they could not change the majority. likely: they
would hardly have. scattered: no two of many answers agreed, so that none was in sight.
"""


@dataclass(frozen=True, slots=True)
class Loading:
    """A model is being loaded."""

    fraction: float
    """0 to 1."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the user should know, in one line."""

    text: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """The context is full, and the oldest turns of the conversation are left out of the prompt."""

    turns: int
    """How many the model does not see."""


@dataclass(frozen=True, slots=True)
class SummaryText:
    """A piece of a summary that the model writes of the oldest turns, before it replies."""

    text: str
    tokens: int
    """Tokens of summary so far, this piece's included; 0 with the first, empty piece."""
    turns: int
    """How many turns it is to stand for."""


@dataclass(frozen=True, slots=True)
class Summarised:
    """The oldest turns are summed up: from now on the model reads the summary in their place."""

    node: str
    """The id of the last of these turns."""
    text: str
    turns: int
    """How many they are; those that an earlier summary stood for are not counted."""
    tokens: int
    """Tokens of the summary."""
    replaced: int
    """Tokens that the turns took; 0 where nobody knows."""
    seconds: float


@dataclass(frozen=True, slots=True)
class Evaluating:
    """The prompt is being read."""

    done: int
    """Prompt tokens in the cache so far."""
    total: int
    """Prompt tokens in all."""
    reused: int
    """Of them, those that were in the cache already."""


@dataclass(frozen=True, slots=True)
class ThoughtText:
    """A piece of the thought that the model wrote."""

    text: str
    tokens: int = 0
    """Tokens of thought so far, this piece's included."""


@dataclass(frozen=True, slots=True)
class InjectedText:
    """A piece of the thought that r1chat wrote into it."""

    text: str
    at: int
    """Where it stands in the thought, in characters."""


@dataclass(frozen=True, slots=True)
class ThoughtEnded:
    """The thought is closed. Comes once per thought, and never where there was none."""

    ended_by: EndedBy
    tokens: int
    """Tokens of thought that the model wrote, the injected ones not counted."""
    seconds: float


@dataclass(frozen=True, slots=True)
class AnswerText:
    """A piece of the answer."""

    text: str
    tokens: int = 0
    """Tokens of answer so far, this piece's included."""
    injected: bool = False
    """Whether r1chat wrote it, to have the model answer."""


@dataclass(frozen=True, slots=True)
class TokenScore:
    """A token, and how sure the model was of it. Comes only where that was to be measured."""

    text: str
    """What it adds; a character that several tokens spell stands at the last of them. r1chat's
    words come as one."""
    part: Part
    at: int
    """Where it stands in its part, in characters."""
    logprob: float | None = None
    """The natural logarithm of its probability by the model's own distribution: at temperature 1,
    before anything is cut off. None where r1chat wrote it."""
    entropy: float | None = None
    """Of that distribution, in nats; None where a server does not tell enough, too."""
    injected: bool = False
    """Whether r1chat wrote it."""


@dataclass(frozen=True, slots=True)
class Confidence:
    """How sure a model was of a reply; each figure is a probability, None where there is none.

    Of several tokens it is the geometric mean, to which their number makes no difference.
    """

    thought: float | None = None
    thought_least: float | None = None
    """Of the token that it was least sure of."""
    answer: float | None = None
    answer_least: float | None = None
    final: float | None = None
    """Of the tokens that spell the final answer, wherever it stands."""


@dataclass(frozen=True, slots=True)
class Injection:
    """Words that r1chat put into a thought, or into an answer."""

    at: int
    """Where they stand in it, in characters."""
    text: str


@dataclass(frozen=True, slots=True)
class SumCounts:
    """What checking the sums of a reply found."""

    checked: int = 0
    """Sums that were computed again, those of the answer included."""
    wrong: int = 0
    """Of them, those that do not hold, and that the text does not take back."""
    doubted: int = 0
    """Wrong sums behind which r1chat wrote that they are."""


@dataclass(frozen=True, slots=True)
class Fork:
    """Where a reply branches off from the thought of another, which the two share up to there."""

    at: int
    """Characters of the thought that they share."""
    tokens: int = 0
    """Tokens of it that the model wrote; they were drawn once."""
    entropy: float | None = None
    """How open it was what comes next there, in nats; None where a user chose the place."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a reply cost and why it ended. Counts are tokens, times are seconds."""

    ended_by: EndedBy = "natural"
    """Why the answer ended where something cut it, else why the thought did."""
    thought_ended_by: EndedBy | None = None
    """Why the (last) thought ended; None where there was none."""
    answer_ended_by: EndedBy = "natural"
    """Why the answer ended: "natural" where it is whole, else what cut it or kept it away."""
    answer_asked: AnswerAsked | None = None
    """What it took to get an answer out of a model that had ended its reply without one; None where
    it answered by itself."""
    thought_style: ThoughtStyle | None = None
    """How r1chat asked for the thought; None where the model thinks, or answers, by itself."""
    effort: str | None = None
    """What the model's own template, or a server, was told of how long to think: a word such as
    "low", or the budget in tokens; None where it was told nothing."""
    thought_language: LanguageCode | None = None
    """The language in which the thought ended, where it had left for good the question's, or the
    one that it was opened in; else None, also where nobody can tell."""
    sampling_from: SamplingFrom | None = None
    """Whose advice its sampling followed; None where the user's settings or the usual values
    held."""
    thought_tokens: int = 0
    answer_tokens: int = 0
    injected_tokens: int = 0
    prompt_tokens: int = 0
    prompt_reused_tokens: int = 0
    drafted_tokens: int = 0
    """Tokens that were guessed ahead, to be verified several at a time."""
    accepted_tokens: int = 0
    """Of them, those that the model confirmed; each spared an evaluation of its own."""
    load_s: float = 0.0
    """Loading the model; 0 where it was loaded before."""
    first_token_s: float = 0.0
    """From the question to the first token of the reply."""
    thought_s: float = 0.0
    answer_s: float = 0.0
    tokens_per_s: float = 0.0
    """Tokens that the model wrote a second, the reading of the prompt not counted."""
    budget: str = "max"
    """The budget as `Budget.parse` reads it, at the end of the thought."""
    seed: int = 0
    final_from: FinalFrom | None = None
    """Where the final answer stands; None where there is none."""
    samples: int = 1
    """Replies that were drawn side by side, this one among them."""
    shape: ShapeKind | None = None
    """What the answer had to fit; None where it was free."""
    sums: SumCounts | None = None
    """What checking its sums found; None where they were not checked."""
    fork: Fork | None = None
    """Where it branches off from another reply, as one of several; None where it does not."""
    vote: str | None = None
    """Of several: the final answer that this one counts for, as the first of them wrote it."""
    decided: Decided | None = None
    """Of several: why the others were not needed any more once this one had ended; None of all but
    that one."""
    asked_with: str | None = None
    """The settings that were others than the conversation's for this reply alone, so that the two
    can be compared, e.g. "budget=off"; None where there were none. Its model stands elsewhere."""
    confidence: Confidence | None = None
    """How sure the model was; None where that was not measured."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply; the last event of every stream."""

    thought: str
    answer: str
    receipt: Receipt
    final: str | None = None
    """The final answer by itself, as `r1chat.reasoning.final` finds it. Of an answer in a shape the
    JSON, on one line, or the text; None where it was cut or does not fit."""
    injected: tuple[Injection, ...] = ()
    """What r1chat wrote into the thought."""
    answer_injected: tuple[Injection, ...] = ()
    """What r1chat wrote into the answer."""
    error: str | None = None
    """One line, where `receipt.ended_by` is "error"."""
    answer_ids: tuple[int, ...] = field(default=(), repr=False)
    """The answer's tokens as they were sampled, so that the next turn need not tokenise it."""
    ids: tuple[int, ...] = field(default=(), repr=False)
    """All tokens after the prompt, tags and injected words among them, to go on from."""
    scores: tuple[TokenScore, ...] = field(default=(), repr=False)
    """How sure the model was of each token, where that was measured."""
    samples: tuple[Reply, ...] = field(default=(), repr=False)
    """All replies that this one was chosen from, in the order in which they were drawn."""
    votes: tuple[tuple[str, int], ...] = ()
    """Their final answers and how many gave each, the most frequent first."""

    @property
    def stopped(self) -> bool:
        """Whether it was broken off, and can be continued."""
        ended_by = self.receipt.ended_by
        return bool(self.thought or self.answer) and ended_by in {
            "cancelled",
            "length",
            "time",
            "error",
        }

    @property
    def unanswered(self) -> bool:
        """Whether it has ended without an answer, and nobody stopped it."""
        return not self.answer.strip() and self.receipt.ended_by not in {"cancelled", "error"}


@dataclass(frozen=True, slots=True)
class Peeked:
    """What the model would have answered, had its thought ended here."""

    final: str | None
    """The answer; None if it had none."""
    tokens: int
    """Tokens of thought by then."""
    repeats: int
    """How often in a row it was the same, this time included; 0 without an answer."""
    confidence: float | None = None
    """How sure the model was of it: the geometric mean of its tokens' probabilities, from 0 to 1.
    None without an answer, or where a server does not say."""


@dataclass(frozen=True, slots=True)
class WrongSum:
    """A sum in the reply that does not hold."""

    place: Literal["thought", "answer"]
    start: int
    """Where it stands there, in characters."""
    end: int
    left: str
    """What is computed, as the model wrote it."""
    claim: str
    """What the model says it is."""
    right: str
    """What it is."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """Several replies to the same question are about to be drawn."""

    samples: int
    at_once: int
    """How many at a time; the others wait for a place."""
    short: bool = False
    """Whether it would be more if there were more memory."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """Something that happened in one of several replies to the same question."""

    sample: int
    """Which, from 0."""
    event: Event


@dataclass(frozen=True, slots=True)
class Forked:
    """A sample is about to branch off from the thought of the first one."""

    at: int
    """Characters of that thought that it begins with."""
    entropy: float | None = None
    """How open it was what comes next there, in nats."""


@dataclass(frozen=True, slots=True)
class Tallied:
    """One more of several samples has ended, and its answer is counted."""

    votes: tuple[tuple[str, int], ...]
    """The final answers so far and how many gave each, the most frequent first."""
    done: int
    """Replies that have ended."""
    samples: int
    """Replies that are drawn."""
    certain: bool
    """Whether nothing that is still to come can change the first."""
    decided: Decided | None = None
    """Why what is still to come is not waited for; None as long as it is."""


Event: TypeAlias = (
    Loading
    | Notice
    | LeftOut
    | SummaryText
    | Summarised
    | Evaluating
    | ThoughtText
    | InjectedText
    | ThoughtEnded
    | AnswerText
    | TokenScore
    | Peeked
    | WrongSum
    | Drawing
    | Sampled
    | Forked
    | Tallied
    | Reply
)
