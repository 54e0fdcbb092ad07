"""Downloads a model from the Hub of the environment: `python -m tests.hub.puller REF`."""

# ruff: noqa: T201 - a program for the terminal

from __future__ import annotations

import sys

from r1chat.errors import R1ChatError
from tests.hub.pulling import pull

if __name__ == "__main__":
    try:
        print(pull(sys.argv[1]), flush=True)
    except R1ChatError as error:
        print(error, flush=True)
        sys.exit(5)
