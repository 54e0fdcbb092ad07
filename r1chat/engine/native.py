"""The only module that imports llama.cpp's C API.

Only `r1chat.engine` passes through it. llama.cpp prints nothing to the terminal: what it says goes
to our log callback, which hands it to `logging` and keeps the last errors for messages.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib.util
import json
import logging
import os
import sys
from collections import deque
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from r1chat import crashes, paths
from r1chat.errors import EngineError

# Spinning OpenMP threads starve each other on a shared machine: two threads on two cores fell from
# 60 tokens/s to 5 while another job ran. The limit must be set before the library is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
# On an error of its own ggml would start a debugger on this process, and print to the terminal.
os.environ.setdefault("GGML_NO_BACKTRACE", "1")


def _part(name: str) -> ModuleType:
    """A module of llama-cpp-python, without the rest of it.

    Its package imports its own engine, with numpy, jinja2 and every chat format it knows: more time
    than all else that happens before the first token. An empty package in its place for the time
    of the import keeps that out.
    """
    if "llama_cpp" in sys.modules:
        return importlib.import_module(f"llama_cpp.{name}")
    paths.settle_library_folder()
    spec = importlib.util.find_spec("llama_cpp")
    if spec is None:
        message = "No module named 'llama_cpp'"
        raise ModuleNotFoundError(message, name="llama_cpp")
    sys.modules["llama_cpp"] = package = ModuleType("llama_cpp")
    package.__path__ = list(spec.submodule_search_locations or ())
    try:
        return importlib.import_module(f"llama_cpp.{name}")
    finally:
        del sys.modules["llama_cpp"]


try:
    api: Any = _part("llama_cpp")
except Exception as error:
    message = (
        f"llama-cpp-python does not load ({error.__class__.__name__}: {error}); "
        "`r1chat doctor` says what to install"
    )
    raise EngineError(message) from error

log = logging.getLogger("r1chat.llama")
# Whoever uses r1chat as a library and sets up no logging gets nothing on stderr.
logging.getLogger("r1chat").addHandler(logging.NullHandler())

_LEVELS = {1: logging.DEBUG, 2: logging.INFO, 3: logging.WARNING, 4: logging.ERROR}
_CONTINUED = 5
_last_errors: deque[str] = deque(maxlen=8)
_stopping: set[int] = set()
_ready = False


class _Lines:
    """Joins the fragments that llama.cpp logs into lines."""

    def __init__(self) -> None:
        self.level = logging.INFO
        self.text = ""

    def add(self, level: int, text: str) -> None:
        if level != _CONTINUED:
            self.level = _LEVELS.get(level, logging.DEBUG)
        self.text += text
        *lines, self.text = self.text.split("\n")
        for line in lines:
            if not line.strip():
                continue
            # A computation that was told to stop fails as it should.
            log.log(logging.DEBUG if _stopping else self.level, "%s", line)
            if self.level >= logging.ERROR:
                _last_errors.append(line.strip())


_lines = _Lines()


@api.llama_log_callback  # type: ignore[untyped-decorator]
def _on_log(level: int, text: bytes, _: object) -> None:
    _lines.add(level, text.decode("utf-8", "replace"))


def start() -> None:
    """Makes llama.cpp ready, once for the process.

    Raises:
        EngineError: If the library's structs are not those that this version was written for.
    """
    global _ready  # noqa: PLW0603  (llama.cpp's own state is global as well)
    if _ready:
        return
    check_layout()
    api.llama_log_set(_on_log, ctypes.c_void_p(0))
    api.llama_backend_init()
    crashes.catch()
    _ready = True


def check_layout() -> None:
    """Compares defaults read through the Python structs with what llama.cpp documents.

    A shared library of another version than its bindings moves fields, and every later call would
    corrupt memory. Fields at both ends of each struct are looked at.

    Raises:
        EngineError: If a value is out of place.
    """
    context = api.llama_context_default_params()
    model = api.llama_model_default_params()
    sane = (
        0 < context.n_batch <= 1 << 20
        and 0 < context.n_ubatch <= context.n_batch
        and 0 < context.n_threads <= 1 << 12
        and context.flash_attn_type == api.LLAMA_FLASH_ATTN_TYPE_AUTO
        and context.n_samplers == 0
        and not model.vocab_only
        and not model.no_alloc
    )
    if not sane:
        message = (
            "llama-cpp-python and its llama.cpp library do not belong together; "
            "`r1chat doctor` says what to install"
        )
        raise EngineError(message)


def last_errors() -> list[str]:
    """The last errors that llama.cpp logged, the newest at the end."""
    return list(_last_errors)


def forget_errors() -> None:
    """Forgets the errors logged so far."""
    _last_errors.clear()


class AbortByte:
    """A flag that llama.cpp reads after every node of its graph.

    The callback is libc's ``strlen`` on a two-byte buffer, so that no Python runs inside a
    computation, and setting the byte from any thread stops it within milliseconds.
    """

    def __init__(self) -> None:
        self._bytes = ctypes.create_string_buffer(2)
        name = "msvcrt" if sys.platform == "win32" else None
        self.callback = ctypes.cast(ctypes.CDLL(name).strlen, api.ggml_abort_callback)
        self.data = ctypes.cast(self._bytes, ctypes.c_void_p)

    def set(self) -> None:
        """Asks the running computation to stop."""
        _stopping.add(id(self))
        self._bytes[0] = b"\x01"

    def clear(self) -> None:
        """Lets computations run again."""
        self._bytes[0] = b"\x00"
        _stopping.discard(id(self))

    def __bool__(self) -> bool:
        return self._bytes[0] != b"\x00"


def gbnf_of(core: Mapping[str, Any], rules: Mapping[str, str]) -> str:
    """Has llama-cpp-python convert a JSON schema into a grammar.

    Its converter puts objects, arrays, unions and references together. What it gets wrong is put
    right here: names with a backslash or a quote, other names behind optional ones. It knows no
    limits of numbers: leaves are grammar.

    Args:
        core: The schema, as `r1chat.shapes.schema.core` reduces it.
        rules: Rules to begin with, by their names.
    """
    converter: Any = _part("llama_grammar").SchemaConverter

    class Converter(converter):  # type: ignore[misc]
        keys: list[str] = []  # noqa: RUF012  (of one converter)

        def visit(self, schema: dict[str, Any], name: str) -> Any:  # noqa: ANN401
            if "gbnf" in schema:
                rule = schema["gbnf"]
                return rule if rule in rules else self._add_rule(name or "value", rule)
            # What else an object has is called otherwise than what it names.
            self.keys.append(schema.get("key", "string"))
            try:
                return super().visit(schema, name)
            finally:
                self.keys.pop()

        def _add_rule(self, name: str, rule: str) -> Any:  # noqa: ANN401
            # Behind optional names it would want others, and without a comma.
            if name.endswith("-rest") and rule.endswith("additional-kvs"):
                rule = f'("," space {rule})?'
            return super()._add_rule(name, rule)

        def _format_literal(self, literal: str) -> str:
            # Of characters written as \u it would make other characters.
            literal = json.dumps(json.loads(literal), ensure_ascii=False)
            escaped = literal.replace("\\", "\\\\").replace('"', '\\"')
            return f'"{escaped}"'

        def _add_primitive(self, name: str, rule: object) -> str:
            del rule
            return self.keys[-1] if name == "string" else name

    made = Converter(prop_order={}, allow_fetch=False, dotall=False, raw_pattern=False)
    made._rules.update(rules)  # noqa: SLF001  (it has no other way in)
    made.visit(made.resolve_refs(dict(core), ""), "")
    grammar: str = made.format_grammar()
    return grammar
