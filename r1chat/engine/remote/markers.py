"""Keeps text of users, files and models from becoming control tokens on a server.

Where a text spells a marker it is cut in two, as in `r1chat.prompt.tokens`. A server that takes
tokens gets the halves tokenised apart: the model reads the same text, and no marker. To any other
server the halves go with a space between them ("< think>"), which is no marker either.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from r1chat.engine.remote.dialects import Dialect
from r1chat.engine.remote.link import Link
from r1chat.engine.remote.sse import Garbage
from r1chat.prompt import Item, cut_markers

_ASK_S = 30.0
_LONGEST_REMEMBERED = 100
_MOST_ASKED = 32
"""Names that a server is asked about for one text; what goes beyond is cut in any case."""
_SURE = re.compile(
    r"<[|｜][^<>\n]{1,80}[|｜]>|</?(think|tool_call|tool_response)>|<(start|end)_of_turn>"
    r"|\[/?(INST|THINK|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_RESULTS)\]|\[TOOL_CALLS\]",
    re.IGNORECASE,
)
"""Markers of well-known families: cut without asking."""
_LIKELY = re.compile("</?s>|<(unk|pad|bos|eos)>", re.IGNORECASE)
"""Markers of some models, and in HTML something else: cut where the server does not say."""


class Tokenizer:
    """Tokenises through the server.

    Args:
        link: To the server.
        dialect: How it is spoken to.
        model: Whose tokens.
    """

    def __init__(self, link: Link, dialect: Dialect, model: str) -> None:
        self._link = link
        self._dialect = dialect
        self._model = model
        self._remembered = lru_cache(maxsize=512)(self._tokenize)

    def tokenize(self, text: str) -> list[int]:
        """Tokens of a text; none where the server does not tokenise.

        Raises:
            NetworkError: If it does not do it now.
        """
        # Names and our own words come again; a prompt would only be kept.
        short = len(text) <= _LONGEST_REMEMBERED
        return self._remembered(text) if short else self._tokenize(text)

    def room(self) -> int:
        """Tokens of context, where the server says them with the tokens of a text; else 0."""
        answer = self._answer("") if self._dialect.spells else None
        found = answer.get("max_model_len") if isinstance(answer, dict) else None
        return found if type(found) is int and found > 0 else 0

    def names_among(self, texts: Sequence[str]) -> dict[str, bool]:
        """Which of some texts are one token each; nothing where the server says nothing of it.

        Raises:
            NetworkError: If it does not do it now.
        """
        if not self._dialect.spells:
            return {}
        answer = self._answer("\n".join(texts), return_token_strs=True)
        found = answer.get("token_strs") if isinstance(answer, dict) else None
        return {text: text in found for text in texts} if isinstance(found, list) else {}

    def adds_bos(self) -> bool:
        """Whether the server begins a text with a token of its own; for those that say so."""
        return bool(self._ask("", add_special=True))

    def parts(self, parts: list[str]) -> list[int]:
        """Tokenises texts each by itself.

        Raises:
            NetworkError: If the server does not.
        """
        if self._dialect.tokenizes_parts:
            return self._ask(parts)
        return [token for part in parts for token in self.tokenize(part)]

    def _tokenize(self, text: str) -> list[int]:
        return self._ask(text) if self._dialect.tokenize else []

    def _answer(self, text: str | list[str], **more: Any) -> Any:  # noqa: ANN401  (JSON)
        dialect = self._dialect
        body = {
            "model": self._model,
            dialect.text_field: text,
            **dialect.tokenize_extra,
            **more,
        }
        return self._link.post(self._link.server.root + dialect.tokenize, body, _ASK_S)

    def _ask(self, text: str | list[str], **more: Any) -> list[int]:  # noqa: ANN401  (JSON)
        answer = self._answer(text, **more)
        tokens = answer.get("tokens") if isinstance(answer, dict) else None
        if isinstance(tokens, list) and all(type(token) is int for token in tokens):
            return tokens
        msg = f"{self._link.server.host} does not tokenise as {self._dialect.name} does"
        raise Garbage(msg)


class Markers:
    """Knows which names are markers on a server.

    Args:
        tokenize: Has the server tokenise; None where it does not.
    """

    def __init__(self, tokenize: Callable[[str], list[int]] | None = None) -> None:
        self._tokenize = tokenize
        self._known: dict[str, bool] = {}
        self._counts: dict[str, int] = {}
        self.base = len(tokenize("")) if tokenize is not None else 0
        """Tokens of an empty text: a server may begin each text with one."""

    def count(self, text: str) -> int | None:
        """Tokens of a text, if the server says."""
        return None if self._tokenize is None else len(self._tokenize(text)) - self.base

    def counted(self, text: str) -> int | None:
        """Tokens of a text, if it was counted before."""
        return self._counts.get(text)

    def learn(self, texts: Iterable[str]) -> None:
        """Counts texts that will be needed.

        Raises:
            NetworkError: If the server does not say.
        """
        for text in texts:
            count = self.count(text)
            if count is not None:
                self._counts[text] = count

    def has(self, name: str) -> bool:
        """Whether a name is one token.

        Raises:
            NetworkError: If the server does not say.
        """
        if name not in self._known:
            tokenize = self._tokenize
            self._known[name] = tokenize is not None and len(tokenize(name)) - self.base == 1
        return self._known[name]

    def know(self, names: Mapping[str, bool]) -> None:
        """Takes note of which names are one token each."""
        self._known.update(names)

    def cut(self, text: str) -> list[str]:
        """Cuts a text inside each marker that it spells."""
        text = text.encode("utf-8", "replace").decode()
        asked = 0

        def is_marker(name: str) -> bool:
            nonlocal asked
            if _SURE.fullmatch(name):
                return True
            asked += name not in self._known
            if self._tokenize is None:
                return _LIKELY.fullmatch(name) is not None
            return asked > _MOST_ASKED or self.has(name)

        return cut_markers(text, is_marker)

    def harmless(self, text: str) -> str:
        """A text that spells no marker any more."""
        return " ".join(self.cut(text))

    def parts(self, items: Iterable[Item]) -> list[str]:
        """Framing and contents as texts that are to be tokenised apart; mostly it is one."""
        parts = [""]
        for item in items:
            if isinstance(item, str):
                parts[-1] += item
                continue
            first, *others = self.cut(item.text)
            parts[-1] += first
            parts += others
        return parts
