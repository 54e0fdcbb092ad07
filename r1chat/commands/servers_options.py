"""The options of `r1chat servers`."""

from __future__ import annotations

import argparse

_NAME = "its name: small letters, digits and hyphens"


def add_servers(parser: argparse.ArgumentParser) -> None:
    """Adds what `r1chat servers` takes."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)

    def action(name: str, purpose: str) -> argparse.ArgumentParser:
        return actions.add_parser(
            name,
            help=purpose,
            description=f"{purpose[0].upper()}{purpose[1:]}.",
            allow_abbrev=False,
        )

    _add_format(action("list", "the servers that have a name, and where their keys come from"))
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
    lister = action("models", "the models that a server has")
    lister.add_argument("name", metavar="NAME", help="its name")
    _add_format(lister)


def _add_format(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
