"""Validates fields of imported files."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from r1chat.reasoning.budget import Budget
from r1chat.sanitize import line
from r1chat.tags import normal

LONGEST_TEXT = 64 * 1024 * 1024
"""Characters of one text."""
_MOST = 2**53
_SHORT = 1000


def text(value: object) -> str:
    """Takes any text, unless it is endless."""
    # Pydantic's own check refuses lone surrogates, which the history can hold.
    if not isinstance(value, str):
        message = "it is no text"
        raise ValueError(message)  # noqa: TRY004  (what pydantic reports)
    if len(value) > LONGEST_TEXT:
        message = "the text is too long"
        raise ValueError(message)
    return value


def _number(value: float) -> float:
    if not math.isfinite(value) or abs(value) > _MOST:
        message = "the number is out of bounds"
        raise ValueError(message)
    return value


def _budget(text: str) -> str:
    return str(Budget.parse(text))


Text = Annotated[Any, AfterValidator(text)]
BudgetText = Annotated[str, StringConstraints(max_length=40), AfterValidator(_budget)]
Effort = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,20}$")]
Name = Annotated[str, StringConstraints(max_length=_SHORT)]
Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{4,64}$")]
Tag = Annotated[str, StringConstraints(max_length=_SHORT), AfterValidator(normal)]
Count = Annotated[int, Field(ge=0, le=_MOST)]
Amount = Annotated[float, Field(ge=0, le=_MOST)]
Probability = Annotated[float, Field(ge=0, le=1)]
SettingValues = Annotated[
    dict[
        Annotated[str, StringConstraints(max_length=40)],
        Annotated[int | float, AfterValidator(_number)],
    ],
    Field(max_length=64),
]


class Checked(BaseModel):
    """The base of what is read."""

    # A newer r1chat may say more; what would mislead this one has another schema.
    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)


def phrase(error: ValidationError) -> str:
    """The first thing that pydantic has to say, and where it is."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    what = str(first["msg"]).removeprefix("Value error, ")
    return line(f"{where}: {what[:1].lower()}{what[1:]}" if where else what)
