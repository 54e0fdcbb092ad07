"""Parses the quant from a name: of a file, a folder, or as a user writes it."""

from __future__ import annotations

import re

SHARD = re.compile(r"(.*)-(\d{5})-of-(\d{5})\.gguf", re.IGNORECASE | re.DOTALL | re.ASCII)
"""The name of a part of a split model: what stands before, its number, how many there are."""

_WHOLE_NUMBERS = (
    # Q4_K_M, IQ2_XXS, Q4_0_4_4, Q8_0_L, IQ4_K_R4. What follows is part of it if it is short, and
    # is no version.
    r"I?Q\d(?:_(?!V\d)[A-Z0-9]{1,3}(?![A-Z0-9]))*",
    r"TQ\d_\d",
    r"I2_S",
    r"TL[12]",
    r"(?:MX|NV)FP4(?:_MOE)?",
)
_FLOATS = (r"BF16", r"F(?:P|LOAT)?16", r"F(?:P|LOAT)?32")
_FORM = re.compile(
    rf"(?:^|[-._ (])((?:UD[-_])?(?:{'|'.join(_WHOLE_NUMBERS + _FLOATS)}))(?=$|[-._ )])",
    re.IGNORECASE | re.ASCII,
)
_FLOAT = re.compile(rf"(?:UD-)?(?:{'|'.join(_FLOATS)})")
# mradermacher writes before the quant that it was weighted: "Model.i1-Q4_K_M.gguf".
_WEIGHTED = "I1-"
_IMATRIX = "imatrix"


def normal(text: str) -> str:
    """A quant as r1chat writes it: "fp16" and "F16" are the same, so are "i1-q4-0" and "Q4_0"."""
    quant = text.strip().upper().removeprefix(_WEIGHTED).replace("-", "_").replace("UD_", "UD-")
    return re.sub(r"^((?:UD-)?)F(?:P|LOAT)(16|32)$", r"\1F\2", quant)


def quant_in(name: str) -> str:
    """The quant that a file's name without its ending, or a folder's, tells; else empty.

    Of several it is the last, e.g. where a model's name speaks of one. A float beside a real quant
    is that of a few tensors: "Q8_0-f16".
    """
    told = [normal(each) for each in _FORM.findall(name)]
    whole = [each for each in told if not _FLOAT.fullmatch(each)]
    return (whole or told or [""])[-1]


def quant_of(path: str) -> str:
    """The quant that a file's name, else its folder's, tells; empty if neither does."""
    shard = SHARD.fullmatch(path)
    stem = shard[1] if shard else path[: -len(".gguf")]
    return next((told for part in reversed(stem.split("/")) if (told := quant_in(part))), "")


def is_statistics(name: str) -> bool:
    """Whether a GGUF file has the statistics that quants are made with, and is no model.

    A model may have the word in its name, too: "Model-imatrix-Q4_K_M.gguf".
    """
    stem = name.lower().removesuffix(".gguf")
    if _IMATRIX not in stem or SHARD.fullmatch(name):  # They are small, and never split.
        return False
    quant = quant_in(stem)
    taken_of = stem.endswith(_IMATRIX) and _FLOAT.fullmatch(quant)
    return not quant or bool(taken_of) or bool(re.match(rf"{_IMATRIX}[-._]", stem))
