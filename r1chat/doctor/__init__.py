"""`r1chat doctor`: what r1chat stands on here, what is wrong with it, and how to mend it."""

from __future__ import annotations

import argparse
import sys


def main(args: argparse.Namespace) -> int:
    """Examines this machine and prints what was found.

    Args:
        args: Its `format` is "text" or "json".

    Returns:
        0 where r1chat can answer questions, else 1.

    Raises:
        R1ChatError: If it cannot be printed.
        BrokenPipeError: If nobody reads it.
    """
    from r1chat.doctor import examination, findings
    from r1chat.output import Out, write_indented

    out = Out(sys.stdout)
    sections = examination.examine()
    if args.format == "json":
        write_indented(out, findings.as_json(sections))
    else:
        out.write(findings.as_text(sections) + "\n")
    return 0 if findings.healthy(sections) else 1
