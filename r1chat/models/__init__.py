"""The built-in model."""

from pathlib import Path

TINY = "tiny"
"""What names it."""
FILE = Path(__file__).with_name("tiny.gguf")
