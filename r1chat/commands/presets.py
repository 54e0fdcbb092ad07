"""`r1chat presets`: lists, shows, makes and removes presets."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

from r1chat import presets
from r1chat.commands import settings as user
from r1chat.commands.columns import columns, pairs
from r1chat.commands.exits import ExitCode
from r1chat.console import Console
from r1chat.errors import UsageError
from r1chat.output import Out, write_indented
from r1chat.presets import Preset
from r1chat.sanitize import sanitize
from r1chat.settings import PRESET_FIELDS, Settings, preset_name, preset_values
from r1chat.values import written

_WIDEST = 100


def run(args: argparse.Namespace, console: Console) -> int:
    """Does what the action says.

    Args:
        args: What `presets_options.add_presets` defines.
        console: Standard error.

    Returns:
        The exit code.

    Raises:
        R1ChatError: If it fails.
    """
    settings, out = user.load(console), Out(sys.stdout)
    if args.action == "list":
        _list(out, settings, as_json=args.format == "json")
    elif args.action == "show":
        _show(out, presets.find(settings, args.name), as_json=args.format == "json")
    elif args.action == "set":
        _set(args, settings, console)
    else:
        _remove(args.name, settings, console)
    return ExitCode.ANSWERED


def _list(out: Out, settings: Settings, *, as_json: bool) -> None:
    found = presets.known(settings)
    if as_json:
        write_indented(out, {"schema": 1, "presets": [_as_json(each) for each in found.values()]})
        return
    rows = [
        (each.name, "yours" if each.own else "built in", presets.described(each, _WIDEST))
        for each in found.values()
    ]
    out.write(columns(("preset", "", "holds"), rows))


def _as_json(preset: Preset) -> dict[str, object]:
    origin = "yours" if preset.own else "built in"
    return {"name": preset.name, "origin": origin, "values": dict(preset.values)}


def _show(out: Out, preset: Preset, *, as_json: bool) -> None:
    if as_json:
        write_indented(out, {"schema": 1, **_as_json(preset)})
        return
    rows = [("about", preset.about)] if preset.about else []
    held = (name for name in PRESET_FIELDS if name in preset.values)
    rows += [(name, sanitize(written(preset.values[name]))) for name in held]
    out.write(pairs(rows))


def _set(args: argparse.Namespace, settings: Settings, console: Console) -> None:
    """Makes a preset, or changes one: what is not named stays."""
    given = {name: getattr(args, name) for name in PRESET_FIELDS}
    changes = {name: value for name, value in given.items() if value is not None}
    before = presets.known(settings).get(args.name)
    if not changes and not args.without:
        message = f"say what {args.name} is to hold: e.g. --temperature 0.6, or --without budget"
        raise UsageError(message)
    values = {**(before.values if before else {}), **changes}
    for name in args.without:
        values.pop(name, None)
    try:
        own = {preset_name(args.name): preset_values(values)}
    except ValueError as error:
        raise UsageError(str(error)) from None
    user.save(replace(settings, presets={**(settings.presets or {}), **own}), console)


def _remove(name: str, settings: Settings, console: Console) -> None:
    """Forgets a preset of the user's own; a built-in one is as it was again."""
    own = dict(settings.presets or {})
    if own.pop(presets.find(settings, name).name, None) is None:
        message = f"{name} is built in, and stays"
        raise UsageError(message)
    user.save(replace(settings, presets=own or None), console)
    if name in presets.SHIPPED:
        console.note(f"{name} is the built-in one again")
