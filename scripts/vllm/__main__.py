"""Installs, converts, serves and tests: see `scripts/real_vllm --help`."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
from pathlib import Path

from filelock import FileLock, Timeout

from scripts.vllm.catalog import NAMES, SERVED, Served, served
from scripts.vllm.checking import UnequalError, prove
from scripts.vllm.converting import ConvertError
from scripts.vllm.installing import InstallError, install, is_installed
from scripts.vllm.places import COMMAND, FOLDER_VARIABLE, folder
from scripts.vllm.serving import LAYOUTS, ServeError, Vllm

_ROOT = Path(__file__).resolve().parents[2]
_EXAMPLES = f"""\
examples:
  {COMMAND} install                      the environment, about 2.5 GB
  {COMMAND} convert                      every model that can be
  {COMMAND} serve tiny --layout nodes    then: r1chat ask -m http://127.0.0.1:PORT …
  {COMMAND} test -k budgets              scripts/test --vllm for the tests on it alone
"""


def say(text: str) -> None:
    """Tells on stderr what takes its time."""
    print(f"{COMMAND}: {text}", file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    own = sys.argv[1:] if arguments is None else arguments
    # argparse takes no list of further words behind options.
    at = own.index("--") if own[:1] == ["serve"] and "--" in own else len(own)
    options = _parser().parse_args(own[:at])
    options.further = own[at + 1 :]
    try:
        status: int = options.run(options)
    except (InstallError, ConvertError, UnequalError, ServeError, OSError) as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("stopped; what was begun goes on here")
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
    listed = "\n".join(f"  {each.name:22}{each.title}" for each in SERVED)
    parser = argparse.ArgumentParser(
        prog=COMMAND,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Runs a real vLLM on this machine's processors, for `scripts/test --vllm` and "
        "by hand.\nEach command does first what it needs and is not done yet.",
        epilog=f"models:\n{listed}\n\n{_EXAMPLES}\n"
        f"All of it is kept in {folder()}; {FOLDER_VARIABLE}=DIR moves it.",
    )
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")
    index = argparse.ArgumentParser(add_help=False)
    index.add_argument(
        "--torch-index", metavar="URL", default="", help="a package index with PyTorch's CPU build"
    )
    verb = verbs.add_parser("install", parents=[index], help="make the environment")
    verb.set_defaults(run=_install)
    verb = verbs.add_parser("convert", parents=[index], help="convert models, and check tokens")
    verb.add_argument("names", nargs="*", metavar="MODEL", help="which ones; all by default")
    verb.set_defaults(run=_convert)
    verb = verbs.add_parser("serve", parents=[index], help="serve a model on loopback")
    verb.add_argument("name", nargs="?", default="tiny", choices=NAMES, metavar="MODEL")
    verb.add_argument(
        "--layout", choices=LAYOUTS, default="one", help="one, two workers, two nodes"
    )
    verb.add_argument("--port", type=int, default=0, help="any free one by default")
    verb.add_argument("--beside", action="store_true", help="though another one runs already")
    verb.usage = "%(prog)s [options] [MODEL] [-- OPTION …]"
    verb.epilog = "What stands behind -- goes to `vllm serve`."
    verb.set_defaults(run=_serve)
    verb = verbs.add_parser("test", parents=[index], help="run the tests that need it")
    verb.add_argument("more", nargs=argparse.REMAINDER, help="arguments for pytest")
    verb.set_defaults(run=_test)
    return parser


def _install(options: argparse.Namespace) -> int:
    if is_installed():
        say("the environment is there")
    install(say, index=options.torch_index)
    return 0


def _convert(options: argparse.Namespace) -> int:
    unknown = [name for name in options.names if name not in NAMES]
    if unknown:
        msg = f"no model is called {unknown[0]!r}; there are {', '.join(NAMES)}"
        raise ConvertError(msg)
    install(say, index=options.torch_index)
    for each in SERVED:
        if each.name in options.names or (not options.names and each.origin.is_file()):
            _provide(each, anew=True)
    return 0


def _provide(each: Served, *, anew: bool = False) -> None:
    if anew or not each.made:
        say(f"{each.name}: converting")
        each.make()
        say(f"{each.name}: the same tokens in {prove(each.name):,} texts")


def _serve(options: argparse.Namespace) -> int:
    install(say, index=options.torch_index)
    _provide(served(options.name))
    lock = FileLock(folder() / "serving.lock", blocking=False)
    try:
        lock.acquire()
    except Timeout:
        if not options.beside:
            msg = "another vLLM runs here, which takes 3 GB of memory: --beside starts one more"
            raise ServeError(msg) from None
    server = Vllm(options.name, options.layout, port=options.port, more=options.further)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        say(f"starting {options.name} ({options.layout}); its log: {server.log}")
        server.start()
        server.wait()
        print(f"{server.url}#{options.name}", flush=True)
        server.nodes[0].wait()
        say("vLLM has ended")
    finally:
        server.stop()
        lock.release()
    return 1


def _test(options: argparse.Namespace) -> int:
    install(say, index=options.torch_index)
    for each in SERVED:
        if each.origin.is_file():
            _provide(each)
    command = [sys.executable, "-m", "pytest", "-n", "0", "--vllm", "-m", "vllm", *options.more]
    return subprocess.run(command, cwd=_ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
