"""Where `r1chat` and `python -m r1chat` begin. Imports nothing heavy."""

from __future__ import annotations

import sys

_INTERRUPTED = 130


def main() -> int:
    """Runs r1chat with the process's arguments and returns the exit code."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        from r1chat import __version__

        # The whole command line, argparse included, would take several times as long to import.
        print(f"r1chat {__version__}")  # noqa: T201
        return 0
    try:
        from r1chat import cli, crashes

        crashes.tell_by(cli.crash_report(sys.argv[1:]))
        return cli.main()
    except KeyboardInterrupt:
        # In the middle of an import: there is nothing yet that could be stopped or kept.
        return _INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
