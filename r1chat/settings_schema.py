"""What may stand in the settings file."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from r1chat import limits
from r1chat.addresses import NAME_RULE, is_name, normal
from r1chat.limits import LIMITS
from r1chat.reasoning.budget import Budget

_MOST_SHOWN = 3


def _budget(text: str) -> str:
    return str(Budget.parse(text))


def _server(text: str) -> str:
    if not is_name(text):
        message = f"a server's name has {NAME_RULE}"
        raise ValueError(message)
    return text


def _within(name: str) -> Any:  # noqa: ANN401  (what pydantic says it returns)
    within = LIMITS[name]
    if within.above:
        return Field(gt=within.least, le=within.most)
    return Field(ge=within.least, le=within.most)


Name = Annotated[str, Field(min_length=1, max_length=4096)]
ServerName = Annotated[str, AfterValidator(_server)]
Address = Annotated[str, AfterValidator(normal)]
KeyText = Annotated[str, Field(min_length=1, max_length=80)]


class Schema(BaseModel):
    """The file, field by field as in `r1chat.settings.Settings`."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    model: Name | None = None
    budget: Annotated[str, AfterValidator(_budget)] | None = None
    min_think: Annotated[int, _within("min_think")] | None = None
    thoughts: Literal["show", "hide"] | None = None
    theme: Name | None = None
    pace: Annotated[float, _within("pace")] | None = None
    peek: Annotated[int, _within("peek")] | None = None
    keys: dict[KeyText, KeyText] | None = None
    temperature: Annotated[float, _within("temperature")] | None = None
    top_p: Annotated[float, _within("top_p")] | None = None
    top_k: Annotated[int, _within("top_k")] | None = None
    min_p: Annotated[float, _within("min_p")] | None = None
    ctx: Annotated[int, _within("ctx")] | None = None
    threads: Annotated[int, _within("threads")] | None = None
    gpu_layers: Annotated[int | str, BeforeValidator(limits.gpu_layers)] | None = None
    tensor_split: Annotated[str, AfterValidator(limits.split_text)] | None = None
    draft: Name | None = None
    max_answer: Annotated[int, _within("max_answer")] | None = None
    save: bool | None = None
    samples: Annotated[int, _within("samples")] | None = None
    panel: Literal["show", "hide"] | None = None
    servers: dict[ServerName, Address] | None = None


def check(values: object) -> tuple[dict[str, Any], list[str]]:
    """Separates what is right in a settings file from what is not.

    Returns:
        The good values by name, and a short phrase on each bad one.
    """
    if not isinstance(values, dict):
        return {}, ["not an object of names and values"]
    try:
        good = Schema.model_validate(values).model_dump(exclude_unset=True)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
    else:
        return _agreeing(good)
    bad = {str(problem["loc"][0]): problem for problem in problems}
    good, more = check({name: value for name, value in values.items() if str(name) not in bad})
    faults = [_phrase(name, problem["type"], problem["msg"]) for name, problem in bad.items()]
    faults += more
    if len(faults) > _MOST_SHOWN:
        faults[_MOST_SHOWN:] = [f"and {len(faults) - _MOST_SHOWN} more"]
    return good, faults


def _agreeing(good: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Leaves out the minimum of thought where the budget has no room for it."""
    try:
        Budget.parse(good.get("budget") or "max", minimum=good.get("min_think") or 0)
    except ValueError as error:
        del good["min_think"]
        return good, [f"min_think: {error}"]
    return good, []


def _phrase(name: str, kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return f"{name[:80]!r} is not a setting"
    message = message.removeprefix("Value error, ")
    return f"{name}: {message[:1].lower()}{message[1:200]}"
