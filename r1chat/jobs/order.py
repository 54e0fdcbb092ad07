"""What a job is to do, as a file keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, cast, get_args

from r1chat.attachments import Attachment
from r1chat.conversation import new_id
from r1chat.events import ShapeKind
from r1chat.settings import SETTINGS
from r1chat.shapes import Shape, grammar, json_schema
from r1chat.values import Kind, Real, Switch, Text, Whole

_SCHEMA = 1
_LARGEST_SEED = 2**32 - 2
_MOST_SECONDS = 7 * 24 * 3600.0
_LONGEST = 64 << 20
_OTHERS = ("model", "save", "thoughts")
"""Settings that say where a reply comes from, where it is kept and what is shown of it."""
_KINDS: Mapping[str, Kind[Any]] = {
    **{name: each.kind for name, each in SETTINGS.items() if each.options and name not in _OTHERS},
    "preset": Text(longest=80),
    "seed": Whole(0, _LARGEST_SEED),
    "timeout": Real(0, _MOST_SECONDS, above=True),
    **{name: Switch() for name in ("raw", "no_reuse", "resume", "logprobs", "tree")},
}
"""The options of `r1chat ask` that a job may have."""


@dataclass(frozen=True, slots=True)
class Order:
    """A question as `r1chat ask` was given it.

    Attributes:
        model: The model's reference, as it can be loaded from any folder.
        question: The question; where a reply is continued, that of the reply.
        attachments: What goes along.
        options: Options of `r1chat ask`, by the names of its arguments; those that are left out are
            as usual.
        conversation: The id of the conversation that it is kept in.
        continues: Whether that is there already.
        shape: What the answer must look like.
    """

    model: str
    question: str
    attachments: tuple[Attachment, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    conversation: str = field(default_factory=new_id)
    continues: bool = False
    shape: Shape | None = None

    def as_json(self) -> dict[str, Any]:
        """The same as values of JSON."""
        shape = None if self.shape is None else {"kind": self.shape.kind, "text": self.shape.text}
        attached = [asdict(each) for each in self.attachments]
        return {
            "schema": _SCHEMA,
            "model": self.model,
            "question": self.question,
            "attachments": attached,
            "options": dict(self.options),
            "conversation": self.conversation,
            "continues": self.continues,
            "shape": shape,
        }


def options_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the options of `r1chat ask` that a job may have, and that were given."""
    wanted = {name: given.get(name) for name in _KINDS}
    # A figure may be 0.
    return {name: each for name, each in wanted.items() if each is not None and each is not False}


def read(values: Any) -> Order:  # noqa: ANN401  (whatever stands in the file)
    """Reads what `Order.as_json` wrote.

    Raises:
        ValueError: If it is something else.
        UsageError: If its shape cannot be used.
    """
    if not isinstance(values, dict) or values.get("schema") != _SCHEMA:
        message = "not an order of this version"
        raise ValueError(message)
    options, attached = values.get("options"), values.get("attachments")
    if not isinstance(options, dict) or not isinstance(attached, list):
        message = "not an order"
        raise ValueError(message)  # noqa: TRY004  (of the file it is the value that is wrong)
    return Order(
        model=_text(values, "model"),
        question=_text(values, "question"),
        attachments=tuple(
            Attachment(_text(each, "name"), _text(each, "text")) for each in attached
        ),
        options={
            name: _KINDS[name].check(each) for name, each in options.items() if name in _KINDS
        },
        conversation=_text(values, "conversation"),
        continues=values.get("continues") is True,
        shape=_shape(values.get("shape")),
    )


def _shape(values: object) -> Shape | None:
    if values is None:
        return None
    text = _text(values, "text")
    kind = _text(values, "kind")
    if kind not in get_args(ShapeKind):
        message = "not a shape"
        raise ValueError(message)
    return json_schema(text) if cast("ShapeKind", kind) == "json" else grammar(text)


def _text(values: object, name: str) -> str:
    value = values.get(name) if isinstance(values, dict) else None
    if not isinstance(value, str) or len(value) > _LONGEST:
        message = f"no {name}"
        raise ValueError(message)
    return value
