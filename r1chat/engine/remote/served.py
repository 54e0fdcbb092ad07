"""Reads the framing of conversations off a server that shows no chat template, but uses one.

The server writes down a conversation of slots, as the child process of `prompt.templates` does in
this process: `/tokenize` takes messages and gives the tokens of the prompt, `/detokenize` its text.
So no template has to be known, and none sees what anybody says.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

from r1chat.engine.remote.dialects import Dialect
from r1chat.engine.remote.link import Link
from r1chat.engine.remote.markers import Tokenizer
from r1chat.engine.remote.refusals import Refused
from r1chat.engine.remote.sse import Garbage
from r1chat.errors import ModelError
from r1chat.prompt.switches import (
    BUDGET,
    EFFORTS,
    LEVELS,
    NONE,
    SWITCHES,
    USUAL,
    WORD,
    Telling,
    Value,
)
from r1chat.prompt.templates import Rendering, TemplateError, rendered_by
from r1chat.reasoning.formats import THINK, known

_ASK_S = 30.0
_QUESTION = "2 + 2?"
_ENDS = ("low", "high")
"""Words for how hard to think."""
_HIGH = LEVELS.index("high") + 1
_NO_TEMPLATE = re.compile(r"provide a chat template|(no|without a) chat template", re.IGNORECASE)
_UNWRITTEN = "the server does not write it down"
_ANSWER = f"{THINK.opening}Hm.\n{THINK.closing}4"


class ServedTemplate:
    """A chat template that only the server has. Thread-safe.

    Args:
        link: To the server.
        dialect: How it is spoken to.
        model: Whose template.
        tokenizer: The server's.
    """

    def __init__(self, link: Link, dialect: Dialect, model: str, tokenizer: Tokenizer) -> None:
        self._link = link
        self._dialect = dialect
        self._model = model
        self._tokenizer = tokenizer
        self.render = lru_cache(maxsize=256)(self._render)
        """Renders it for a conversation; as `prompt.templates.Render`. May raise NetworkError."""
        self.missing = False
        """Whether the server has none either."""

    def _render(self, roles: tuple[str, ...], told: Telling, thoughts: frozenset[int]) -> Rendering:
        return rendered_by(self._write, roles, told, thoughts)

    def outline(self) -> str:
        """What can be found out of it, in the form of a template; empty where it is of no use.

        It has the markers that come up in prompts, and the variables that change them.

        Raises:
            NetworkError: If the server does not say.
        """
        # On the way to a server far off they take as long as one.
        with ThreadPoolExecutor(3, "r1chat-probe") as pool:
            keeps, word = pool.submit(self._keeps_thoughts), pool.submit(list, self._word())
            found = pool.submit(self._variables).result()
        if found and not keeps.result():
            found.append(f"{{# {' '.join(THINK.markers)} #}}")
        return "\n".join([*found, *word.result()]) if found else ""

    def _variables(self) -> list[str]:
        """What it writes, and the variables that change that; nothing where it is of no use."""
        switched = [{name: values[at] for name, values in SWITCHES.items()} for at in (0, 1)]
        plain, on, off, low, high, limited = self._prompts(
            {}, *switched, *(dict.fromkeys(EFFORTS, word) for word in _ENDS), {BUDGET: 0}
        )
        if not plain or self._tokenizer.tokenize(self._text(plain)) != plain:
            # What reads alike would be another prompt.
            return []
        different = {tuple(each) for each in (plain, on, off, low, high, limited) if each}
        parts = [self._text(list(each)).replace("{", "(") for each in different]
        if on and off and on != off:
            parts.append("{% if " + " or ".join(SWITCHES) + " %}{% endif %}")
        if low != high or (high and high != plain):
            parts += self._efforts(plain)
        if limited and limited != plain:
            parts.append(f"{{{{ {BUDGET} }}}}")
        return parts

    def _prompts(self, *told: Mapping[str, Value]) -> list[list[int] | None]:
        """The prompts for one conversation, told one thing or another; None where it fails."""

        def prompt(values: Mapping[str, Value]) -> list[int] | None:
            with contextlib.suppress(TemplateError):
                return self._tokens(_conversation(), values)
            return None

        with ThreadPoolExecutor(len(told), "r1chat-probe") as pool:
            return list(pool.map(prompt, told))

    def _keeps_thoughts(self) -> bool:
        """Whether an answer that holds a thought is written down with it, as any text is."""
        with contextlib.suppress(TemplateError):
            return THINK.closes[0] in self._write(_conversation(answer=_ANSWER), {})
        return True

    def _efforts(self, plain: list[int]) -> Iterator[str]:
        """The variable that takes a word for how hard to think, and the words that it takes.

        Args:
            plain: The prompt where nothing is said.
        """
        for name in EFFORTS:
            low, high = self._prompts(*({name: word} for word in _ENDS))
            if low == high == plain:
                continue
            words = (*LEVELS[:_HIGH], *NONE)
            prompts = self._prompts(*({name: word} for word in words))
            # Where each is another prompt, it writes down whatever it is told.
            is_free = all(prompts) and len(set(map(str, prompts))) == len(words)
            taken = [
                word
                for word, prompt in zip(words, prompts, strict=True)
                if (word in USUAL if is_free else prompt)
                and (word not in NONE or self._closes(prompt or []))
            ]
            yield f"{{% if {name} in {taken} %}}{{% endif %}}"
            return

    def _closes(self, prompt: list[int]) -> bool:
        """Whether a prompt ends behind a thought."""
        ending = self._text(prompt).rpartition(_QUESTION)[2]
        return any(each.closed_by(ending) for each in known())

    def _word(self) -> Iterator[str]:
        """The word in what is said that changes how the prompt goes on, and how it does."""
        with contextlib.suppress(TemplateError):
            with_word, other = (
                self._write(_conversation(behind=f" {word}", system=True), {}).replace(word, "")
                for word in (WORD, "/no_other")
            )
            if with_word != other:
                yield with_word.replace("{", "(")
                yield "{% if '" + WORD + "' in text %}{% endif %}"

    def _write(self, messages: list[dict[str, Any]], values: Mapping[str, Any]) -> str:
        return self._text(self._tokens(messages, values))

    def _tokens(self, messages: list[dict[str, Any]], values: Mapping[str, Any]) -> list[int]:
        """The tokens of the prompt for a conversation.

        Raises:
            TemplateError: If the server does not want to write it.
            NetworkError: If it cannot now.
        """
        body = {
            "messages": messages,
            "add_generation_prompt": True,
            "add_special_tokens": False,
            **({"chat_template_kwargs": dict(values)} if values else {}),
        }
        tokens = self._asked(self._dialect.tokenize, body, "tokens")
        if isinstance(tokens, list) and all(type(token) is int for token in tokens):
            return tokens
        raise TemplateError(_UNWRITTEN)

    def _text(self, tokens: list[int]) -> str:
        text = self._asked(self._dialect.detokenize, {"tokens": tokens}, self._dialect.text_field)
        if isinstance(text, str):
            return text
        raise TemplateError(_UNWRITTEN)

    def _asked(self, path: str, body: dict[str, Any], field: str) -> object:
        try:
            url = self._link.server.root + path
            answer = self._link.post(url, {"model": self._model, **body}, _ASK_S)
        except (Refused, Garbage, ModelError) as error:
            said = error.said if isinstance(error, Refused) else ""
            self.missing = self.missing or _NO_TEMPLATE.search(said) is not None
            msg = f"the server refuses it: {said or error}"
            raise TemplateError(msg) from None
        return answer.get(field) if isinstance(answer, dict) else None


def _conversation(
    *, answer: str = "4", behind: str = "", system: bool = False
) -> list[dict[str, Any]]:
    """A conversation; what stands behind its texts is the same in each."""
    turns = [("user", _QUESTION), ("assistant", answer), ("user", _QUESTION + behind)]
    if system:
        turns.insert(0, ("system", f"Be brief.{behind}"))
    return [{"role": role, "content": text} for role, text in turns]
