"""The options of scripts that compare ways to draw samples."""

from __future__ import annotations

import argparse
from pathlib import Path


def parser(description: str | None) -> argparse.ArgumentParser:
    """Reads them: the model, the questions, how they are asked, and where samples are kept.

    Args:
        description: What the script does, its lines as they are.
    """
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--model", default="tiny")
    made.add_argument("--questions", default="tiny", help="a file, or a built-in set")
    made.add_argument("--samples", type=int, default=8)
    made.add_argument("--budget", default="max")
    made.add_argument("--think", default="auto")
    made.add_argument("--words", default="", help="put behind each question")
    made.add_argument("--temperature", type=float, default=1.0)
    made.add_argument("--ctx", type=int)
    made.add_argument("--limit", type=int, help="ask the first questions only")
    made.add_argument("--kept", type=Path, help="keep what was drawn here, and resume from there")
    return made
