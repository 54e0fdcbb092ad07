"""The options of `r1chat servers`."""

from __future__ import annotations

import argparse

from r1chat.commands.options import actions_of, add_format

_NAME = "its name: small letters, digits and hyphens"


def add_servers(parser: argparse.ArgumentParser) -> None:
    """Adds what `r1chat servers` takes."""
    action = actions_of(parser)
    lister = action("list", "the servers that have a name, and where their keys come from")
    add_format(lister.add_argument)
    adder = action("add", "give a server a name; its models are then called NAME#model")
    adder.add_argument("name", metavar="NAME", help=_NAME)
    adder.add_argument(
        "url",
        metavar="URL",
        help="its address, e.g. http://localhost:8000; without a path it is /v1",
    )
    remover = action("rm", "forget a server and its key")
    remover.add_argument("name", metavar="NAME", help="its name")
    keeper = action("key", "keep a server's API key in the system's keyring; it is not shown")
    keeper.add_argument("name", metavar="NAME", help="its name")
    keeper.add_argument("--rm", action="store_true", help="remove it from the keyring")
    models = action("models", "the models that a server has")
    models.add_argument("name", metavar="NAME", help="its name")
    add_format(models.add_argument)
