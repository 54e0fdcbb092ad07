"""The distills with short names, from `catalogue.json`.

The sizes there sort and estimate: the same quant differs by some bytes between publishers, so
what is fetched is measured by what the Hub says.
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


Name = Annotated[str, Field(pattern=r"^r1:[a-z0-9.]+(-[a-z0-9.]+)*$")]
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


class Scores(_Record):
    """DeepSeek's own figures, in percent; None where it gives none."""

    aime_pass1: Percent | None
    """AIME 2024, one sample a question."""
    aime_cons64: Percent | None
    """AIME 2024, the most frequent answer of 64."""
    math500: Percent | None
    """MATH-500, one sample a question."""


class Distill(_Record):
    """A model that was taught to think by R1's thoughts."""

    name: Name
    """E.g. "r1:7b"."""
    title: Text
    repos: Annotated[tuple[Repo, ...], Field(min_length=1)]
    """Where it is published as GGUF; the first that has it is taken."""
    parameters: Count
    base: Text
    """The model it was made from."""
    licences: Annotated[tuple[Text, ...], Field(min_length=1)]
    """DeepSeek's for the weights, then that of the base."""
    context: Count
    """Tokens of context it was made for."""
    shape: Shape
    sizes: Annotated[Mapping[Quant, Count], Field(min_length=1), AfterValidator(MappingProxyType)]
    """Bytes by quant, about."""
    scores: Scores


class Catalogue(_Record):
    """The file as a whole."""

    version: Literal[1] = Field(alias="schema")
    distills: Annotated[tuple[Distill, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [distill.name for distill in self.distills]
        if len(set(names)) < len(names):
            msg = "two distills have the same name"
            raise ValueError(msg)
        return self


def read(path: Path = FILE) -> tuple[Distill, ...]:
    """Reads a catalogue.

    Raises:
        ModelError: If it cannot be read, or says what no catalogue can say.
    """
    try:
        return Catalogue.model_validate_json(path.read_bytes()).distills
    except OSError as error:
        msg = f"the catalogue of models cannot be read: {error.strerror}. Install r1chat again"
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        msg = f"the catalogue of models is damaged ({where}: {first['msg']}). Install r1chat again"
    raise ModelError(msg)


@functools.cache
def distills() -> tuple[Distill, ...]:
    """All of them, in the catalogue's order: by size.

    Raises:
        ModelError: If the catalogue is damaged.
    """
    return read()


def get(name: str) -> Distill | None:
    """The distill of a name such as "r1:7b", whatever the case."""
    name = name.lower()
    return next((distill for distill in distills() if distill.name == name), None)


def published_by(repo: str) -> Distill | None:
    """The distill that a repository publishes, whatever the case of its name."""
    return next(
        (each for each in distills() if any(same_repo(repo, own) for own in each.repos)), None
    )
