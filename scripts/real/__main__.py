"""Fetches real models and prints their paths: see `scripts/real_models --help`."""

from __future__ import annotations

import argparse
import sys

from scripts.real.fetching import FetchError, check, fetch
from scripts.real.models import COMMAND, FOLDER_VARIABLE, HEAD, MODELS, NAMES, SMALL_R1, path_of
from scripts.real.models import folder as place
from scripts.real.small_r1 import write_small_r1

_WHOLE_HEAD = 4_683_073_248
"""Bytes of the whole file whose beginning `HEAD` is; its header says where its tensors lie."""


def say(text: str) -> None:
    """Tells on stderr what takes its time: stdout is for the paths."""
    print(f"{COMMAND}: {text}", file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    listed = "\n".join(f"  {m.name:26}{m.size / 1e6:7,.0f} MB  {m.title}" for m in MODELS)
    listed += (
        f"\n  {SMALL_R1:26}{'20 MB':>10}  random weights with the vocabulary of the line above"
    )
    parser = argparse.ArgumentParser(
        prog=COMMAND,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Fetches real models for `scripts/test --real` and for measurements, checks "
        "their sums\nand prints their paths. A run that was broken off goes on where it stopped.",
        epilog=f"models:\n{listed}\n\n"
        f"They are kept in {place()}; {FOLDER_VARIABLE}=DIR moves them.",
    )
    parser.add_argument("names", nargs="*", metavar="MODEL", help="which ones; all by default")
    parser.add_argument("--verify", action="store_true", help="check files that are there, too")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in NAMES]
    if unknown:
        parser.error(f"no model is called {unknown[0]!r}; there are {', '.join(NAMES)}")
    try:
        for name in options.names or NAMES:
            print(provide(name, verify=options.verify), flush=True)
    except (FetchError, OSError) as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("stopped; the next run goes on here")
        return 130
    return 0


def provide(name: str, *, verify: bool) -> str:
    """Sees to it that a model is there; returns its path.

    Raises:
        FetchError: If it cannot be had.
    """
    if name == SMALL_R1:
        target = path_of(SMALL_R1)
        if not target.is_file():
            head = fetch(HEAD, place(), say)
            write_small_r1(head, _WHOLE_HEAD, target)
        return str(target)
    model = next(model for model in MODELS if model.name == name)
    there = path_of(name).is_file()
    target = fetch(model, place(), say)
    if verify and there:
        check(target, model)
    return str(target)


if __name__ == "__main__":
    sys.exit(main())
