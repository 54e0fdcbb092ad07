"""Facts about the format, from the sources of llama.cpp that llama-cpp-python 0.3.36 vendors.

``ggml/include/ggml.h`` and ``ggml/src/ggml-common.h`` (tensor types), ``include/llama.h`` (file
types), ``src/llama-arch.cpp`` (architectures).
"""

from __future__ import annotations

LISTED_FOR = (0, 3, 36)
"""The version of llama-cpp-python whose architectures are listed here."""

_DECODERS = (
    "afmoe apertus arcee arctic arwkv7 baichuan bailingmoe bailingmoe2 bailingmoe3 bitnet "
    "bloom chameleon chatglm codeshell cogvlm cohere2 cohere2moe command-r dbrx deci "
    "deepseek deepseek2 deepseek2-ocr deepseek32 deepseek4 dots1 dots3note ernie4_5 "
    "ernie4_5-moe exaone exaone-moe exaone4 falcon falcon-h1 gemma gemma2 gemma3 gemma3n "
    "gemma4 glm-dsa glm4 glm4moe glm5-next gpt-oss gpt2 gptj gptneox granite granite_swa "
    "granitehybrid granitemoe graniteswitch grok grovemoe hrm_text hunyuan-dense "
    "hunyuan-moe hunyuan_vl hy_v3 hy_v4 internlm2 jais jais2 jamba kimi-k3 kimi-linear "
    "laguna lfm2 lfm2moe llama llama4 maincoder mamba mamba2 maple mellum mimo2 minicpm "
    "minicpm3 minimax-01 minimax-m2 minimax-m3 mistral3 mistral4 mpt muse-glimmer nanbeige "
    "nemotron nemotron_h nemotron_h_moe olmo olmo2 olmoe openelm orion paddleocr "
    "pangu-embedded phi2 phi3 phimoe plamo plamo2 plamo3 plm qwen qwen2 qwen2moe qwen2vl "
    "qwen3 qwen35 qwen35moe qwen3moe qwen3next qwen3vl qwen3vlmoe qwen4exp refact rwkv6 "
    "rwkv6qwen2 rwkv7 seed_oss smallthinker smollm3 spark2_5 stablelm starcoder starcoder2 "
    "step35 talkie xverse "
)
SUPPORTED_ARCHITECTURES = tuple(_DECODERS.split())
"""The architectures that can chat: decoders that write one token after another."""

_ENCODER = "an embedding model, which has no words to answer with"
_SEQ2SEQ = "an encoder-decoder model, which r1chat does not run"
_DIFF = "a diffusion language model, which r1chat does not run"
_DRAFT = "a draft model, which only helps another one"
_SPEECH = "a speech model"
_IMAGE = "the image part of a model (mmproj)"
_PICTURES = "a model that makes pictures or videos"
_PAINTERS = "flux sd1 sd3 sdxl aura hidream cosmos ltxv hyvid wan lumina2 qwen_image"

OTHER_ARCHITECTURES = {
    "bert": _ENCODER,
    "modern-bert": _ENCODER,
    "nomic-bert": _ENCODER,
    "nomic-bert-moe": _ENCODER,
    "neo-bert": _ENCODER,
    "jina-bert-v2": _ENCODER,
    "jina-bert-v3": _ENCODER,
    "eurobert": _ENCODER,
    "gemma-embedding": _ENCODER,
    "llama-embed": _ENCODER,
    "t5encoder": _ENCODER,
    "t5": _SEQ2SEQ,
    "dream": _DIFF,
    "llada": _DIFF,
    "llada-moe": _DIFF,
    "rnd1": _DIFF,
    "eagle3": _DRAFT,
    "dflash": _DRAFT,
    "gemma4-assistant": _DRAFT,
    "wavtokenizer-dec": _SPEECH,
    "qwen3tts": _SPEECH,
    "pockettts": _SPEECH,
    "clip": _IMAGE,
    # Other programs', which no llama.cpp will ever know.
    "whisper": _SPEECH,
    **dict.fromkeys(_PAINTERS.split(), _PICTURES),
}
"""The architectures that cannot chat, with what they are."""

TENSOR_TYPES = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    9: ("Q8_1", 32, 40),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1),
    25: ("I16", 1, 2),
    26: ("I32", 1, 4),
    27: ("I64", 1, 8),
    28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2),
    34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17),
    40: ("NVFP4", 64, 36),
    41: ("Q1_0", 128, 18),
    42: ("Q2_0", 64, 18),
}
"""By number: name, elements in a block, bytes in a block."""

FILE_TYPES = {
    0: "F32",
    1: "F16",
    2: "Q4_0",
    3: "Q4_1",
    7: "Q8_0",
    8: "Q5_0",
    9: "Q5_1",
    10: "Q2_K",
    11: "Q3_K_S",
    12: "Q3_K_M",
    13: "Q3_K_L",
    14: "Q4_K_S",
    15: "Q4_K_M",
    16: "Q5_K_S",
    17: "Q5_K_M",
    18: "Q6_K",
    19: "IQ2_XXS",
    20: "IQ2_XS",
    21: "Q2_K_S",
    22: "IQ3_XS",
    23: "IQ3_XXS",
    24: "IQ1_S",
    25: "IQ4_NL",
    26: "IQ3_S",
    27: "IQ3_M",
    28: "IQ2_S",
    29: "IQ2_M",
    30: "IQ4_XS",
    31: "IQ1_M",
    32: "BF16",
    36: "TQ1_0",
    37: "TQ2_0",
    38: "MXFP4_MOE",
    39: "NVFP4",
    40: "Q1_0",
    41: "Q2_0",
}
"""The names of ``general.file_type``."""
