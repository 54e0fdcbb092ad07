"""`r1chat settings`: lists the settings, with what holds and why, and changes them."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from r1chat import paths, presets, user_files
from r1chat import settings as user
from r1chat.commands.exits import ExitCode
from r1chat.commands.options import GIVEN
from r1chat.console import Console, is_terminal
from r1chat.errors import MissingModel, R1ChatError, UsageError
from r1chat.models import TINY
from r1chat.nearest import did_you_mean
from r1chat.output import SCHEMA, Out, write_indented
from r1chat.sanitize import line, sanitize
from r1chat.settings import SETTINGS, Settings, Source, held
from r1chat.values import written

_WIDEST = 24
"""Of a value in the list in a terminal; `settings get` prints all of it."""
_LONGEST = 500


def run(args: argparse.Namespace, console: Console) -> int:
    """Shows the settings, or changes one.

    Args:
        args: What `options.add_settings` defines.
        console: Standard error.

    Returns:
        The exit code.

    Raises:
        R1ChatError: If they cannot be changed.
    """
    given = {name: getattr(args, GIVEN + name, None) for name in SETTINGS}
    out = Out(sys.stdout)
    settings = load(console)
    if args.action is None:
        preset = presets.find(settings, args.preset).values if args.preset is not None else {}
        advised = _advised(given["model"] or settings.model)
        found = held(settings, given, preset=preset, advised=advised)
        (_show_json if args.json else _show)(out, found)
        return ExitCode.ANSWERED
    no_list = any(value is not None for value in (*given.values(), args.preset))
    if args.json or no_list:
        message = f"`r1chat settings {args.action}` takes no options; they are for the list"
        raise UsageError(message)
    if args.action == "get":
        return _get(out, settings, args.key, console)
    name = _name(args.key)
    change = {name: _value(name, args.value) if args.action == "set" else None}
    save(replace(settings, **change), console)
    return ExitCode.ANSWERED


def load(console: Console) -> Settings:
    """The settings; what is wrong with their file is said."""
    settings, fault = user.load()
    if fault is not None:
        console.note(fault)
    return settings


def save(settings: Settings, console: Console) -> None:
    """Writes the settings.

    Raises:
        UsageError: If a value makes no sense.
        R1ChatError: If they cannot be written.
    """
    try:
        kept = user.save(settings)
    except ValueError as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        path = paths.settings_file()
        message = f"cannot write {path}: {user_files.reason(error, path)}"
        raise R1ChatError(message) from None
    if kept is not None:
        console.note(f"the file before it had a fault and was kept as {kept}")


def _advised(ref: object) -> Mapping[str, object]:
    """What the maker of a model on this machine advises on sampling; nothing without one."""
    if ref in {None, TINY}:
        return {}
    from r1chat import compose
    from r1chat.gguf import read_header
    from r1chat.hub.advice import advice_for

    try:
        is_here = compose.remote_server(str(ref)) is None
        return advice_for(read_header(compose.resolve(str(ref)))).values if is_here else {}
    except (R1ChatError, OSError):
        return {}


def _show(out: Out, found: Mapping[str, tuple[object, Source]]) -> None:
    """Lists the settings by section: name, value, where that was set, and what it means."""
    widest = _WIDEST if is_terminal(sys.stdout) else _LONGEST
    rows = {
        name: (line("-" if value is None else written(value), widest), source)
        for name, (value, source) in found.items()
    }
    widths = [max(map(len, rows)), max(len(value) for value, _ in rows.values())]
    lines = [f"# {paths.settings_file()}"]
    section = ""
    for name, (value, source) in rows.items():
        setting = SETTINGS[name]
        if setting.section != section:
            section = setting.section
            lines += ["", f"# {section}"]
        shown = f"{name:<{widths[0]}}  {value:<{widths[1]}}  {source:<7}"
        lines.append(f"{shown}  {setting.help}; default: {setting.usual}")
    out.write("".join(f"{line(each, 1000)}\n" for each in lines))


def _show_json(out: Out, found: Mapping[str, tuple[object, Source]]) -> None:
    listed = [
        {
            "name": name,
            "value": value,
            "set_by": source,
            "default": SETTINGS[name].default,
            "otherwise": SETTINGS[name].otherwise or None,
            "allowed": SETTINGS[name].kind.allowed,
            "section": SETTINGS[name].section,
            "help": SETTINGS[name].help,
        }
        for name, (value, source) in found.items()
    ]
    file = str(paths.settings_file())
    write_indented(out, {"schema": SCHEMA, "file": file, "settings": listed})


def _get(out: Out, settings: Settings, key: str, console: Console) -> ExitCode:
    """Prints a value as `settings set` takes it."""
    name = _name(key)
    value = getattr(settings, name)
    if value is None:
        console.note(f"{name} is not set")
        return ExitCode.FAILED
    out.write(sanitize(written(value)) + "\n")
    return ExitCode.ANSWERED


def _name(key: str) -> str:
    """A setting's name.

    Raises:
        UsageError: If there is no such setting.
    """
    name = key.replace("-", "_")
    if name not in SETTINGS:
        hint = did_you_mean(name, SETTINGS) or f"; they are {', '.join(SETTINGS)}"
        message = f"{line(key)!r} is not a setting{hint}"
        raise UsageError(message)
    return name


def _value(name: str, text: str) -> Any:  # noqa: ANN401  (of whatever type the setting is)
    """A setting's value, as it is typed.

    Raises:
        UsageError: If it may not be that.
    """
    try:
        value = SETTINGS[name].kind.read(text)
        if name == "theme":
            _check_theme(value)
    except ValueError as error:
        message = f"{name}: {error}"
        raise UsageError(message) from None
    if name == "model":
        _check_model(value)
    return value


def _check_theme(name: str) -> None:
    from r1chat import themes

    known, _ = themes.load()
    if name not in known:
        hint = did_you_mean(name, known) or f"; they are {', '.join(known)}"
        message = f"{name!r} is not a theme{hint}"
        raise ValueError(message)


def _check_model(ref: str) -> None:
    """Refuses what is no model here, on a server that has a name, or on the Hub.

    Raises:
        R1ChatError: If it is none of them; neither the Hub nor a server is asked.
    """
    from r1chat.compose import remote_server, resolve

    if remote_server(ref) is None:
        with contextlib.suppress(MissingModel):
            resolve(ref)
