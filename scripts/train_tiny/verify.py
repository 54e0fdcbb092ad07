"""Compare an exported GGUF with its checkpoint: tokens and most likely next tokens."""

from __future__ import annotations

import argparse
from pathlib import Path
from random import Random

import numpy as np
import torch
from llama_cpp import Llama, llama_get_logits_ith

from scripts.train_tiny.teacher.sample import sample
from scripts.train_tiny.tokenizer import Tokenizer
from scripts.train_tiny.train import load_model

ODD = (
    "",
    " ",
    "  ",
    "\n",
    " \n\n x",
    "\t\ttab",
    "don't WON'T I'll",
    "naïve café",
    "日本語のテキスト",
    "🙂🙃 emoji",
    "١٢٣ ½ ²",
    "a\r\nb",
    "x=1;y=2",
    "9.11 > 9.9?",
    "…—–“quotes”",
    "ÀÉÎ õü ß",
    "</thing> <thin",
    "１２３ fullwidth",
    "e\u0301 combining",
    "\u00a0nbsp\u00a0",
    "Привет, мир",
    "مرحبا",
    "\u200bzero width",
    "under_score __init__",
    "C:\\path\\file",
    "Zalgo̷",
)


def texts(count: int) -> list[str]:
    """Samples of the teacher, then odd strings."""
    rng = Random("verify")
    return ["".join(part.text for part in sample(rng)) for _ in range(count)] + list(ODD)


def likeliest(llama: Llama, ids: list[int]) -> list[int]:
    """Feed ids one by one and return what llama.cpp would have said after each."""
    llama.reset()
    out = []
    for index in ids:
        llama.eval([index])
        logits = llama_get_logits_ith(llama.ctx, -1)
        out.append(int(np.ctypeslib.as_array(logits, (llama.n_vocab(),)).argmax()))
    return out


def main() -> None:
    """Print how often both agree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("model")
    parser.add_argument("--count", type=int, default=100)
    args = parser.parse_args()
    tokenizer = Tokenizer.load(args.checkpoint.parent / "tokenizer.json")
    model = load_model(args.checkpoint).eval()
    llama = Llama(args.model, n_ctx=1024, n_threads=1, verbose=False)
    same_ids = same_next = seen = 0
    chosen = texts(args.count)
    for text in chosen:
        ours = tokenizer.encode(text)
        theirs = llama.tokenize(text.encode(), add_bos=False, special=True)
        same_ids += ours == theirs
        if ours != theirs:
            print("differs:", repr(text), ours, theirs)
        if not 2 < len(ours) < 1000:
            continue
        with torch.no_grad():
            mine = model.logits(model(torch.tensor([ours])))[0].argmax(-1).numpy()
        same_next += sum(a == b for a, b in zip(mine, likeliest(llama, ours), strict=True))
        seen += len(ours)
    print(f"tokens: {same_ids} of {len(chosen)} texts agree")
    print(f"argmax: {100 * same_next / seen:.2f} % of {seen} agree")


if __name__ == "__main__":
    main()
