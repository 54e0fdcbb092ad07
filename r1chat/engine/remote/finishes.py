"""Translates the finish reasons of servers."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

End: TypeAlias = Literal["whole", "length", "context", "withheld", "tools", "failed", "unknown"]
"""What a server's word means. whole: the model ended its reply. length: its limit in tokens.
context: no room left. withheld: a filter keeps the rest back. tools: the model wants to call a
tool. failed: the server broke off. unknown: nobody here knows the word."""

_WORDS: tuple[tuple[End, str], ...] = (
    # DeepSeek's, OpenRouter's, Zhipu's and vLLM's.
    ("failed", r"error|abort|cancel|fail|insufficient|overloaded|unavailable|interrupt"),
    ("failed", r"timeout|timelimit|deadline|ratelimit|quota"),
    (
        "withheld",
        r"filter|safety|moderat|sensitiv|prohibited|blocklist|recitation|refus|spii|guard",
    ),
    ("withheld", r"policy|violat|flagged|blocked|censor|harm"),
    ("tools", r"tool|function"),
    # Mistral's, Anthropic's.
    ("context", r"context|modellength"),
    ("length", r"length|maxtokens|maxoutputtokens|tokenlimit|limit|truncat|incomplete"),
    # Of TGI, Cohere, Gemini, Anthropic and Ollama.
    ("whole", r"stop|eos|end|complete|done|finish|natural|normal|success|eot|stopsequence"),
)
_RULES = tuple((end, re.compile(words)) for end, words in _WORDS)


def end_of(word: str) -> End:
    """What a server's word for why a reply ended means; an empty one is as good as "stop"."""
    plain = re.sub(r"[^a-z]", "", word.lower())
    if not word:
        return "whole"
    return next((end for end, rule in _RULES if rule.search(plain)), "unknown")
