"""Proves that a converted tokenizer makes the tokens that llama.cpp makes of the same file."""

from __future__ import annotations

import json
import random
import subprocess
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

from scripts.vllm.catalog import served
from scripts.vllm.places import model, python

_SEED = 7
_LONGEST = 60
_ALPHABETS = (
    "abcdefghijklmnopqrstuvwxyz    ABC'sdmtlre",
    "0123456789 +-*/=().,\n",
    " \t\n\r\u00a0\u2003\u200b",
    "äöüßéñçøåÆœ ÀÉ",
    "你好世界数学思考。，！？ 日本語テキスト",
    "привет мир ελληνικά שלום مرحبا नमस्ते",
    "😀🎉👩\u200d💻🇩🇪é\u0301\ufe0f",
    "{}[]()<>\\/|_^~`\"'#$%&@!?;:",
)
_PIECES = ("\\boxed{", "}", " the", " is", "I'll", "WE'RE", "\n\n", "  ", " 44 + 41", "…", "×")
_IDS_OF = """
import json, sys
from transformers import AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
texts = json.load(sys.stdin)
ids = [tokenizer.encode(each, add_special_tokens=False) for each in texts]
back = [tokenizer.decode(each, skip_special_tokens=False) for each in ids]
json.dump({"ids": ids, "back": back, "kind": type(tokenizer).__name__}, sys.stdout)
"""


class UnequalError(Exception):
    """A text has other tokens. One line."""


def texts(markers: Sequence[str], count: int) -> Iterator[str]:
    """Texts of every script, with and without markers.

    They are in the normal form NFC: vLLM's tokenizer for Qwen2 brings texts into it, whatever its
    file says, and llama.cpp takes them as they are.
    """
    draw = random.Random(_SEED)
    yield from (*markers, *_PIECES, "".join(markers), " ".join(markers), *_ALPHABETS)
    for number in range(count):
        alphabet = draw.choice(_ALPHABETS)
        parts = draw.choices(alphabet, k=draw.randrange(1, _LONGEST))
        for _ in range(draw.randrange(4)):
            parts.insert(draw.randrange(len(parts)), draw.choice(_PIECES))
        if number % 4 == 0:
            parts.insert(draw.randrange(len(parts)), draw.choice(markers))
        yield unicodedata.normalize("NFC", "".join(parts))


def ids_here(path: Path, wanted: Sequence[str]) -> list[list[int]]:
    """The tokens of texts, as the engine in process makes them."""
    from scripts.bench.questions import Asker

    vocabulary = Asker(path).vocabulary
    return [vocabulary.tokenize(each, special=True) for each in wanted]


def ids_there(folder: Path, wanted: Sequence[str]) -> tuple[list[list[int]], list[str]]:
    """The tokens of texts, and the texts of these tokens, as vLLM's tokenizer makes them."""
    done = subprocess.run(
        [str(python()), "-c", _IDS_OF, str(folder)],
        input=json.dumps([*wanted]),
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    return found["ids"], found["back"]


def prove(name: str, count: int = 2000) -> int:
    """Compares the tokens of many texts; returns how many.

    Raises:
        UnequalError: At the first that differs.
    """
    about = json.loads((model(name) / "tokenizer.json").read_text("utf-8"))
    wanted = [*texts([each["content"] for each in about["added_tokens"]], count)]
    ids, back = ids_there(model(name), wanted)
    for text, ours, theirs, again in zip(
        wanted, ids_here(served(name).gguf, wanted), ids, back, strict=True
    ):
        if ours != theirs or text != again:
            msg = f"{name}: {text!r} is {ours} for llama.cpp and {theirs} ({again!r}) for vLLM"
            raise UnequalError(msg)
    return len(wanted)
