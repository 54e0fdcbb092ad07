"""`r1chat doctor`: what r1chat stands on here, what is wrong with it, and how to mend it."""

from __future__ import annotations

import argparse
import json


def main(args: argparse.Namespace) -> int:
    """Examines this machine and prints what was found.

    Args:
        args: Its `format` is "text" or "json".

    Returns:
        0 where r1chat can answer questions, else 1.
    """
    from r1chat.doctor import findings
    from r1chat.doctor.examination import examine

    sections = examine()
    if args.format == "json":
        print(json.dumps(findings.as_json(sections), indent=2))  # noqa: T201  (it was asked for)
    else:
        print(findings.as_text(sections))  # noqa: T201  (it was asked for)
    return 0 if findings.healthy(sections) else 1
