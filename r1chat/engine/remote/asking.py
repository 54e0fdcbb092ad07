"""Builds the requests that put a question to a server, for each of its endpoints."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from r1chat.engine.base import Message, Request
from r1chat.engine.confidence import certainty
from r1chat.engine.peeking import MOST, PROBE
from r1chat.engine.remote.chunks import NOTHING, Counts, Scored, scores_of
from r1chat.engine.remote.endings import names
from r1chat.engine.remote.fields import LIMITS, Fields
from r1chat.engine.remote.finding import Found
from r1chat.engine.remote.link import Link, Stream
from r1chat.engine.remote.pieces import size
from r1chat.engine.remote.refusals import Refused, trouble
from r1chat.engine.remote.shaping import fields
from r1chat.engine.remote.shared import Branch, Shared
from r1chat.engine.remote.sse import Event
from r1chat.engine.replay import USUAL, Wanted
from r1chat.errors import ModelError, NetworkError
from r1chat.events import ThoughtStyle
from r1chat.prompt import Framed, Item, Kind, frame
from r1chat.prompt.kinds import unasked
from r1chat.prompt.switches import LEVELS, level
from r1chat.prompt.turns import between
from r1chat.reasoning.final import last_box
from r1chat.reasoning.formats import THINK, Format, pieces_of
from r1chat.reasoning.phrases import LANDING

BOS = "<｜begin▁of▁sentence｜>"
_ANSWER_NOW = "Give your final answer now, without any further thought."
_BOXED = " Put it within \\boxed{}."
FORCED = f"\n\n{LANDING}\n"
"""What a server writes itself before it closes a thought."""
_CONTROL_S = 5.0
_PEEK_S = 60.0
_EXPLAIN_S = 30.0
_FRAMING = 8
"""Tokens around a message, rather more than less."""
_LONGEST_REPLY = 32_768
"""Tokens, for servers that must be given a limit and do not say what they have room for."""


class Asker:
    """Sends the requests for one reply.

    Args:
        link: To the server.
        found: What it is.
        messages: The conversation.
        request: The question.
        seed: For the sampling.
        wanted: Which thought there is to be.
        fields: Knows which fields the server refuses.
        density: Tokens a character of conversations, roughly; 0 where nobody knows.
        ready: A stream that has been begun for this reply already.
    """

    def __init__(  # noqa: PLR0913  (all that a request is made of)
        self,
        link: Link,
        found: Found,
        messages: tuple[Message, ...],
        request: Request,
        seed: int,
        *,
        wanted: Wanted,
        fields: Fields,
        density: float = 0.0,
        ready: Branch | None = None,
    ) -> None:
        self._link = link
        self._found = found
        self._messages = messages
        self._request = request
        self._seed = seed
        self._think = wanted.think
        self._effort: str | None = None
        """The word that a chat is told for how hard to think."""
        if not wanted.think:
            self._effort = "none"
        elif isinstance(wanted.effort, int):
            self._effort = level(wanted.effort)
        elif wanted.effort in LEVELS:
            self._effort = wanted.effort
        self._fields = fields
        self._density = density
        self._sent: Mapping[str, Any] = ready.sent if ready is not None else {}
        """The fields of the last request."""
        self._ready = ready
        self.framed = framing(found, messages, raw=request.raw, wanted=wanted)
        """The conversation in its framing; None where only the server knows it."""
        if self.framed is not None and found.markers.counted(self.format.closing) is None:
            with contextlib.suppress(NetworkError):
                found.markers.learn((self.format.closing,))
        found_names = () if request.raw else names(self._items, messages, found.eos)
        self.markers = tuple(name for name in found_names if name not in self.format.pieces)
        """The markers between turns, with which a reply ends."""
        self.measures = False
        """Whether the server is asked how sure the model is of its tokens."""
        self.limits_answer = False
        """Whether the server was told how long the answer may be, and nothing less."""

    @property
    def shaped(self) -> bool:
        """Whether the answer must have a shape."""
        return self._request.shape is not None

    @property
    def continues(self) -> bool:
        """Whether a reply can be continued from any place."""
        return self.framed is not None

    @property
    def answers_at_once(self) -> bool:
        """Whether a chat is asked for an answer without a thought in front of it."""
        return self.framed is None and not self._think

    @property
    def made_to_think(self) -> bool:
        """Whether the model's vocabulary has the tags of thoughts, as far as is known."""
        # Counted where the framing was looked for; a server that does not say is believed to know.
        close = self.format.closes[0]
        return self.framed is None or self._found.markers.counted(close) in {None, 1}

    @property
    def format(self) -> Format:
        """How the model sets its thoughts apart, as far as is known."""
        return THINK if self.framed is None else self.framed.kind.format

    @property
    def style(self) -> ThoughtStyle | None:
        """How the question asks for a thought, where r1chat has it do so."""
        return None if self.framed is None else self.framed.style

    @property
    def effort(self) -> str:
        """What the model was told of how long to think; empty where it was told nothing."""
        if self.framed is not None:
            return self.framed.effort
        name = self._found.dialect.chat_effort
        return self._effort or "" if name and self._fields.takes(name) else ""

    @property
    def others(self) -> tuple[Format, ...]:
        """Formats in which a thought may begin that nothing told of."""
        if self.framed is not None:
            return self.framed.others
        kind = Kind("template", thinks=False)
        return unasked(kind, self._messages[-1].text, self._found.formats)

    @property
    def _items(self) -> tuple[Item, ...] | None:
        return None if self.framed is None else self.framed.items

    @property
    def counts(self) -> bool:
        """Whether the server says how many tokens it has written."""
        return self._found.dialect.counts

    @property
    def tells_confidence(self) -> bool:
        """Whether the server can say how sure the model is of its tokens."""
        known = self._found.dialect.logprobs and self._fields.takes("logprobs")
        return known and self.framed is not None

    @property
    def must_limit(self) -> bool:
        """Whether the server is given a limit where none is wanted."""
        return not self._found.dialect.open_end

    @property
    def forces(self) -> bool:
        """Whether the server ends thoughts itself."""
        knows = self._found.dialect.forces and self._fields.takes("reasoning_budget_tokens")
        return knows and self.framed is not None and not self._request.raw

    @property
    def _completions(self) -> str:
        return f"{self._found.server.url}/completions"

    def begin(
        self,
        items: Sequence[Item],
        *,
        inside: bool,
        may_think: bool,
        thought_left: int | None,
        answer_left: int | None,
        shaped: bool = False,
    ) -> Stream | Branch:
        """Requests the continuation of the reply.

        Args:
            items: What stands of it already.
            inside: Whether that ends inside a thought.
            may_think: Whether it does, or a thought may begin.
            thought_left: Tokens that its thought may still have; None where it may have any
                number, or is over.
            answer_left: Tokens that its answer may still have, likewise.
            shaped: Whether what comes must have the shape that is asked for.

        Returns:
            What comes back.
        """
        ready, self._ready = self._ready, None
        if ready is not None:
            return ready
        body = self._body(thought_left, answer_left)
        if self.forces and may_think:
            self._arm(body, thought_left, inside=inside)
        elif self._found.dialect.forces and self.format.opens != THINK.opens:
            body["preserved_tokens"] = [*self._tags()]
        body = self._kept(body)
        if shaped and self._request.shape is not None:
            # Behind the fields that may be left out: without these it would be another answer.
            body |= fields(self._found.dialect, self._request.shape)
        prepare = partial(self._completion, body, items)
        if self.framed is None:
            prepare = partial(self._chat, body)
        return Stream(self._link, prepare, self._found.model)

    def ask_again(self, thought: str, *, boxed: bool) -> None:
        """Makes the next request one for the answer that a model has left out.

        A chat is asked for it behind its thought: nobody can begin an answer in its place.

        Args:
            thought: The thought; empty where there was none.
            boxed: Whether the final answer should stand in a box.
        """
        self._seed += 1
        if self.framed is None and thought:
            question = _ANSWER_NOW + (_BOXED if boxed else "")
            asked = (Message("assistant", thought), Message("user", question))
            self._messages, self._think = (*self._messages, *asked), False

    def adapt(self, refusal: Refused) -> str | None:
        """Leaves out from now on what the server refuses of a request.

        Returns:
            What the user should know; None where the refusal is of something else.
        """
        return self._fields.learn(refusal, self._sent)

    def _kept(self, body: dict[str, Any]) -> dict[str, Any]:
        """The fields of a request that the server takes."""
        self._sent = kept = self._fields.fit(body)
        self.limits_answer = self.limits_answer and any(name in kept for name in LIMITS)
        return kept

    def several(self, count: int, *, thought_left: int | None) -> tuple[Branch, ...]:
        """Begins several replies in one stream.

        Args:
            count: How many.
            thought_left: As for `begin`.
        """
        body = self._body(thought_left, None) | {"n": count}
        if self.forces and self.framed is not None:
            self._arm(body, thought_left, inside=self.framed.opened)
        body = self._kept(body)
        prepare = partial(self._completion, body, ())
        return Shared(self._link, prepare, self._found.model, count, body).branches

    def _body(self, thought_left: int | None, answer_left: int | None) -> dict[str, Any]:
        found = self._found
        body: dict[str, Any] = {
            "model": found.model,
            "stream": True,
            **found.dialect.extra,
            **found.dialect.plain,
            **({} if self._request.raw else found.dialect.shown),
            **self._sampling(),
        }
        if self.framed is None:
            self._limit_chat(body, thought_left)
            name = found.dialect.chat_effort
            if name and self._effort is not None:
                body[name] = self._effort
            return body | (found.dialect.chat_on if self._think else found.dialect.chat_off)
        limit = answer_left
        if thought_left is not None and not self.forces:
            # It is counted here as well, to land softly. This is what holds in any case.
            limit = thought_left
        body |= found.dialect.completion
        if self.measures and self.tells_confidence:
            body["logprobs"] = 1
        self.limits_answer = limit is not None and limit == answer_left
        body["max_tokens"] = limit if limit is not None or found.dialect.open_end else self._most()
        return body

    def _completion(
        self, body: dict[str, Any], items: Sequence[Item]
    ) -> tuple[str, dict[str, Any], Counts]:
        found = self._found
        body["prompt"] = self._prompt(items)
        self._end_at_turns(body)
        self._fit(body)
        counts = NOTHING
        if not found.dialect.counts and isinstance(body["prompt"], str):
            # It counts only when it is asked.
            with contextlib.suppress(NetworkError):
                count = found.markers.count(body["prompt"])
                counts = NOTHING if count is None else Counts(prompt=count + found.adds_bos)
        return self._completions, body, counts

    def _end_at_turns(self, body: dict[str, Any]) -> None:
        """Stops the reply at tokens that separate turns."""
        name, tokenizer = self._found.dialect.stop_tokens, self._found.tokenizer
        if name and tokenizer is not None and self._fields.takes(name) and not self._request.raw:
            tokens = [token for each in self._hidden() for token in tokenizer.tokenize(each)]
            body |= {name: tokens} if tokens else {}

    def _chat(self, body: dict[str, Any]) -> tuple[str, dict[str, Any], Counts]:
        harmless = self._found.markers.harmless
        body["messages"] = [{"role": m.role, "content": harmless(m.text)} for m in self._messages]
        return f"{self._found.server.url}/chat/completions", body, self._estimate()

    def _estimate(self) -> Counts:
        """Roughly, the tokens of a conversation in a framing that only the server knows."""
        found = self._found
        if found.dialect.counts or not found.context:
            return NOTHING
        text = "\n".join(message.text for message in self._messages)
        count = None
        with contextlib.suppress(NetworkError):
            count = found.markers.count(text)
        if count is None:
            return Counts(estimate=round(len(text) * self._density) or None)
        return Counts(estimate=count + _FRAMING * len(self._messages))

    def end_thought(self, name: str, wants_stop: Callable[[], bool]) -> bool:
        """Asks the server to close the thought that it is writing.

        Args:
            name: The completion's own name.
            wants_stop: Says whether nobody waits for it any more.

        Returns:
            Whether it will.
        """
        if not self.forces or not name:
            return False
        url = f"{self._found.server.url}/chat/completions/control"
        body = {"id": name, "action": "reasoning_end", "model": self._found.model}
        with contextlib.suppress(NetworkError, ModelError):
            answer = self._link.post(url, body, _CONTROL_S, wants_stop)
            return isinstance(answer, dict) and answer.get("success") is True
        return False

    def explain(self, items: Sequence[Item], wants_stop: Callable[[], bool]) -> None:
        """Asks for a single token, to hear why a stream gave none.

        Raises:
            R1ChatError: What the server says.
        """
        body = {**self._found.dialect.completion, "model": self._found.model, "max_tokens": 1}
        url = self._completions
        if self.framed is None:
            url = self._chat(body)[0]
        else:
            body["prompt"] = self._prompt(items)
        try:
            answer = self._link.post(url, self._fields.fit(body), _EXPLAIN_S, wants_stop)
            error = trouble(Event("", "", answer), self._found.server, self._found.model)
            if isinstance(error, Refused):
                raise error
        except Refused:
            raise
        except NetworkError:
            pass

    def peek(
        self, items: Sequence[Item], wants_stop: Callable[[], bool]
    ) -> tuple[str | None, float | None]:
        """Asks what the final answer would be, were the thought to end like this.

        Args:
            items: What stands of the reply, its thought closed.
            wants_stop: Says whether nobody waits for it any more.

        Returns:
            The answer, and how sure the model is of it; None where that is not known.
        """
        found = self._found
        body = {
            **found.dialect.plain,
            **found.dialect.completion,
            "model": found.model,
            "prompt": self._prompt([*items, PROBE]),
            "max_tokens": MOST,
            "temperature": 0,
            "stop": ["\n"],
            **({"logprobs": 1} if self.tells_confidence else {}),
        }
        body = self._fields.fit(body)
        answer = self._link.post(self._completions, body, _PEEK_S, wants_stop)
        choices = answer.get("choices") if isinstance(answer, dict) else None
        first = choices[0] if isinstance(choices, list) and choices else None
        text = first.get("text") if isinstance(first, dict) else None
        final = last_box("\\boxed{" + text) if isinstance(text, str) else None
        if not isinstance(first, dict) or final is None:
            return final, None
        return final, certainty([logprob for _, logprob in _to_the_brace(scores_of(first))])

    def tokens_of_prompt(self) -> int:
        """The tokens of the prompt without the reply; 0 where they cannot be counted."""
        if self.framed is None:
            return 0
        count = None
        with contextlib.suppress(NetworkError):
            prompt, found = self._prompt(()), self._found
            if not isinstance(prompt, str):
                return len(prompt)
            count = found.markers.count(prompt)
        return 0 if count is None else count + found.adds_bos

    def tokens_of(self, words: str) -> int:
        """The number of tokens in r1chat's words; an estimate where they were not counted."""
        return self._found.markers.counted(words) or len(words.split())

    def share(self, before: str, behind: str, tokens: int) -> int:
        """How many of some tokens belong to the first of two texts, as far as one can know."""
        if not before or not behind:
            return tokens if before else 0
        ones, others = size(before), size(behind)
        if ones + others != tokens:
            # There is a word of several tokens in it.
            with contextlib.suppress(NetworkError):
                ones = self._found.markers.count(before) or round(tokens * ones / (ones + others))
        return min(tokens, ones)

    def _sampling(self) -> dict[str, Any]:
        sampling, dialect = self._request.sampling, self._found.dialect
        known = ("temperature", "top_p", *dialect.sampling)
        values = {name: getattr(sampling, name) for name in known}
        if not sampling.top_k and "top_k" in values:
            values["top_k"] = dialect.no_top_k
        return {**values, "seed": self._seed}

    def _arm(self, body: dict[str, Any], thought_left: int | None, *, inside: bool) -> None:
        """Tells a server of llama.cpp when and how to end the thought."""
        body |= {
            "reasoning_budget_tokens": -1 if thought_left is None else thought_left,
            "reasoning_budget_start_tag": self.format.opens[0],
            "reasoning_budget_end_tags": [self.format.closes[0]],
            "reasoning_budget_message": FORCED,
            # What the prompt ends with: inside a thought the server counts from here on.
            "generation_prompt": self.format.opens[0] if inside else "",
            "reasoning_control": True,
            "preserved_tokens": [*self._tags(), *self._hidden()],
        }

    def _tags(self) -> tuple[str, ...]:
        """The tokens that the markers of thoughts are made of, which a server would not show."""
        pieces = (piece for marker in self.format.markers for piece in pieces_of(marker))
        return tuple(dict.fromkeys(pieces))

    def _hidden(self) -> tuple[str, ...]:
        """The markers between turns that are tokens of the model, which a server does not show."""
        assert self._items is not None  # noqa: S101  (the callers have looked)
        has = self._found.markers.has
        own = {self._found.bos, self._found.eos, *self.format.pieces}
        return tuple(name for name in between(self._items) if name not in own and has(name))

    def _limit_chat(self, body: dict[str, Any], thought_left: int | None) -> None:
        off = not self._think and bool(self._found.dialect.chat_off)
        if self._request.max_answer is not None and off:
            # Where there may be a thought, a limit for all would cut it.
            body["max_tokens"] = self._request.max_answer
            self.limits_answer = True
        if thought_left is not None and self._found.dialect.chat_budget:
            body[self._found.dialect.chat_budget] = thought_left

    def _most(self) -> int:
        return self._found.context or _LONGEST_REPLY

    def _fit(self, body: dict[str, Any]) -> None:
        """Asks for no more than there is room for: some servers refuse that."""
        context, prompt = self._found.context, body["prompt"]
        name = next((name for name in LIMITS if name in body), "")
        limit = body[name] if name else None
        if not context or limit is None:
            return
        spare = self._found.dialect.spare
        left = context - self._length(prompt, context - limit - spare) - spare
        body[name] = max(1, min(limit, left))
        self.limits_answer = self.limits_answer and limit <= left

    def _length(self, prompt: str | list[int], harmless: int) -> int:
        """Tokens of a prompt; more than it has where so many do no harm."""
        if isinstance(prompt, list):
            return len(prompt)
        most = len(prompt.encode("utf-8", "replace"))
        if most <= harmless:
            return most
        tokenizer = self._found.tokenizer
        # How long a text is nobody knows who has not tokenised it.
        return self._found.context // 2 if tokenizer is None else len(tokenizer.tokenize(prompt))

    def _prompt(self, items: Sequence[Item]) -> str | list[int]:
        """The prompt: a text, or where a text cannot say it, tokens."""
        found, framed = self._found, self.framed
        assert framed is not None  # noqa: S101  (the callers have looked)
        parts = found.markers.parts([*framed.items, *items])
        bos = found.bos or BOS
        wanted = found.adds_bos or framed.kind.framing == "r1"
        while parts[0].startswith(bos):
            parts[0] = parts[0].removeprefix(bos)
            wanted = True
        as_text = found.dialect.takes_texts and len(parts) == 1
        tokenizer = found.tokenizer if found.dialect.takes_tokens and not as_text else None
        if wanted and found.markers.has(bos) and (tokenizer is not None or not found.adds_bos):
            parts[0] = bos + parts[0]
        return " ".join(parts) if tokenizer is None else tokenizer.parts(parts)


def _to_the_brace(scores: Iterable[Scored]) -> Iterator[Scored]:
    """The tokens of what stands in an opened box, the brace that closes it included."""
    depth = 1
    for text, logprob in scores:
        yield text, logprob
        depth += text.count("{") - text.count("}")
        if depth <= 0:
            return


def framing(
    found: Found,
    messages: tuple[Message, ...],
    *,
    raw: bool = False,
    wanted: Wanted = USUAL,
) -> Framed | None:
    """A conversation in its framing; None where only the server knows it.

    Raises:
        PromptError: If it cannot be put to a model.
    """
    plain = [Message(each.role, each.text, thought=each.thought) for each in messages]
    template = found.template or ""
    # Tokens of which formats of thoughts are made that few models have.
    rare = {piece for each in found.formats for piece in each.pieces} - THINK.pieces

    def has(name: str) -> bool:
        # A server is asked for each: only for what its template speaks of, if it shows one.
        asks = name not in rare or name in template or found.served is not None
        return asks and found.markers.has(name)

    framed = frame(
        has,
        plain,
        template=found.template,
        think=wanted.think,
        first=wanted.first,
        brief=wanted.brief,
        effort=wanted.effort,
        opens=wanted.opens,
        raw=raw,
        bos=found.bos,
        eos=found.eos,
        formats=found.formats,
        render=None if found.served is None else found.served.render,
    )
    known = raw or found.plain or framed.kind.framing != "plain"
    return framed if known else None
