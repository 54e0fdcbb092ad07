"""`r1chat settings`: shows and changes what is set for good."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, fields

from r1chat import paths, user_files
from r1chat import settings as user
from r1chat.commands.exits import ExitCode
from r1chat.console import Console
from r1chat.errors import R1ChatError, UsageError
from r1chat.limits import LIMITS
from r1chat.nearest import did_you_mean
from r1chat.output import Out
from r1chat.sanitize import line, sanitize
from r1chat.settings import Settings

_SWITCH = {"on": True, "true": True, "yes": True, "off": False, "false": False, "no": False}


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
    settings = load(console)
    if args.action is None:
        _show(settings)
    elif args.action == "get":
        return _get(settings, args.key, console)
    else:
        _change(settings, args, console)
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


def _show(settings: Settings) -> None:
    rows = [f"# {paths.settings_file()}"]
    for name, value in asdict(settings).items():
        shown = "(not set)" if value is None else json.dumps(value, ensure_ascii=False)
        rows.append(f"{name} = {shown}")
    Out(sys.stdout).write("".join(line(row, 1000) + "\n" for row in rows))


def _get(settings: Settings, key: str, console: Console) -> ExitCode:
    """Prints a value as `settings set` takes it."""
    name = _name(key)
    value = getattr(settings, name)
    if value is None:
        console.note(f"{name} is not set")
        return ExitCode.FAILED
    if isinstance(value, bool):
        value = "on" if value else "off"
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    Out(sys.stdout).write(sanitize(shown) + "\n")
    return ExitCode.ANSWERED


def _name(key: str) -> str:
    """A setting's name.

    Raises:
        UsageError: If there is no such setting.
    """
    names = [field.name for field in fields(Settings)]
    name = key.replace("-", "_")
    if name not in names:
        hint = did_you_mean(name, names) or f"; they are {', '.join(names)}"
        message = f"{line(key)!r} is not a setting{hint}"
        raise UsageError(message)
    return name


def _change(settings: Settings, args: argparse.Namespace, console: Console) -> None:
    name = _name(args.key)
    value = _value(name, args.value) if args.action == "set" else None
    save(Settings(**{**asdict(settings), name: value}), console)


def _value(name: str, text: str) -> object:
    """A value as it stands in the file; what is none is left to the checker to name."""
    if name == "save":
        return _SWITCH.get(text.strip().lower(), text)
    if name not in (*LIMITS, "keys", "servers"):
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, (int, float, dict)) else text
