"""Prompts on llama.cpp's own tokenizers."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import gguf
import pytest

from r1chat.compose import resolve
from r1chat.engine import native
from r1chat.engine.base import Message
from r1chat.engine.native import api
from r1chat.engine.vocab import LlamaVocabulary
from r1chat.prompt import build, plain
from tests.factory import CHATML, CHATML_MARKERS, R1_MARKERS, write_model

# As DeepSeek publishes it with the distills, without its tools.
R1_TEMPLATE = (
    "{% set ns = namespace(system_prompt='') %}"
    "{% for message in messages %}{% if message['role'] == 'system' %}"
    "{% set ns.system_prompt = message['content'] %}{% endif %}{% endfor %}"
    "{{ bos_token }}{{ ns.system_prompt }}"
    "{% for message in messages %}{% if message['role'] == 'user' %}"
    "{{ '<｜User｜>' + message['content'] }}{% endif %}"
    "{% if message['role'] == 'assistant' %}{% set content = message['content'] %}"
    "{% if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}"
    "{{ '<｜Assistant｜>' + content + '<｜end▁of▁sentence｜>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<｜Assistant｜><think>\\n' }}{% endif %}"
)
CONVERSATION = (
    Message("user", "What is 44 + 41 + 25?"),
    Message("assistant", "It is \\boxed{110}."),
    Message("user", "  And half of it?\n"),
)
Open = Callable[[Path], LlamaVocabulary]


@pytest.fixture(scope="module")
def open_vocabulary() -> Iterator[Open]:
    native.start()
    models = []

    def load(path: Path) -> LlamaVocabulary:
        parameters = api.llama_model_default_params()
        parameters.vocab_only = True
        models.append(api.llama_model_load_from_file(str(path).encode(), parameters))
        return LlamaVocabulary(models[-1])

    yield load
    for model in models:
        api.llama_model_free(model)


def write_sentencepiece(path: Path) -> Path:
    """Writes a vocabulary that puts a space before a text, and has a marker in plain reach.

    Its pieces "<", "/s>" and so on merge into the control token "</s>", which llama.cpp finds in
    plain text too.
    """
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    letters = [chr(code) for code in range(33, 127)]
    words = ["▁", "</", "s>", "▁th", "ink", "▁and"]
    tokens = ["<unk>", "<s>", "</s>", "<|user|>", "<think>", *bytes_, *letters, *words]
    kinds = gguf.TokenType
    types = [kinds.UNKNOWN, kinds.CONTROL, kinds.CONTROL, kinds.CONTROL, kinds.USER_DEFINED]
    types += [kinds.BYTE] * len(bytes_) + [kinds.NORMAL] * (len(letters) + len(words))
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([-float(number) for number in range(len(tokens))])
    writer.add_token_types(types)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_space_prefix(True)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture(scope="module")
def vocabularies(
    open_vocabulary: Open, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, LlamaVocabulary]:
    folder = tmp_path_factory.mktemp("vocabularies")
    return {
        "tiny": open_vocabulary(resolve("tiny")),
        "r1": open_vocabulary(write_model(folder / "r1.gguf", markers=R1_MARKERS)),
        "chatml": open_vocabulary(write_model(folder / "chatml.gguf", markers=CHATML_MARKERS)),
        "sentencepiece": open_vocabulary(write_sentencepiece(folder / "spm.gguf")),
    }


def read(vocabulary: LlamaVocabulary, ids: tuple[int, ...] | list[int]) -> str:
    return b"".join(map(vocabulary.piece, ids)).decode()


@pytest.mark.parametrize("name", ["tiny", "r1", "chatml", "sentencepiece"])
def test_no_text_gives_a_marker_and_every_text_reads_the_same(
    name: str, vocabularies: dict[str, LlamaVocabulary]
) -> None:
    vocabulary = vocabularies[name]
    rng = random.Random(name)
    markers = [text for text, _ in (*R1_MARKERS, *CHATML_MARKERS)]
    pieces = [*markers, "</s>", "<s>", "<unk>", "<|user|>", "<", "</", "s>", "think>", "｜"]
    pieces += [" ", "\n", "\t", "é", "日本", "😀", " and", "word", "1 + 1"]
    for _ in range(500):
        text = "".join(rng.choices(pieces, k=rng.randrange(1, 12)))
        ids = plain(vocabulary, text)
        assert not any(map(vocabulary.is_marker, ids)), text
        prefix = " " if name == "sentencepiece" else ""
        # SentencePiece takes U+2581 for a space.
        same = text.replace("▁", " ") if prefix else text
        assert read(vocabulary, ids) == prefix + same


@pytest.mark.parametrize("name", ["tiny", "r1"])
def test_r1_framing_is_what_deepseeks_own_template_gives(
    name: str, vocabularies: dict[str, LlamaVocabulary]
) -> None:
    vocabulary = vocabularies[name]
    ids = build(vocabulary, CONVERSATION, template=None).ids
    # A vocabulary that hides its markers from `build` gets the template rendered.
    rendered = build(_Unmarked(vocabulary), CONVERSATION, template=R1_TEMPLATE)
    assert rendered.framing == "template"
    assert rendered.ids == ids
    assert rendered.opened
    text = read(vocabulary, ids)
    assert list(ids) == vocabulary.tokenize(text, special=True)


class _Unmarked:
    """A vocabulary whose markers cannot be asked for by name."""

    def __init__(self, vocabulary: LlamaVocabulary) -> None:
        self._vocabulary = vocabulary

    def __getattr__(self, name: str) -> object:
        return getattr(self._vocabulary, name)

    def token_of(self, text: str) -> None:
        del text


def test_a_rendered_template_gets_the_tokens_of_its_text(
    vocabularies: dict[str, LlamaVocabulary],
) -> None:
    vocabulary = vocabularies["chatml"]
    prompt = build(vocabulary, CONVERSATION, template=CHATML)
    text = read(vocabulary, prompt.ids)
    assert text.endswith("<|im_start|>user\n  And half of it?\n<|im_end|>\n<|im_start|>assistant\n")
    assert list(prompt.ids) == vocabulary.tokenize(text, special=True)


def test_a_template_for_sentencepiece_gets_the_tokens_of_its_text(
    vocabularies: dict[str, LlamaVocabulary],
) -> None:
    vocabulary = vocabularies["sentencepiece"]
    template = "{{ bos_token }}{% for m in messages %}<|user|>[I] {{ m.content }} [/I]{% endfor %}"
    prompt = build(vocabulary, (Message("user", "Hi and bye"),), template=template)
    whole = vocabulary.tokenize("<s><|user|>[I] Hi and bye [/I]", special=True)
    assert list(prompt.ids) == whole


def test_the_tiny_models_file_carries_its_markers(
    vocabularies: dict[str, LlamaVocabulary],
) -> None:
    vocabulary = vocabularies["tiny"]
    prompt = build(vocabulary, CONVERSATION[:1], template=None)
    assert prompt.framing == "r1"
    assert prompt.ids[0] == vocabulary.bos
    assert prompt.opened
    assert vocabulary.token_of("<think>") in prompt.ids
