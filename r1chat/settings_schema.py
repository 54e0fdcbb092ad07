"""What may stand in the settings file."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from r1chat.reasoning.budget import LIMIT_TOKENS, Budget

_MOST_SHOWN = 3


def _budget(text: str) -> str:
    return str(Budget.parse(text))


Name = Annotated[str, Field(min_length=1, max_length=4096)]
KeyText = Annotated[str, Field(min_length=1, max_length=80)]
Tokens = Annotated[int, Field(ge=1, le=10_000_000)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class Schema(BaseModel):
    """The file, field by field as in `r1chat.settings.Settings`."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    model: Name | None = None
    budget: Annotated[str, AfterValidator(_budget)] | None = None
    min_think: Annotated[int, Field(ge=0, le=LIMIT_TOKENS)] | None = None
    thoughts: Literal["show", "hide"] | None = None
    theme: Name | None = None
    pace: Annotated[float, Field(ge=0, le=10_000)] | None = None
    keys: dict[KeyText, KeyText] | None = None
    temperature: Annotated[float, Field(ge=0, le=10)] | None = None
    top_p: Fraction | None = None
    top_k: Annotated[int, Field(ge=0)] | None = None
    min_p: Fraction | None = None
    ctx: Tokens | None = None
    threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    gpu_layers: Annotated[int, Field(ge=-1, le=10_000)] | None = None
    max_answer: Tokens | None = None


def check(values: object) -> tuple[dict[str, Any], list[str]]:
    """Separates what is right in a settings file from what is not.

    Returns:
        The good values by name, and a short phrase on each bad one.
    """
    if not isinstance(values, dict):
        return {}, ["not an object of names and values"]
    try:
        return Schema.model_validate(values).model_dump(exclude_unset=True), []
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
    bad = {str(problem["loc"][0]): problem for problem in problems}
    good, _ = check({name: value for name, value in values.items() if str(name) not in bad})
    faults = [_phrase(name, problem["type"], problem["msg"]) for name, problem in bad.items()]
    if len(faults) > _MOST_SHOWN:
        faults[_MOST_SHOWN:] = [f"and {len(faults) - _MOST_SHOWN} more"]
    return good, faults


def _phrase(name: str, kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return f"{name[:80]!r} is not a setting"
    message = message.removeprefix("Value error, ")
    return f"{name}: {message[:1].lower()}{message[1:200]}"
