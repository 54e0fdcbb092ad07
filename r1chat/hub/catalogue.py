"""The models with short names, from `catalogue.json`: R1's distills, and others that think.

What it says of a model was read on its card or in what its maker published; a score names its
source and date. The sizes sort and estimate: the same quant differs by some bytes between
publishers, so what is fetched is measured by what the Hub says.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from r1chat.errors import ModelError
from r1chat.hub.names import good_quant, good_repo, same_repo

if TYPE_CHECKING:
    from typing_extensions import Self

FILE = Path(__file__).with_name("catalogue.json")


def _repo(text: str) -> str:
    if not good_repo(text):
        msg = f"{text!r} is no repository's name"
        raise ValueError(msg)
    return text


def _quant(text: str) -> str:
    if not good_quant(text):
        msg = f"{text!r} is no quant's name"
        raise ValueError(msg)
    return text


FAMILY = "r1"
"""Of the models that this program is for: they come first, and one of them is recommended."""

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9.-]*:[a-z0-9.]+(-[a-z0-9.]+)*$")]
Day = Annotated[str, Field(pattern=r"^20\d\d-\d\d-\d\d$")]
Text = Annotated[str, Field(min_length=1, max_length=100)]
Repo = Annotated[str, AfterValidator(_repo)]
Quant = Annotated[str, AfterValidator(_quant)]
Count = Annotated[int, Field(gt=0)]
Percent = Annotated[float, Field(ge=0, le=100)]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Shape(_Record):
    """What a model is made of, as far as its need of memory follows from it."""

    layers: Count
    hidden: Count
    """Width of a layer."""
    heads: Count
    kv_heads: Count
    head_dim: Count
    vocabulary: Count
    """Tokens, those that only fill up the matrix included."""
    cache: Count | None = None
    """Bytes of an F16 cache that a token takes; None where all layers are alike."""
    state: Annotated[int, Field(ge=0)] = 0
    """Bytes that the recurrent layers keep of a sequence."""


class Scores(_Record):
    """Its maker's own figures, in percent; None where it gives none, or nobody here has read it."""

    aime_pass1: Percent | None
    """AIME 2024, one sample a question."""
    aime_cons64: Percent | None
    """AIME 2024, the most frequent answer of 64."""
    math500: Percent | None
    """MATH-500, one sample a question."""
    aime25_pass1: Percent | None
    """AIME 2025, one sample a question."""
    source: Text | None
    """Where they were read."""
    date: Day | None
    """When they were published."""

    @model_validator(mode="after")
    def _have_a_source(self) -> Self:
        given = (self.aime_pass1, self.aime_cons64, self.math500, self.aime25_pass1)
        if any(score is not None for score in given) != bool(self.source and self.date):
            msg = "scores need a source and its date, and only scores do"
            raise ValueError(msg)
        return self


class Advice(_Record):
    """How its maker advises to choose tokens; None where nobody here has read such advice."""

    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=0)] | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None


class Entry(_Record):
    """A model that thinks, and can be had as GGUF."""

    name: Name
    """E.g. "r1:7b"."""
    title: Text
    repos: Annotated[tuple[Repo, ...], Field(min_length=1)]
    """Where it is published as GGUF; the first that has it is taken."""
    parameters: Count
    active: Count | None = None
    """Those that a token passes through, in a mixture of experts; None for all."""
    base: Text
    """The model that it was made from, or the repository of its maker."""
    licences: Annotated[tuple[Text, ...], Field(min_length=1)]
    """For the weights; of an R1 distill then that of the base."""
    context: Count
    """Tokens of context it was made for."""
    format: Text
    """The name of the format that it thinks in, as in `r1chat.reasoning.formats`."""
    shape: Shape
    sizes: Annotated[Mapping[Quant, Count], Field(min_length=1), AfterValidator(MappingProxyType)]
    """Bytes by quant, about."""
    scores: Scores
    sampling: Advice = Advice()

    @property
    def family(self) -> str:
        """E.g. "r1"."""
        return self.name.partition(":")[0]


class Catalogue(_Record):
    """The file as a whole."""

    version: Literal[2] = Field(alias="schema")
    formats_run: tuple[Text, ...]
    """The formats in which a real model's own vocabulary and template were run with r1chat."""
    entries: Annotated[tuple[Entry, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [entry.name for entry in self.entries]
        if len(set(names)) < len(names):
            msg = "two models have the same name"
            raise ValueError(msg)
        return self


def read(path: Path = FILE) -> Catalogue:
    """Reads a catalogue.

    Raises:
        ModelError: If it cannot be read, or says what no catalogue can say.
    """
    try:
        return Catalogue.model_validate_json(path.read_bytes())
    except OSError as error:
        msg = f"the catalogue of models cannot be read: {error.strerror}. Install r1chat again"
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        msg = f"the catalogue of models is damaged ({where}: {first['msg']}). Install r1chat again"
    raise ModelError(msg)


@functools.cache
def _own() -> Catalogue:
    return read()


def entries() -> tuple[Entry, ...]:
    """All of them: R1's distills by size, then the others by family.

    Raises:
        ModelError: If the catalogue is damaged.
    """
    return _own().entries


def was_run(entry: Entry) -> bool:
    """Whether a model that thinks in the same format was ever run with r1chat."""
    return entry.format in _own().formats_run


def get(name: str) -> Entry | None:
    """The model of a name such as "r1:7b", whatever the case."""
    name = name.lower()
    return next((entry for entry in entries() if entry.name == name), None)


def published_by(repo: str) -> Entry | None:
    """The model that a repository publishes, whatever the case of its name."""
    return next(
        (each for each in entries() if any(same_repo(repo, own) for own in each.repos)), None
    )
