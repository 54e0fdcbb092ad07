"""The options of `r1chat presets`."""

from __future__ import annotations

import argparse

from r1chat.commands.options import actions_of, add_format, add_settings_of
from r1chat.sanitize import line_breaks
from r1chat.settings import PRESET_FIELDS

_NAME = "its name: small letters, digits, - and _"


def add_presets(parser: argparse.ArgumentParser) -> None:
    """Adds what `r1chat presets` takes."""
    action = actions_of(parser)
    lister = action("list", "the presets: the built-in ones, and yours")
    add_format(lister.add_argument)
    shower = action("show", "what a preset holds")
    shower.add_argument("name", metavar="NAME", help=_NAME)
    add_format(shower.add_argument)
    setter = action("set", "make a preset, or change one: what is not named stays as it is")
    setter.add_argument("name", metavar="NAME", help=_NAME)
    setter.add_argument(
        "-s", "--system", type=line_breaks, metavar="TEXT", help="instructions of a conversation"
    )
    add_settings_of(setter.add_argument, *(name for name in PRESET_FIELDS if name != "system"))
    setter.add_argument(
        "--without",
        metavar="SETTING",
        action="append",
        default=[],
        choices=PRESET_FIELDS,
        help=f"leave a setting as it is; may be given several times: {', '.join(PRESET_FIELDS)}",
    )
    remover = action("remove", "forget a preset of yours; a built-in one is as it was again")
    remover.add_argument("name", metavar="NAME", help=_NAME)
