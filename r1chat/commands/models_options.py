"""The options of `r1chat models`."""

from __future__ import annotations

import argparse

from r1chat.commands.options import actions_of, add_format, count, value_of

_REF = (
    'a short name ("r1:7b", "qwen3:8b-q4_k_m"), any GGUF repository on the Hub '
    '("owner/repo:Q4_K_M", "owner/repo/file.gguf") or a path'
)


def add_models(parser: argparse.ArgumentParser) -> None:
    """Adds what `r1chat models` takes."""
    action = actions_of(parser)
    lister = action("list", "the models on this machine, and those that it could run")
    lister.add_argument(
        "folder", metavar="DIR", nargs="?", help="only the models in this folder, three levels deep"
    )
    add_format(lister.add_argument)
    _add_context(lister)
    searcher = action("search", "find GGUF repositories on the Hugging Face Hub")
    searcher.add_argument("text", metavar="TEXT", help="words of the repository's name")
    searcher.add_argument("--limit", metavar="N", type=count, default=20, help="default: 20")
    add_format(searcher.add_argument)
    puller = action("pull", "download a model; what is there of it already is not downloaded again")
    puller.add_argument("ref", metavar="REF", help=_REF)
    puller.add_argument("--revision", metavar="REV", help="a branch, tag or commit; default: main")
    puller.add_argument(
        "-y", "--yes", action="store_true", help="without asking, even where it does not fit"
    )
    _add_context(puller)
    shower = action("show", "what is known of a model, here or on the Hub")
    shower.add_argument("ref", metavar="REF", help=_REF)
    add_format(shower.add_argument)
    _add_context(shower)
    verifier = action("verify", "hash a model's files again and compare with the Hub's checksums")
    verifier.add_argument(
        "refs", metavar="REF", nargs="*", help="default: all that have a checksum"
    )
    remover = action("rm", "remove a downloaded model; says first what that frees")
    remover.add_argument("ref", metavar="REF", help=_REF)
    remover.add_argument("-y", "--yes", action="store_true", help="without asking")


def _add_context(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--ctx",
        metavar="N",
        type=value_of("ctx"),
        help="context size to plan for; default: what r1chat would take",
    )
