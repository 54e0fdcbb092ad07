"""The options of `r1chat history`."""

from __future__ import annotations

import argparse

from r1chat.commands.options import actions_of, add_format, count
from r1chat.tags import RULE, normal

FORMATS = ("md", "json", "jsonl", "html")
_ID = "the beginning of a conversation's id, as `r1chat history list` shows it"


def add_history(parser: argparse.ArgumentParser) -> None:
    """Adds what `r1chat history` takes."""
    action = actions_of(parser)
    lister = action("list", "the conversations, pinned ones first, then the newest")
    lister.add_argument("--limit", metavar="N", type=count, default=30, help="default: 30")
    lister.add_argument("--deleted", action="store_true", help="those that can be restored")
    _add_tag(lister, "those that have this tag; given several times: all of them")
    kind = lister.add_mutually_exclusive_group()
    kind.add_argument(
        "--chats", action="store_true", help="no single questions of `r1chat ask`; default: all"
    )
    kind.add_argument("--asked", action="store_true", help="single questions of `r1chat ask` alone")
    add_format(lister.add_argument)
    shower = action("show", "one conversation: questions, answers, receipts")
    shower.add_argument("id", metavar="ID", help=_ID)
    shower.add_argument("--thoughts", action="store_true", help="the thoughts too")
    shower.add_argument(
        "--outline",
        action="store_true",
        help="the outlines of thoughts too: steps, checks, dead ends, restarts",
    )
    add_format(shower.add_argument)
    searcher = action("search", "find words in questions and answers")
    searcher.add_argument(
        "text", metavar="TEXT", nargs="+", help="words, all of which must be there"
    )
    searcher.add_argument("--thoughts", action="store_true", help="look into thoughts too")
    _add_tag(searcher, "in conversations that have this tag; given several times: all of them")
    searcher.add_argument("--limit", metavar="N", type=count, default=20, help="default: 20")
    add_format(searcher.add_argument)
    tagger = action("tag", "give a conversation tags; without any, say which it has")
    tagger.add_argument("id", metavar="ID", help=_ID)
    tagger.add_argument("names", metavar="NAME", nargs="*", type=_tag, help=f"a tag: {RULE}")
    tagger.add_argument(
        "--remove",
        metavar="TAG",
        action="append",
        default=[],
        type=_tag,
        help="take a tag away; may be given several times",
    )
    add_format(action("tags", "all tags, and how many conversations have each").add_argument)
    _add_export(action("export", "write conversations as Markdown, JSON, JSON lines or HTML"))
    importer = action(
        "import", "take in an export in JSON, or JSON lines of chat messages; all of it or nothing"
    )
    importer.add_argument(
        "files", metavar="FILE", nargs="+", help='the files; "-" is standard input'
    )
    importer.add_argument(
        "--copies",
        action="store_true",
        help="take in as copies the conversations that are here already, which are left out else",
    )
    remover = action("rm", "delete conversations; `history restore` takes that back")
    remover.add_argument("ids", metavar="ID", nargs="+", help=_ID)
    remover.add_argument("-y", "--yes", action="store_true", help="without asking")
    remover.add_argument(
        "--purge", action="store_true", help="at once and for good, deleted ones as well"
    )
    restorer = action("restore", "take a deletion back")
    restorer.add_argument("ids", metavar="ID", nargs="+", help=_ID)
    stats = action("stats", "tokens, thinking times, speeds, and how thoughts ended")
    stats.add_argument(
        "--days", metavar="N", type=count, help="of the last N days; default: of all"
    )
    stats.add_argument("--png", metavar="FILE", help="draw them into a file too")
    add_format(stats.add_argument)

    stater = action("state", "the saved states: what models have read of conversations")
    stater.add_argument("ids", metavar="ID", nargs="*", help=f"{_ID}; default: all")
    stater.add_argument(
        "--clear", action="store_true", help="remove them; what is missing is read again"
    )
    add_format(stater.add_argument)


def _tag(text: str) -> str:
    try:
        return normal(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _add_tag(parser: argparse.ArgumentParser, about: str) -> None:
    parser.add_argument(
        "--tag", metavar="NAME", dest="tags", action="append", default=[], type=_tag, help=about
    )


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ids", metavar="ID", nargs="*", help=_ID)
    parser.add_argument("--all", action="store_true", help="all conversations")
    parser.add_argument(
        "-o", "--output", metavar="FILE", default="-", help="default: standard output"
    )
    parser.add_argument(
        "--format",
        choices=FORMATS,
        help="Markdown, our JSON (complete), JSON lines of chat messages (the form of data for "
        "distillation), or an HTML page; default: as FILE ends, else md",
    )
    parser.add_argument("--no-thoughts", action="store_true", help="leave out the thoughts")
    parser.add_argument("--force", action="store_true", help="overwrite a file that is there")
