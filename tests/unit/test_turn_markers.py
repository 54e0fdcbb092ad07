"""Markers between turns, over the families of models in use."""

from __future__ import annotations

import pytest

from r1chat.engine.base import Message
from r1chat.prompt import build, frame, turns
from r1chat.prompt.parts import Content
from tests.vocabulary import R1, ToyVocabulary

HELLO = Content("Hello <|im_start|> [INST]")

# What stands around a user's message; what of it is a token; which of the tokens end a reply.
FAMILIES = {
    "r1": (["<｜User｜>", HELLO, "<｜Assistant｜><think>\n"], "<｜User｜> <｜Assistant｜>"),
    "chatml": (
        ["<|im_start|>user\n", HELLO, "<|im_end|>\n<|im_start|>assistant\n"],
        "<|im_start|> <|im_end|>",
    ),
    "gemma": (
        ["<start_of_turn>user\n", HELLO, "<end_of_turn>\n<start_of_turn>model\n"],
        "<start_of_turn> <end_of_turn>",
    ),
    "gemma 4": (["<|turn>user\n", HELLO, "<turn|>\n<|turn>model\n"], "<|turn> <turn|>"),
    "llama 3": (
        ["<|start_header_id|>user<|end_header_id|>\n\n", HELLO, "<|eot_id|>"],
        "<|start_header_id|> <|end_header_id|> <|eot_id|>",
    ),
    "llama 4": (
        ["<|header_start|>user<|header_end|>\n\n", HELLO, "<|eot|>"],
        "<|header_start|> <|header_end|> <|eot|>",
    ),
    "mistral": (["[INST]", HELLO, "[/INST]"], "[INST] [/INST]"),
    "phi, zephyr, glm": (["<|user|>\n", HELLO, "<|assistant|>\n"], "<|user|> <|assistant|>"),
    "deepseek, old": (["<|User|>", HELLO, "<|Assistant|>"], "<|User|> <|Assistant|>"),
    "granite": (
        ["<|start_of_role|>user<|end_of_role|>", HELLO, "\n"],
        "<|start_of_role|> <|end_of_role|>",
    ),
    "cohere": (
        ["<|START_OF_TURN_TOKEN|><|USER_TOKEN|>", HELLO, "<|END_OF_TURN_TOKEN|>"],
        "<|START_OF_TURN_TOKEN|> <|USER_TOKEN|> <|END_OF_TURN_TOKEN|>",
    ),
    "exaone": (["[|user|]", HELLO, "[|endofturn|]\n[|assistant|]"], "[|user|] [|endofturn|]"),
    "one that nobody knows": (["<|human_says|>", HELLO, "<|over|>"], "<|human_says|> <|over|>"),
}
INSIDE_REPLIES = (
    "<think>",
    "</think>",
    "[THINK]",
    "<|channel|>",
    "<|message|>",
    "<|start|>",
    "<|end|>",
    "<|START_THINKING|>",
    "<|END_RESPONSE|>",
    "<|inner_prefix|>",
    "<tool_call>",
    "\n\n",
    "<h1>",
)


@pytest.mark.parametrize(("framing", "markers"), FAMILIES.values(), ids=FAMILIES)
def test_markers_that_are_tokens_end_a_reply(framing, markers):
    names = tuple(markers.split())
    vocabulary = ToyVocabulary((*R1[:2], *names), INSIDE_REPLIES)
    tokens = turns.tokens(vocabulary, framing)
    assert {vocabulary.piece(token).decode() for token in tokens} - set(R1) == set(names) - set(R1)
    assert vocabulary.bos not in tokens


@pytest.mark.parametrize(("framing", "markers"), FAMILIES.values(), ids=FAMILIES)
def test_markers_that_are_no_tokens_end_a_reply_as_texts(framing, markers):
    names = set(markers.split())
    texts = turns.texts(lambda _: False, framing)
    assert names <= set(texts)


@pytest.mark.parametrize("name", INSIDE_REPLIES)
def test_what_stands_inside_replies_ends_none(name):
    vocabulary = ToyVocabulary(R1[:2], INSIDE_REPLIES)
    framing = [name, HELLO, f"{name}assistant"]
    assert not turns.tokens(vocabulary, framing) - {vocabulary.eos}
    assert turns.texts(lambda _: False, framing) == ()


@pytest.mark.parametrize(
    ("before", "text"),
    [
        ("User: ", "\nUser:"),
        ("USER: ", "\nUSER:"),
        ("\n\nHuman: ", "\nHuman:"),
        ("### Instruction:\n", "\n### Instruction:"),
    ],
)
def test_roles_in_words_end_a_reply(before, text):
    assert turns.texts(lambda _: True, [before, HELLO, "\nAssistant:"]) == (text,)


@pytest.mark.parametrize(
    ("framing", "texts"),
    [
        # Vicuna, on its first turn and on a later one.
        (["They talk. USER: ", HELLO, " ASSISTANT:"], ("\nUSER:", " USER:")),
        (["USER: ", HELLO, " ASSISTANT: ", HELLO, "</s>USER: ", HELLO, " ASSISTANT:"], None),
        (["### Human: ", HELLO, "### Assistant:"], ("\n### Human:", "### Human:")),
        (["GPT4 User: ", HELLO, " GPT4 Assistant:"], ("\nGPT4 User:", " GPT4 User:")),
        (["Alice: ", HELLO, "\nBob:"], ("\nAlice:",)),
        (["Question: ", HELLO, " Answer:"], ("\nQuestion:",)),
        (["Q: ", HELLO, "\nA:"], ("\nQ:",)),
        # No role: an instruction, or one behind a marker that ends the reply itself.
        (["Answer this.\n", HELLO, "\n"], ()),
        (["<|im_start|>user\nQuery: ", HELLO, "<|im_end|>"], ()),
    ],
)
def test_roles_in_whatever_words_end_a_reply(framing, texts):
    found = turns.texts(lambda _: True, framing)
    assert set(found) == set(("\nUSER:", " USER:") if texts is None else texts)


def test_a_marker_that_begins_texts_and_turns_ends_a_reply():
    vocabulary = ToyVocabulary(("<|im_start|>", "<|im_end|>"), ())
    tokens = turns.tokens(vocabulary, FAMILIES["chatml"][0])
    assert {vocabulary.bos, vocabulary.eos} <= tokens


def test_what_a_user_writes_is_no_framing():
    framing = [Content("\nUser: <|im_start|> [INST]")]
    assert turns.texts(lambda _: False, framing) == ()
    framed = frame(lambda _: False, [Message("user", "\nUser: <|im_end|>")], template=None)
    assert framed.stops == ()


def test_a_prompt_knows_how_a_reply_may_end():
    vocabulary = ToyVocabulary()
    prompt = build(vocabulary, [Message("user", "Hi")], template=None)
    assert vocabulary.markers(sorted(prompt.ends)) == [*R1[1:]]
    assert prompt.stops == ()
    raw = build(vocabulary, [Message("user", "Hi")], template=None, raw=True)
    assert raw.ends == prompt.ends
