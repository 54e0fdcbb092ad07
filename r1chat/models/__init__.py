"""The built-in model."""

from pathlib import Path

TINY = "tiny"
"""What names it."""
FILE = Path(__file__).with_name("tiny.gguf")

_DECLINED = "That is beyond me."
"""How its answer begins where the question is none that it can answer."""


def declines(ref: str, answer: str) -> bool:
    """Whether an answer is the built-in model's word that a question is beyond it.

    Args:
        ref: What names the model that wrote it.
        answer: The answer.
    """
    return ref == TINY and answer.lstrip().startswith(_DECLINED)
