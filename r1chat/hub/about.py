"""Describes a model in detail: `r1chat models show`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from r1chat.errors import ModelError
from r1chat.formatting import counted, format_bytes, format_count
from r1chat.gguf import Array, Header, read_header
from r1chat.hub.advice import advice_for
from r1chat.hub.catalogue import published_by
from r1chat.hub.facts import MOST, facts_of, markers, shown
from r1chat.hub.local import LocalModel, model_of, refusal
from r1chat.hub.places import MAX_SHARDS, SOURCES
from r1chat.prompt import Kind, kind_of, tried
from r1chat.prompt.framing import CHATML_START
from r1chat.prompt.switches import hinted
from r1chat.reasoning.formats import known
from r1chat.sanitize import line

_LONGEST_PATH = 4096
_REMOTE = "on the Hub, not on this machine"


class Origin(Protocol):
    """Where a model comes from: a model on this machine, or one of a repository's variants."""

    @property
    def ref(self) -> str:
        """What names it."""

    @property
    def repo(self) -> str:
        """Owner and name; empty if unknown."""

    @property
    def commit(self) -> str:
        """The repository's commit; empty if unknown."""

    @property
    def size(self) -> int:
        """Bytes of all its files."""


@dataclass(frozen=True, slots=True)
class About:
    """A model, described. All texts are fit to be shown."""

    name: str
    ref: str
    arch: str
    quant: str
    size: int
    """Bytes of all its files."""
    files: int
    parameters: int | None
    context: int
    """Tokens it was made for; 0 if it does not say."""
    layers: int
    """0 if unknown."""
    kv_bytes: int
    """Bytes of an F16 cache that a token of context takes; 0 if unknown."""
    tokenizer: str
    vocabulary: int
    """Tokens; 0 if unknown."""
    template: str
    """How a conversation is framed, in words."""
    thinks: bool
    thoughts: str
    """How it sets its thoughts apart, and what tells so, in words; empty if it has none."""
    can_be_asked: bool
    """Whether it thinks first where it is asked to, though not by itself."""
    sampling: str
    """What its maker advises on sampling, and where, in words; empty if nobody knows."""
    licence: str
    """As the catalogue knows it, or else as the file or the Hub says it; empty if nobody does."""
    source: str
    """Where it lies, in words."""
    repo: str
    commit: str
    path: str
    """Empty if it is not on this machine."""
    problem: str
    """Why it cannot be used."""

    def lines(self) -> list[tuple[str, str]]:
        """Labels and values for people; what is unknown is left out."""
        files = f" in {counted(self.files, 'file')}" if self.files > 1 else ""
        words = f", {counted(self.vocabulary, 'token')}" if self.vocabulary else ""
        asked = "; --think on makes it think first" if self.can_be_asked else ""
        pairs = (
            ("model", self.name),
            ("reference", self.ref),
            ("problem", self.problem),
            ("architecture", self.arch),
            ("quant", self.quant),
            ("parameters", format_count(self.parameters) if self.parameters else ""),
            ("context", counted(self.context, "token") if self.context else ""),
            ("layers", str(self.layers or "")),
            ("KV cache", f"{format_bytes(self.kv_bytes)} a token" if self.kv_bytes else ""),
            ("tokenizer", self.tokenizer + words if self.tokenizer else ""),
            ("chat template", self.template),
            ("thinks", f"yes, {self.thoughts}" if self.thinks else f"no{asked}"),
            ("sampling", self.sampling),
            ("licence", self.licence),
            ("size", format_bytes(self.size) + files),
            ("source", self.source),
            ("repository", self.repo + (f" at {self.commit[:12]}" if self.commit else "")),
            ("path", self.path),
        )
        return [(label, value) for label, value in pairs if value]

    def as_json(self) -> dict[str, Any]:
        """All of it under the names of its attributes."""
        return asdict(self)


def about(model: Path | LocalModel) -> About:
    """Describes a model on this machine, which takes up to a tenth of a second.

    Raises:
        ModelError: If its file cannot be read. One line.
    """
    header = read_header(model if isinstance(model, Path) else model.path)
    if isinstance(model, Path):
        model = model_of(header)
    return replace(
        about_header(header, model),
        name=model.name,
        source=SOURCES[model.source],
        path=line(str(model.path), _LONGEST_PATH),
        problem=model.problem,
    )


def about_header(header: Header, origin: Origin | None = None, *, licence: str = "") -> About:
    """Describes a model by its header alone, e.g. one that is still on the Hub.

    Args:
        header: The header; the rest of the file may be out of reach.
        origin: Where it comes from.
        licence: As the Hub says it.
    """
    facts = facts_of(header)
    kind = _kind(header)
    repo = origin.repo if origin else ""
    shape = facts.shape
    return About(
        name=facts.name,
        ref=line(origin.ref, _LONGEST_PATH) if origin else "",
        arch=facts.arch,
        quant=facts.quant,
        size=origin.size if origin else facts.size,
        files=max(len(header.shards), min(header.split_count, MAX_SHARDS)),
        parameters=_parameters(header),
        context=facts.context,
        layers=shape.layers if shape else 0,
        kv_bytes=shape.cache_per_token if shape else 0,
        tokenizer=shown(header.tokenizer_model or "", 40),
        vocabulary=_vocabulary(header),
        template=_words(kind, header.chat_template or ""),
        thinks=kind.thinks,
        thoughts=_thoughts(kind),
        can_be_asked=not kind.native and kind.framing != "plain",
        sampling=str(advice_for(header)),
        licence=_licence(header, repo, licence),
        source=_REMOTE,
        repo=line(repo),
        commit=line(origin.commit) if origin else "",
        path="",
        problem=refusal(header),
    )


def _kind(header: Header) -> Kind:
    has, template = markers(header), hinted(header.chat_template, header.name)
    kind = kind_of(has, template, known())
    if kind.framing != "template":
        return kind
    # Only a template needs them, and to find them takes a walk through the vocabulary.
    bos = _token(header, "tokenizer.ggml.bos_token_id")
    eos = _token(header, "tokenizer.ggml.eos_token_id")
    return tried(has, template, bos=bos, eos=eos, formats=known())


def _token(header: Header, key: str) -> str:
    """The text of the token whose id is a metadata value."""
    tokens, number = header.metadata.get("tokenizer.ggml.tokens"), header.integer(key)
    if not isinstance(tokens, Array) or number is None or not 0 <= number < tokens.count:
        return ""
    try:
        return next(islice(tokens.strings(), number, None), "")
    except (ModelError, OSError):
        return ""


def _words(kind: Kind, template: str) -> str:
    own = "its own, ChatML" if CHATML_START in template else "its own"
    words = {
        "r1": "R1's, built in",
        "template": own,
        "chatml": "ChatML's, built in",
        "transcript": '"User:" and "Assistant:"',
        "plain": "none: it continues the text that it is given",
    }[kind.framing]
    return line(f"{words}; its own cannot be used: {kind.why}" if kind.why else words)


def _thoughts(kind: Kind) -> str:
    if not kind.thinks:
        return ""
    how = {"tokens": "tokens of its own", "template": "in letters, as its framing has them"}
    return line(f"{kind.format.shown} ({how[kind.found]})")


def _parameters(header: Header) -> int | None:
    if header.split_count > len(header.shards):
        return None  # the other files have more
    return header.parameters if 0 < header.parameters < MOST else None


def _vocabulary(header: Header) -> int:
    tokens = header.metadata.get("tokenizer.ggml.tokens")
    return tokens.count if isinstance(tokens, Array) else 0


def _licence(header: Header, repo: str, listed: str) -> str:
    if entry := published_by(repo):
        return line(", ".join(entry.licences))
    return shown(listed or header.license or "", 80)
