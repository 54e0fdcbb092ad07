"""`r1chat serve`: the app in a browser."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import io
import logging
import sys
from typing import TYPE_CHECKING

from r1chat import compose, install, logs, web
from r1chat.console import Console
from r1chat.errors import R1ChatError
from r1chat.interrupts import Interrupts
from r1chat.output import Out
from r1chat.sanitize import line
from r1chat.web import guard

if TYPE_CHECKING:
    from r1chat.web.server import Page

_MINUTE_S = 60.0
_LIBRARIES = ("textual-serve", "aiohttp", "asyncio")
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  (told apart, not listened on)


def run(args: argparse.Namespace, console: Console) -> int:
    """Serves the app until a signal ends it.

    Args:
        args: What `options.add_serve` defines.
        console: Standard error.

    Returns:
        The exit code.

    Raises:
        R1ChatError: If it cannot be served.
        BrokenPipeError: If nobody reads the address.
        Interrupted: If a signal came before it was served.
    """
    with Interrupts():
        logs.start(console.log if args.verbose else None)
        if args.model is not None and compose.remote_server(args.model) is None:
            # Better now than on the page.
            compose.resolve(args.model)
        out = Out(sys.stdout)
        page = _page(args)
        _log_others()
        if not guard.is_loopback(args.host):
            console.note(
                f"{args.host} is open to other machines: anybody who can reach the port can use "
                "the app, and read your files by attaching them"
            )
        # What an app says when it ends, textual-serve prints on stdout.
        with contextlib.redirect_stdout(_Said(console)):
            return _serve(page, args, console, out)


def _page(args: argparse.Namespace) -> Page:
    try:
        from r1chat.web.child import command
        from r1chat.web.server import Page
    except ModuleNotFoundError as error:
        if (error.name or "r1chat").startswith("r1chat"):
            raise
        message = f"this needs textual-serve; install it: {install.add(web.REQUIREMENT)}"
        raise R1ChatError(message) from None
    arguments = command(args.model, args.gpu_layers, args.tensor_split)
    return Page(
        arguments,
        guard.own_names(args.host),
        most=args.max_apps,
        keep=args.keep * _MINUTE_S,
    )


def _serve(page: Page, args: argparse.Namespace, console: Console, out: Out) -> int:
    from r1chat.web.server import serve

    def listening(port: int) -> None:
        out.write(f"{address(args.host, port)}\n")
        console.aside("r1chat is served there; Ctrl+C ends it")

    try:
        return asyncio.run(serve(page, args.host, args.port, listening=listening))
    except BrokenPipeError:
        raise
    except OSError as error:
        raise R1ChatError(_reason(error, args.host, args.port)) from None


def address(host: str, port: int) -> str:
    """What to open in a browser on this machine."""
    name = _ANYWHERE.get(host, host)
    return f"http://{f'[{name}]' if ':' in name else name}:{port}/"


def _reason(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is in use; take another: --port {port + 1}, or --port 0 for any"
    if error.errno == errno.EACCES:
        return f"port {port} is reserved for the system; take another: --port 8000"
    reason = line(error.strerror or str(error))
    return f"cannot listen on {host}, port {port}: {reason}; without --host it is 127.0.0.1"


def _log_others() -> None:
    """Has what the libraries log go where ours goes; tracebacks have no place on a terminal."""
    ours = logging.getLogger("r1chat")
    for name in _LIBRARIES:
        theirs = logging.getLogger(name)
        theirs.handlers = list(ours.handlers)
        theirs.setLevel(logging.WARNING)
        theirs.propagate = False


class _Said(io.TextIOBase):
    """Takes what is printed and says it on stderr."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def writable(self) -> bool:
        """It can be written to."""
        return True

    def write(self, text: str) -> int:
        """Says it, cleaned."""
        self._console.log(text)
        return len(text)
