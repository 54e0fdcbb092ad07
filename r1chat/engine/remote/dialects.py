"""The table of what each make of server supports beyond the common protocol.

Read in the servers' own sources and documentation in November 2026; docs/architecture.md says which
of them r1chat was tried on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from r1chat.prompt.switches import EFFORTS, SWITCHES

_MORE_SAMPLING = ("top_k", "min_p")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a make of server is spoken to."""

    name: str
    """As its makers write it."""
    owner: str = ""
    """What it says in its list of models about who owns them."""
    proof: str = ""
    """An address of its own, behind the root, that no other make has."""
    proves: str = ""
    """What stands in the answer there."""
    tokenize: str = ""
    """Where it tokenises, behind the root."""
    text_field: str = "prompt"
    """What the text is called there."""
    tokenize_extra: dict[str, Any] = field(default_factory=dict)
    detokenize: str = ""
    """Where it makes a text of tokens again, which answers in `text_field`; it tokenises messages
    too, then."""
    spells: bool = False
    """Whether it says the text of each token, if it is asked to."""
    about: str = ""
    """Where it shows its model's template and the ends of its texts, if it was told to."""
    takes_tokens: bool = False
    """Whether a prompt may be an array of tokens."""
    takes_texts: bool = True
    """Whether a prompt may be a text, of which it is known what the server puts in front."""
    completion: dict[str, Any] = field(default_factory=dict)
    """What goes into every request for a completion."""
    no_top_k: int = 0
    """What turns top_k off."""
    tokenizes_parts: bool = False
    """Whether it tokenises an array of texts, each by itself."""
    extra: dict[str, Any] = field(default_factory=dict)
    """What goes into every stream's request, so that it counts tokens as they come."""
    plain: dict[str, Any] = field(default_factory=dict)
    """What goes into every request, so that tokens are sampled as asked and not otherwise."""
    shown: dict[str, Any] = field(default_factory=dict)
    """What goes into the request for a reply, so that the tags of its thought come in the text also
    where they are special tokens."""
    counts: bool = False
    """Whether the stream says how many tokens the prompt has."""
    sampling: tuple[str, ...] = ()
    """What it knows of sampling beside temperature, top_p and seed."""
    forces: bool = False
    """Whether it ends thoughts itself, at a budget and on demand, with words of ours."""
    chat_budget: str = ""
    """The field of a chat that limits the thought, hard and without words."""
    chat_on: dict[str, Any] = field(default_factory=dict)
    """What a chat with thoughts is asked for with."""
    chat_off: dict[str, Any] = field(default_factory=dict)
    """What a chat without thoughts is asked for with."""
    chat_effort: str = ""
    """The field of a chat that takes a word for how hard to think."""
    schema: Literal["", "gbnf", "json_schema"] = ""
    """How a completion is told of a JSON schema for the answer: in a field, or as a grammar."""
    grammar: tuple[str, ...] = ()
    """The fields of a completion that take a grammar, by its versions; others are ignored."""
    chat_shapes: bool = False
    """Whether in chats, too, a shape holds for the answer and not for the thought."""
    stop_tokens: str = ""
    """The field of a completion that names further tokens with which a reply ends."""
    parallel: int = 4
    """How many requests it answers side by side, as far as one can know."""
    several: bool = False
    """Whether one request may ask for several replies (`n`)."""
    logprobs: bool = False
    """Whether a completion says how sure the model was of its tokens."""
    open_end: bool = True
    """Whether "no limit" may be said as null."""
    spare: int = 16
    """Tokens of context that it may keep for itself."""
    interrupts: bool = False
    """Whether a further request breaks off the reply that is being written, without a word."""


LLAMA_SERVER = Dialect(
    "llama-server",
    owner="llamacpp",
    proof="/props",
    proves="default_generation_settings",
    tokenize="/tokenize",
    text_field="content",
    tokenize_extra={"add_special": False, "parse_special": True},
    takes_tokens=True,
    tokenizes_parts=True,
    extra={"timings_per_token": True, "return_progress": True, "cache_prompt": True},
    plain={"repeat_penalty": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0},
    counts=True,
    sampling=_MORE_SAMPLING,
    schema="gbnf",
    grammar=("grammar",),
    forces=True,
    several=True,
    logprobs=True,
)
LLAMA_CPP_PYTHON = Dialect(
    "llama-cpp-python",
    owner="me",
    tokenize="/extras/tokenize",
    text_field="input",
    # It would be 1.1, which does harm where numbers repeat.
    plain={"repeat_penalty": 1.0},
    sampling=_MORE_SAMPLING,
    schema="gbnf",
    grammar=("grammar",),
    interrupts=True,
    parallel=1,
)
_TEMPLATE_ON, _TEMPLATE_OFF = (
    {"chat_template_kwargs": {name: values[at] for name, values in SWITCHES.items()}}
    for at in (0, 1)
)
_EFFORT = EFFORTS[0]
_USAGE = {"stream_options": {"include_usage": True, "continuous_usage_stats": True}}
VLLM = Dialect(
    "vLLM",
    owner="vllm",
    proof="/version",
    proves="version",
    tokenize="/tokenize",
    tokenize_extra={"add_special_tokens": False},
    detokenize="/detokenize",
    spells=True,
    about="/tokenizer_info",
    takes_tokens=True,
    extra=_USAGE,
    counts=True,
    completion={"add_special_tokens": False},
    plain={"repetition_penalty": 1.0},
    shown={"skip_special_tokens": False, "spaces_between_special_tokens": False},
    sampling=_MORE_SAMPLING,
    no_top_k=-1,
    # Told of a schema it lets any amount of white space in, which small models write without end.
    schema="gbnf",
    grammar=("structured_outputs", "guided_grammar"),
    chat_shapes=True,
    chat_budget="thinking_token_budget",
    stop_tokens="stop_token_ids",
    # It takes null for its default, which is 16.
    open_end=False,
    spare=0,
    chat_on=_TEMPLATE_ON,
    chat_off=_TEMPLATE_OFF,
    chat_effort=_EFFORT,
    parallel=8,
    several=True,
    logprobs=True,
)
SGLANG = Dialect(
    "SGLang",
    owner="sglang",
    proof="/get_model_info",
    proves="model_path",
    tokenize="/tokenize",
    tokenize_extra={"add_special_tokens": False},
    takes_tokens=True,
    extra=_USAGE,
    counts=True,
    takes_texts=False,
    plain={"repetition_penalty": 1.0},
    shown={"skip_special_tokens": False},
    sampling=_MORE_SAMPLING,
    no_top_k=-1,
    schema="json_schema",
    grammar=("ebnf",),
    chat_on=_TEMPLATE_ON,
    chat_off=_TEMPLATE_OFF,
    chat_effort=_EFFORT,
    parallel=8,
    several=True,
    logprobs=True,
    open_end=False,
    stop_tokens="stop_token_ids",
)
OLLAMA = Dialect(
    "Ollama",
    owner="library",
    proof="/api/version",
    proves="version",
    extra={"stream_options": {"include_usage": True}},
    chat_off={_EFFORT: "none"},
    chat_effort=_EFFORT,
)
UNKNOWN = Dialect("unknown", chat_effort=_EFFORT)
KNOWN = (LLAMA_SERVER, LLAMA_CPP_PYTHON, VLLM, SGLANG, OLLAMA)
