"""Renders a chat template and prints the result: run by `r1chat.prompt.templates`, never imported.

Reads one JSON object from stdin, writes one to stdout. Sets its own limits first.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import sys
from pathlib import Path
from typing import Any

_NO_TOOLS: tuple[dict[str, Any], ...] = ({"tools": None, "documents": None}, {})
"""What templates are told where there are no tools: most expect None, some nothing."""


def _limit(cpu_seconds: int, memory: int) -> None:
    if sys.platform == "win32":  # The parent's clock alone ends it.
        return
    import resource

    in_use = 1 << 28
    with contextlib.suppress(OSError), Path("/proc/self/statm").open() as statm:
        in_use = int(statm.read().split()[0]) * resource.getpagesize()
    for what, limit in (
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_AS, in_use + memory),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):  # macOS knows some of them by name only
            resource.setrlimit(what, (limit, limit))


def _environment() -> Any:  # noqa: ANN401  (jinja2 is found at run time only)
    from datetime import datetime

    from jinja2 import TemplateError, nodes
    from jinja2.ext import Extension
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """``{% generation %}`` marks what a model is trained on; here it does nothing."""

        tags = {"generation"}  # noqa: RUF012

        def parse(self, parser: Any) -> Any:  # noqa: ANN401
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return nodes.Scope(body, lineno=line)

    def raise_exception(message: str) -> None:
        raise TemplateError(message)

    def strftime_now(pattern: str) -> str:
        return datetime.now().astimezone().strftime(pattern)

    def tojson(
        value: object,
        ensure_ascii: bool = False,  # noqa: FBT001, FBT002  (called by position in templates)
        indent: int | None = None,
        separators: tuple[str, str] | None = None,
        sort_keys: bool = False,  # noqa: FBT001, FBT002
    ) -> str:
        return json.dumps(
            value,
            ensure_ascii=ensure_ascii,
            indent=indent,
            separators=separators,
            sort_keys=sort_keys,
        )

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[Generation, "jinja2.ext.loopcontrols", "jinja2.ext.do"],
        autoescape=False,
    )
    environment.filters["tojson"] = tojson
    environment.globals.update(raise_exception=raise_exception, strftime_now=strftime_now)
    return environment


def _render(template: Any, values: dict[str, Any], most: int) -> str:  # noqa: ANN401
    text = ""
    for piece in template.generate(**values):
        text += piece
        if len(text) > most:
            message = "its output is too long"
            raise ValueError(message)
    return text


def _said(error: Exception) -> str:
    return f"{error or type(error).__name__}"[:200]


def _answer(job: dict[str, Any]) -> dict[str, Any]:
    sys.path += job["path"]
    environment = _environment()
    _limit(job["cpu_seconds"], job["memory"])
    template = environment.from_string(job["template"])
    problem = "it leaves out the question"
    shapes = list(enumerate(zip(job["variants"], job["required"], strict=True)))
    for no_tools, (number, (messages, required)) in itertools.product(_NO_TOOLS, shapes):
        values = {**job["values"], **no_tools, "messages": messages, "add_generation_prompt": True}
        try:
            text = _render(template, values, job["max_output"])
        except (MemoryError, RecursionError):
            raise
        except Exception as error:  # noqa: BLE001  (a template can raise anything)
            problem = f"it fails: {_said(error)}"
            continue
        if all(slot in text for slot in required):
            return {"text": text, "variant": number}
    return {"error": problem}


def main() -> None:
    """Answers the one job on stdin."""
    job = json.load(sys.stdin.buffer)
    try:
        answer = _answer(job)
    except MemoryError:
        answer = {"error": "it takes too much memory", "final": True}
    except RecursionError:
        answer = {"error": "it is nested too deeply", "final": True}
    except Exception as error:  # noqa: BLE001  (a template can raise anything)
        answer = {"error": f"it fails: {_said(error)}"}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
