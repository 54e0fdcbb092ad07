"""A model's own chat template, rendered where it can do no harm.

A template is a program by a stranger. Jinja's sandbox keeps it away from Python, but not from
time and memory (``{{'a'*300000000}}`` took 12 s and 1.1 GB), so that it runs in a child process
under limits. It never sees what the messages say, only a slot for each, so that one rendering
serves all conversations of the same shape and no template can misread a message.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

from r1chat.formatting import format_bytes
from r1chat.prompt.parts import Content, Item
from r1chat.prompt.switches import Telling
from r1chat.sanitize import line

MAX_TEMPLATE = 1 << 18
MAX_OUTPUT = 1 << 20
CPU_SECONDS = 2
"""Honest templates take a few milliseconds. Only POSIX has this limit."""
WALL_SECONDS = 5 if sys.platform == "win32" else 30
"""Where there is a limit of processor time this one only catches the unforeseen, and must not
strike an honest template on a busy machine."""
MEMORY = 1 << 27
"""Bytes, on top of what Python itself takes."""
_SLOT = re.compile(r"R1slot(\d+)tols1R")
_THOUGHT = re.compile(r"""[.'"](reasoning_content|reasoning|thinking|thought)\b""")
"""How templates name the thought of an earlier answer."""
THOUGHT_FIELDS = ("reasoning_content", "reasoning")
"""The same, as servers know it."""
_CHILD = Path(__file__).with_name("child.py")


class TemplateError(Exception):
    """A template cannot be used; says why in a few words."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """A rendered template.

    Attributes:
        items: Framing, and for each message its index; for the thought of one, its index and the
            number of messages.
        merged: Whether the system message had to be merged into the first question, because the
            template has no place for it.
    """

    items: tuple[str | int, ...]
    merged: bool

    @property
    def ending(self) -> str:
        """The framing after the last message."""
        last = max(i for i, item in enumerate(self.items) if isinstance(item, int))
        return "".join(map(str, self.items[last + 1 :]))


def fill(rendering: Rendering, contents: Sequence[Content]) -> list[Item]:
    """Puts what messages say, and what was thought before, into their slots."""
    said = [*contents, *(Content(each.thought.strip()) for each in contents)]
    return [said[item] if isinstance(item, int) else item for item in rendering.items]


_refused: dict[str, str] = {}
"""Templates that ran into a limit, and which: they are not tried with another conversation."""


def render(
    template: str,
    roles: tuple[str, ...],
    *,
    told: Telling = Telling(),  # noqa: B008  (it is frozen)
    thoughts: frozenset[int] = frozenset(),
    bos: str,
    eos: str,
) -> Rendering:
    """Renders a template for a conversation of this shape.

    Args:
        template: Jinja.
        roles: The messages' roles.
        told: What it is told of thinking.
        thoughts: The messages whose thoughts are known. Whether they are shown is the template's
            affair: most leave out those of earlier turns.
        bos: The text of the token that begins a text.
        eos: The text of the token that ends one.

    Raises:
        TemplateError: If it fails, takes too long or too much memory, or leaves out the question.
    """
    fields = tuple(sorted(set(_THOUGHT.findall(template)))) if thoughts else ()
    known = thoughts if fields else frozenset()
    result = _refused.get(template) or _rendered(template, roles, told, known, fields, bos, eos)
    if isinstance(result, str):
        raise TemplateError(result)
    return result


@lru_cache(maxsize=512)
def _rendered(
    template: str,
    roles: tuple[str, ...],
    told: Telling,
    thoughts: frozenset[int],
    fields: tuple[str, ...],
    bos: str,
    eos: str,
) -> Rendering | str:
    """Renders, or says why not: failures are remembered too."""
    if len(template) > MAX_TEMPLATE:
        return f"it is longer than {format_bytes(MAX_TEMPLATE)}"
    if _SLOT.search(template):
        return "it contains a slot of r1chat's own"
    count = len(roles)
    shapes = [*_shapes(roles, told, thoughts, fields)]
    # Templates of models that also see images may insist on a list of parts.
    shapes += [replace(shape, messages=_in_parts(shape.messages)) for shape in shapes]
    answer = _run(
        {
            "template": template,
            "variants": [shape.messages for shape in shapes],
            "required": [shape.required for shape in shapes],
            "values": {"bos_token": bos, "eos_token": eos, **dict(told.values)},
            "max_output": MAX_OUTPUT,
            "cpu_seconds": CPU_SECONDS,
            "memory": MEMORY,
            "path": [_home_of("jinja2"), _home_of("markupsafe")],
        }
    )
    if "error" in answer:
        error = line(str(answer["error"]))
        if answer.get("final"):
            _refused[template] = error
        return error
    number = answer["variant"]
    merged = isinstance(number, int) and shapes[number].merged
    return _read(str(answer["text"]), count, thoughts, merged=merged)


@dataclass(frozen=True, slots=True)
class _Shape:
    """Messages of a conversation, each with a slot in the place of its text."""

    messages: list[dict[str, Any]]
    required: list[str]
    """The slots that a rendering must have."""
    merged: bool = False
    """Whether the system message is left out, to be put before the first question."""


def _shapes(
    roles: tuple[str, ...], told: Telling, thoughts: Iterable[int], fields: Iterable[str]
) -> Iterator[_Shape]:
    """The ways to give a template a conversation, what is preferred first."""
    count = len(roles)
    whole = _messages(roles)
    for index in thoughts:
        whole[index] |= dict.fromkeys(fields, _slot(count + index))
    question = _slot(count - 1)
    if roles[0] != "system":
        yield _Shape(_with_word(whole, told), [question])
        return
    yield _Shape(_with_word(whole, told), [_slot(0), question])
    yield _Shape(_with_word(whole[1:], told), [question], merged=True)


def _read(text: str, count: int, thoughts: Iterable[int], *, merged: bool) -> Rendering | str:
    """Finds the slots in what a template made, or says why it cannot be used."""
    text = text.encode("utf-8", "replace").decode()
    parts = _SLOT.split(text)
    items = tuple(int(part) if number % 2 else part for number, part in enumerate(parts) if part)
    known = {*range(count), *(count + index for index in thoughts)}
    if any(isinstance(item, int) and item not in known for item in items):
        return "it makes up messages"
    return Rendering(items, merged=merged)


Render: TypeAlias = Callable[[tuple[str, ...], Telling, frozenset[int]], Rendering]
"""Renders a template for the roles of a conversation, what it is told of thinking, and the
messages whose thoughts are known."""


def rendered_by(
    write: Callable[[list[dict[str, Any]], dict[str, Any]], str],
    roles: tuple[str, ...],
    told: Telling,
    thoughts: frozenset[int],
) -> Rendering:
    """Renders a template that only somebody else has.

    Args:
        write: Has a conversation written down, by its messages and the template's variables.
        roles: As for `render`.
        told: As for `render`.
        thoughts: As for `render`.

    Raises:
        TemplateError: If it fails, or leaves out the question. `write` may raise it.
    """
    failure = TemplateError("it leaves out the question")
    for shape in _shapes(roles, told, thoughts, THOUGHT_FIELDS):
        try:
            text = write(shape.messages, dict(told.values))
        except TemplateError as error:
            failure = error
            continue
        if all(slot in text for slot in shape.required):
            found = _read(text, len(roles), thoughts, merged=shape.merged)
            if isinstance(found, Rendering):
                return found
            failure = TemplateError(found)
    raise failure


def _slot(index: int) -> str:
    return f"R1slot{index}tols1R"


def _messages(roles: tuple[str, ...]) -> list[dict[str, Any]]:
    return [{"role": role, "content": _slot(i)} for i, role in enumerate(roles)]


def _with_word(messages: list[dict[str, Any]], told: Telling) -> list[dict[str, Any]]:
    """Puts a word for the template behind a message."""
    if not told.word:
        return messages
    at = 0 if told.system else len(messages) - 1
    if told.system and messages[0]["role"] != "system":
        return [{"role": "system", "content": told.word}, *messages]
    spoken = {**messages[at], "content": f"{messages[at]['content']} {told.word}"}
    return [*messages[:at], spoken, *messages[at + 1 :]]


def _in_parts(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {**message, "content": [{"type": "text", "text": message["content"]}]}
        for message in messages
    ]


def _home_of(package: str) -> str:
    from importlib.util import find_spec

    spec = find_spec(package)
    return str(Path(spec.origin).parent.parent) if spec and spec.origin else ""


def _run(job: dict[str, object]) -> dict[str, object]:
    # Most models are R1s and never come here.
    import subprocess

    try:
        done = subprocess.run(
            # Without site and the user's environment: it starts in 50 ms, and as we expect.
            [sys.executable or "python3", "-I", "-S", str(_CHILD)],
            input=json.dumps(job).encode(),
            capture_output=True,
            timeout=WALL_SECONDS,
            check=False,
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        answer: dict[str, object] = json.loads(done.stdout)
    except OSError as error:
        return {"error": f"no process could be started for it ({error.strerror})"}
    except (subprocess.TimeoutExpired, ValueError):
        # The system ends a child at its limit of processor time; it leaves no words.
        return {"error": "it takes too long", "final": True}
    return answer
