"""The command line: subcommands, options, and what becomes of errors."""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import sys
import threading
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NoReturn

from r1chat import settings, web
from r1chat.commands.exits import ExitCode, code_of
from r1chat.commands.parsing import Parser, wants_json, with_ask
from r1chat.console import Console, is_terminal
from r1chat.errors import R1ChatError, UsageError
from r1chat.interrupts import Interrupted
from r1chat.sanitize import line
from r1chat.version import __version__

_EPILOG = """\
exit codes:
  0 answered · 1 failure · 2 usage · 3 model not found or not loadable
  4 ended without an answer · 5 network or download
  129 hung up · 130 interrupted · 143 terminated
"""


_STDOUT, _STDERR = 1, 2
_TOO_PLAIN = frozenset({"dumb", "unknown"})
"""What terminals call themselves that can do nothing but write line by line."""
_LOADING = ("ctx", "threads", "gpu_layers", "tensor_split")
"""The app's options that say how the model is loaded."""
_OF_THE_APP = {
    "model": ("-m/--model", "-m REF"),
    "go_on": ("-c/--continue", "-c"),
    "conversation": ("--conversation", "--conversation ID"),
    "think": ("--think", "--think …"),
    "ctx": ("--ctx", "--ctx N"),
    "threads": ("--threads", "--threads N"),
    "gpu_layers": ("--gpu-layers", "--gpu-layers …"),
    "tensor_split": ("--tensor-split", "--tensor-split …"),
}
"""All options of the app, and how they are written behind a subcommand."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs r1chat.

    Args:
        argv: The arguments; the process's own by default.

    Returns:
        The exit code.
    """
    console = Console(sys.stderr)
    try:
        code = _guarded(sys.argv[1:] if argv is None else argv, console)
        _flush()
    except BrokenPipeError:
        # Nobody reads on: the reader has what it wanted, as with `| head -1`.
        _abandon_stdout()
        return ExitCode.ANSWERED
    except OSError as error:
        console.error(f"cannot write to stdout: {error.strerror}")
        _abandon_stdout()
        return ExitCode.FAILED
    return code


def _guarded(argv: Sequence[str], console: Console) -> int:
    """Runs a subcommand and turns whatever it raises into one line and an exit code."""
    try:
        return _dispatch(argv, console)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else ExitCode.FAILED
    except Interrupted as end:
        _leave(end.code)
    except KeyboardInterrupt:
        _leave(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        raise
    except R1ChatError as error:
        console.end_progress()
        console.error(str(error))
        return _failed(str(error), code_of(error), argv)
    except Exception as error:  # noqa: BLE001  (the last border: nobody may see a traceback)
        console.end_progress()
        return _failed(_report(error, console), ExitCode.FAILED, argv)


def crash_report(argv: Sequence[str]) -> Callable[[str, int], None]:
    """Makes what tells of a crash in native code: it needs no lock and no import any more."""
    form = wants_json(argv)
    kind: dict[str, object] = {"type": "error"}
    if form == "json":
        from r1chat.output import SCHEMA

        kind = {"schema": SCHEMA}

    def report(message: str, code: int) -> None:
        # The line of a thought, or of a progress, may not be at its end.
        gap = "\x1b[0m\n" if os.isatty(_STDERR) else ""
        os.write(_taken(_STDERR), f"{gap}r1chat: {message}\n".encode())
        if form is not None:
            told = json.dumps({**kind, "error": message, "exit_code": code})
            os.write(_taken(_STDOUT), f"{told}\n".encode())

    return report


def _taken(descriptor: int) -> int:
    """Another descriptor of a file; the old one leads nowhere, whoever still writes to it."""
    own = os.dup(descriptor)
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
    return own


def _failed(message: str, code: ExitCode, argv: Sequence[str]) -> ExitCode:
    """Tells a script that asked for JSON of a failure in JSON too."""
    form = wants_json(argv)
    if form is not None and sys.stdout is not None:
        from r1chat.output import SCHEMA, Out, write_json

        kind = {"type": "error"} if form == "jsonl" else {"schema": SCHEMA}
        write_json(Out(sys.stdout), {**kind, "error": line(message, 1000), "exit_code": int(code)})
    return code


def _dispatch(argv: Sequence[str], console: Console) -> int:
    if not argv and is_terminal(sys.stdin):
        # The parser of the whole command line has nothing to read here, and delays the first frame.
        settings.use(settings.load()[0])
        return _open_app(argparse.Namespace(**{f"app_{option}": None for option in _OF_THE_APP}))
    top = parser()
    args = top.read(with_ask(argv, top))
    args.top = top
    says_how = any(getattr(args, f"app_{option}") is not None for option in _OF_THE_APP)
    if args.subcommand is None and says_how and not (is_terminal(sys.stdin) or web.is_child()):
        # `… | r1chat -c`: what comes in through a pipe is a question.
        args = top.read(["ask", *argv])
    settings.use(settings.load()[0])
    threads = getattr(args, "threads", None) or args.app_threads
    if threads is not None:
        from r1chat.resources import give_threads

        give_threads(threads)
    subcommand: str | None = args.subcommand
    if subcommand is None:
        return _open_app(args)
    for option, (shown, usage) in _OF_THE_APP.items():
        if getattr(args, f"app_{option}") is not None:
            message = f"{shown} belongs after the subcommand: r1chat {subcommand} {usage}"
            raise UsageError(message)
    return _run(subcommand, args, console)


def _run(subcommand: str, args: argparse.Namespace, console: Console) -> int:
    if subcommand in {"ask", "jobs"}:
        # The app must not end like this: it has a screen to give back.
        threading.excepthook = lambda failure: _die(failure.exc_value, console)
    if subcommand == "ask":
        return _ask(args, console)
    if subcommand == "doctor":
        from r1chat import doctor

        return doctor.main(args)
    # Each has a module of its name.
    code: int = import_module(f"r1chat.commands.{subcommand}").run(args, console)
    return code


def _ask(args: argparse.Namespace, console: Console) -> int:
    if args.batch is not None:
        from r1chat.commands import batch

        return batch.run(args, console)
    if args.background:
        from r1chat.commands import background

        return background.run(args, console)
    from r1chat.commands import ask

    return ask.run(args, console)


def _open_app(args: argparse.Namespace) -> int:
    has_screen = is_terminal(sys.stdin) and is_terminal(sys.stderr)
    if not has_screen and not web.is_child():
        message = 'the app needs a terminal; without one: r1chat ask "QUESTION"'
        raise UsageError(message)
    if os.environ.get("TERM") in _TOO_PLAIN and not web.is_child():
        message = (
            f"the app cannot draw where TERM is {os.environ['TERM']}; "
            'this can be asked anywhere: r1chat ask "QUESTION"'
        )
        raise UsageError(message)
    conversation = _to_open(args)
    # Nothing of what is imported and built up to the first frame becomes garbage, and to look
    # for some takes a sixth of that time. `tui.start` has it collected again.
    gc.disable()
    from r1chat.tui.start import run

    given = {name: getattr(args, f"app_{name}") for name in _LOADING}
    loading = {name: value for name, value in given.items() if value is not None}
    return run(
        model=args.app_model, loading=loading, conversation=conversation, think=args.app_think
    )


def _goes_on(args: argparse.Namespace) -> bool:
    """Whether an earlier conversation is to be continued."""
    return bool(args.app_go_on) or args.app_conversation is not None


def _to_open(args: argparse.Namespace) -> str | None:
    """The id of the conversation that the app begins with.

    Raises:
        R1ChatError: If there is none such.
    """
    if not _goes_on(args):
        return None
    from r1chat.commands import conversations
    from r1chat.history import History

    history = History(on_demand=True)
    try:
        return conversations.named(history.store, args.app_conversation).id
    except R1ChatError:
        if not web.is_child():
            raise
        # The page of a conversation that was never saved, or is gone: it begins a new one.
        return None
    finally:
        history.close()


def parser() -> Parser:
    """The parser of the whole command line."""
    top = Parser(
        prog="r1chat",
        usage='%(prog)s [-m REF] | "QUESTION" | COMMAND …',
        description="Chat with distilled R1 models on your own machine, and watch, measure and "
        "steer their thinking. Without arguments the app opens; with a question it answers once, "
        "as `r1chat ask` does.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("-V", "--version", action="version", version=f"r1chat {__version__}")
    top.add_argument("--verbose", action="store_true", help="show the log on stderr too")
    subcommands = top.add_subparsers(
        dest="subcommand",
        metavar="COMMAND",
        title="subcommands",
        prog="r1chat",
        parser_class=Parser,
    )
    from r1chat.commands import (
        eval_options,
        history_options,
        jobs_options,
        models_options,
        options,
        presets_options,
        servers_options,
    )

    options.add_app(top)
    options.add_ask(_subcommand(subcommands, "ask", "answer one question", epilog=_EPILOG))
    models_options.add_models(
        _subcommand(
            subcommands, "models", "find, download, verify and remove models", epilog=_EPILOG
        )
    )
    servers_options.add_servers(
        _subcommand(
            subcommands,
            "servers",
            "name servers, keep their keys, list their models",
            epilog=_EPILOG,
        )
    )
    history_options.add_history(
        _subcommand(subcommands, "history", "list, show, search, export and count conversations")
    )
    jobs_options.add_jobs(
        _subcommand(subcommands, "jobs", "follow, stop and list questions in the background")
    )
    options.add_doctor(
        _subcommand(subcommands, "doctor", "say what works on this machine and what does not")
    )
    options.add_settings(
        _subcommand(subcommands, "settings", "list, get and change saved settings")
    )
    presets_options.add_presets(
        _subcommand(subcommands, "presets", "named sets of instructions, budget and sampling")
    )
    options.add_json(
        _subcommand(subcommands, "keys", "list the app's keys: ids, keys, what they do")
    )
    options.add_completion(
        _subcommand(subcommands, "completion", "print what makes bash, zsh or fish complete r1chat")
    )
    options.add_serve(_subcommand(subcommands, "serve", "the app in a browser"))
    eval_options.add_eval(
        _subcommand(subcommands, "eval", "measure a model with questions and their answers")
    )
    return top


def _subcommand(
    subcommands: argparse._SubParsersAction[Parser], name: str, purpose: str, *, epilog: str = ""
) -> argparse.ArgumentParser:
    parser = subcommands.add_parser(
        name,
        help=purpose,
        description=f"{purpose[0].upper()}{purpose[1:]}.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    # After the subcommand as well as before it; a default here would undo what stood before it.
    parser.add_argument(
        "--verbose",
        action="store_true",
        default=argparse.SUPPRESS,
        help="show the log on stderr too",
    )
    return parser


def _die(error: BaseException | None, console: Console) -> NoReturn:
    """Ends the process after a thread of it has died: others may wait for that thread for ever."""
    _report(error, console)
    _leave(ExitCode.FAILED)


def _report(error: BaseException | None, console: Console) -> str:
    """Says calmly that something broke; the details go to the log, never to the terminal."""
    if error is None:
        return ""
    from r1chat import logs

    logs.start()
    path = logs.crash(error)
    where = f"the log has the details: {path}" if path else "the log could not be written"
    kind = type(error).__name__
    message = f"something went wrong inside r1chat ({kind}: {error}); {where}"
    console.error(message)
    return message


def _flush() -> None:
    if sys.stdout is not None:
        sys.stdout.flush()


def _abandon_stdout() -> None:
    """Keeps the interpreter from flushing into a broken pipe, and complaining, as it ends."""
    if sys.stdout is None:
        return
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        sys.stdout = None


def _leave(code: int) -> NoReturn:
    """Ends the process at once: a model that is being loaded cannot be waited for."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            if stream is not None:
                stream.flush()
    os._exit(code)
