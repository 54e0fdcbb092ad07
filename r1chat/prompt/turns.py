"""Knows with what a turn of a conversation begins and ends, so that no model goes on as its user.

llama.cpp knows the tokens that end a reply, as far as a file or their names tell. A model whose
file does not say so, or that leaves out its end and begins the user's next turn, is ended by the
markers that stand between turns: those of its own framing, and those known of other families.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from weakref import WeakKeyDictionary

from r1chat.prompt.kinds import Has
from r1chat.prompt.parts import Item, Vocabulary
from r1chat.prompt.tokens import markers

KNOWN = (
    "<|im_start|>",
    "<|im_end|>",
    "<|im_sep|>",
    "<｜User｜>",
    "<｜Assistant｜>",
    "<｜end▁of▁sentence｜>",
    "<|User|>",
    "<|Assistant|>",
    "<|user|>",
    "<|assistant|>",
    "<|system|>",
    "<|observation|>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<|turn>",
    "<turn|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<|header_start|>",
    "<|header_end|>",
    "<|eot|>",
    "<|START_OF_TURN_TOKEN|>",
    "<|END_OF_TURN_TOKEN|>",
    "<|USER_TOKEN|>",
    "<|SYSTEM_TOKEN|>",
    "<|CHATBOT_TOKEN|>",
    "<|start_of_role|>",
    "<|end_of_role|>",
    "<|user_start|>",
    "<|user_end|>",
    "<|assistant_start|>",
    "<|assistant_end|>",
    "<role>",
    "<|role_start|>",
    "<|role_end|>",
    "<|prompter|>",
    "<|endofturn|>",
    "<|bom|>",
    "<reserved_106>",
    "<reserved_107>",
    "<_user>",
    "<_bot>",
    "<_end>",
    "[INST]",
    "[/INST]",
    "[SYSTEM_PROMPT]",
    "[|user|]",
    "[|assistant|]",
    "[|system|]",
    "[|endofturn|]",
)
"""Markers between turns, of the families in use."""

_WITHIN = frozenset({"<|start|>", "<|channel|>", "<|message|>", "<|end|>", "<|constrain|>"})
"""Markers with which one reply of gpt-oss goes from its thought to its answer."""
_ABOUT_THOUGHTS = re.compile(
    r"think|thought|reason|channel|response|inner|tool|answer", re.IGNORECASE
)
_SHAPED = re.compile(r"<[|｜][^<>\n]{1,40}>|<[^<>\n]{1,40}[|｜]>|\[/?INST\]|\[\|[a-z]{1,20}\|\]")
_ROLES = ("\nUser:", "\nUSER:", "\nHuman:", "\n### Instruction:", "\n### User:", "\n### Human:")
"""What begins a user's turn where turns are told apart by words alone."""
_ROLE = re.compile(r"(?:^|(?<=[\s>\]]))(?:#{1,6} ?)?[A-Z][\w ]{0,30}:(?=\s*$)")
"""What a framing says last before a question, where that is the name of who asks it."""
_known: WeakKeyDictionary[Vocabulary, frozenset[int]] = WeakKeyDictionary()


def tokens(vocabulary: Vocabulary, framing: Sequence[Item]) -> frozenset[int]:
    """The tokens with which a turn begins or ends, in a model's vocabulary.

    Args:
        vocabulary: The model's.
        framing: A conversation in its framing.
    """
    known = _known.get(vocabulary)
    if known is None:
        found = (vocabulary.token_of(name) for name in KNOWN)
        known = _known[vocabulary] = frozenset(token for token in found if token is not None)
    own = {
        token
        for token in markers(vocabulary, framing)
        if _is_between(vocabulary.piece(token).decode("utf-8", "replace").strip())
    }
    # What begins a text may begin a turn as well: ChatML's start is both in some vocabularies.
    return known | (own - {vocabulary.bos})


def _is_between(name: str) -> bool:
    if name in _WITHIN or _ABOUT_THOUGHTS.search(name):
        return False
    return name in KNOWN or _SHAPED.fullmatch(name) is not None


def between(framing: Sequence[Item]) -> tuple[str, ...]:
    """The markers with which a turn begins or ends in a framing.

    Args:
        framing: A conversation in its framing.
    """
    whole = _whole(framing)
    names = dict.fromkeys(match[0] for match in _SHAPED.finditer(whole))
    names |= dict.fromkeys(name for name in KNOWN if name in whole)
    return tuple(name for name in names if _is_between(name))


def texts(has: Has, framing: Sequence[Item]) -> tuple[str, ...]:
    """The texts with which a turn begins or ends in a framing whose markers are no tokens.

    Args:
        has: Whether the model's vocabulary has a marker.
        framing: A conversation in its framing.
    """
    whole = _whole(framing)
    markers = between(framing)
    spelled = [name for name in markers if not has(name)]
    roles = [role for role in _ROLES if role in f"\n{whole}"]
    # Where there are markers, what stands behind them may be an instruction and no role.
    return tuple(dict.fromkeys((*spelled, *roles, *(() if markers else _role(framing)))))


def _role(framing: Sequence[Item]) -> tuple[str, ...]:
    """The texts with which a framing without any markers begins a user's turn."""
    contents = [at for at, item in enumerate(framing) if not isinstance(item, str)]
    if not contents:
        return ()
    start = contents[-2] + 1 if len(contents) > 1 else 0
    found = _ROLE.search(_whole(framing[start : contents[-1]]))
    if found is None:
        return ()
    role, following = found[0], _whole(framing[contents[-1] + 1 :])
    # The next turn follows this one as the answer follows the question.
    spaced = following.startswith(" ")
    is_marked = role.startswith("#") or " " in role or (spaced and role.isupper())
    if not is_marked or following[:1] in {"\n", ""}:
        return (f"\n{role}",)
    return (f"\n{role}", f" {role}" if spaced else role)


def _whole(framing: Sequence[Item]) -> str:
    return "".join(item if isinstance(item, str) else "\0" for item in framing)
