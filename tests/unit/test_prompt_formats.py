"""How a model sets its thoughts apart is told by its vocabulary, its template, the system text."""

from __future__ import annotations

import pytest

from r1chat.engine.base import Message
from r1chat.prompt import build, kind_of
from r1chat.reasoning.formats import FORMATS, THINK, Format
from r1chat.reasoning.phrases import FINISHED
from tests.factory import CHATML as TEMPLATE
from tests.unit.test_formats import BY_NAME, HELD_OUT
from tests.vocabulary import CHATML, ToyVocabulary

QUESTION = (Message("user", "One?"),)
every = pytest.mark.parametrize("format_", FORMATS, ids=lambda each: each.name)
both = pytest.mark.parametrize("tokens", [True, False], ids=["tokens", "letters"])

# What these families' own templates say of thoughts, cut down.
FAMILIES = {
    "Qwen3": ("{{ '<think>\n\n</think>\n\n' if not enable_thinking }}", "think"),
    "Granite 3.3": (
        (
            "Write your thoughts between <think></think> and write your response between "
            "<response></response> for each user query."
        ),
        "r1-zero",
    ),
    "Hunyuan": (
        "{{ '<think>' + m.thought + '</think>' if m.thought }}<answer>\n{{ c }}</answer>",
        "r1-zero",
    ),
    "EXAONE Deep": ("{{ '<thought>\n' }}", "thought"),
    "Magistral": ("Your thinking process must follow: [THINK]draft[/THINK]Here, a ", "mistral"),
    "gpt-oss": (
        "{{ '<|start|>assistant<|channel|>analysis<|message|>' ~ m.thinking ~ '<|end|>' }}",
        "harmony",
    ),
    "Gemma 4": ("{{ '<|channel>thought\n<channel|>' if not enable_thinking }}", "gemma"),
    "Seed-OSS": ("{% set begin = '<seed:think>' %}{% set end = '</seed:think>' %}", "seed"),
    "MiniMax M3": ("{{ '<mm:think>' if thinking_mode == 'enabled' }}", "minimax"),
    "Kimi-VL": ("{{ '◁think▷' }}", "kimi"),
    "Command R7B": ("{{ '<|START_THINKING|>' ~ p ~ '<|END_THINKING|>' }}", "cohere"),
    "Apertus": ("{% set t = '<|inner_prefix|>' %}{% set u = '<|inner_suffix|>' %}", "apertus"),
    "Granite 3.2": (
        (
            "Write your thoughts after 'Here is my thought process:' and write your response after "
            "'Here is my response:' for each user query."
        ),
        "granite",
    ),
    "Apriel": ("{% set start = 'Here are my reasoning steps:\n' %}", "apriel"),
}


def vocabulary_of(format_: Format, *, tokens: bool) -> ToyVocabulary:
    return ToyVocabulary((*CHATML, *(sorted(format_.pieces) if tokens else ())), ())


def template_of(format_: Format) -> str:
    return TEMPLATE + "{# " + " ".join(format_.markers) + " #}"


@pytest.mark.parametrize(("template", "name"), FAMILIES.values(), ids=FAMILIES)
def test_a_family_is_known_by_its_template(template: str, name: str) -> None:
    kind = kind_of(lambda _: False, TEMPLATE + template)
    assert (kind.format.name, kind.found, kind.thinks) == (name, "template", True)
    known = vocabulary_of(BY_NAME[name], tokens=True)
    kind = kind_of(lambda text: known.token_of(text) is not None, TEMPLATE + template)
    assert kind.format.name == name
    assert kind.found == ("template" if kind.format.sentences else "tokens")


@every
def test_markers_in_a_vocabulary_are_enough(format_: Format) -> None:
    if format_.sentences or format_.wrapped:
        return
    known = vocabulary_of(format_, tokens=True)
    kind = kind_of(lambda text: known.token_of(text) is not None, TEMPLATE)
    assert (kind.format, kind.found, kind.expected) == (format_, "tokens", False)


def test_what_the_template_says_counts_for_more_than_the_vocabulary() -> None:
    vocabulary = ToyVocabulary(CHATML)
    kind = kind_of(
        lambda text: vocabulary.token_of(text) is not None, TEMPLATE + "{{ '<reasoning>\n' }}"
    )
    assert (kind.format.name, kind.found) == ("reasoning", "template")


@pytest.mark.parametrize(
    "words", ["<|end|>", "<|user|>", "<tool_response>", "<|start|>", "thinking", "[INST]"]
)
def test_other_models_think_nothing(words: str) -> None:
    kind = kind_of(lambda text: text in {"<|end|>", "<|user|>"}, TEMPLATE + words)
    assert not kind.thinks
    assert kind.found == ""


@every
@both
def test_with_the_budget_off_the_thought_stands_finished_in_the_prompt(
    format_: Format, tokens: bool
) -> None:
    vocabulary = vocabulary_of(format_, tokens=tokens)
    for opens in (False, True):
        own = template_of(format_) + ("{{ " + repr(format_.opening) + " }}") * opens
        prompt = build(vocabulary, QUESTION, template=own, think=False)
        ending = f"assistant\n{format_.opening}{FINISHED}\n{format_.closing}"
        assert vocabulary.read(prompt.ids).endswith(ending)
        assert (prompt.prefilled, prompt.closed, prompt.opened) == (True, True, False)
        assert prompt.format.markers == format_.markers
        markers = set(vocabulary.markers(prompt.ids))
        assert (format_.pieces <= markers | set(_ends(format_))) is tokens or format_.sentences
        thinking = build(vocabulary, QUESTION, template=own)
        assert (thinking.prefilled, thinking.closed, thinking.opened) == (False, False, opens)


def _ends(format_: Format) -> set[str]:
    """What r1chat itself does not write."""
    return {piece for piece in format_.pieces if piece not in format_.opening + format_.closing}


@every
def test_its_own_markers_end_no_reply(format_: Format) -> None:
    vocabulary = vocabulary_of(format_, tokens=True)
    own = template_of(format_) + "{{ " + repr(format_.opening + format_.closing) + " }}"
    prompt = build(vocabulary, QUESTION, template=own)
    assert not {vocabulary.token_of(piece) for piece in format_.pieces} & prompt.ends
    assert not set(build(ToyVocabulary(CHATML, ()), QUESTION, template=own).stops) & format_.pieces


@pytest.mark.parametrize("format_", HELD_OUT, ids=lambda each: each.name)
@both
def test_a_format_of_a_users_own_is_preferred(format_: Format, tokens: bool) -> None:
    vocabulary = vocabulary_of(format_, tokens=tokens and not format_.sentences)
    own = template_of(format_) + "{# <think> #}"
    prompt = build(vocabulary, QUESTION, template=own, formats=(format_, *FORMATS), think=False)
    assert prompt.format is format_
    assert vocabulary.read(prompt.ids).endswith(f"{FINISHED}\n{format_.closing}")
    assert build(vocabulary, QUESTION, template=own).format is THINK


def test_a_system_text_may_ask_for_a_format() -> None:
    zero = "Think in <think> </think>, then answer in <answer> </answer>."
    for vocabulary, template in (
        (ToyVocabulary(CHATML, ()), TEMPLATE),
        (ToyVocabulary(), None),
    ):
        said = (Message("system", zero), *QUESTION)
        assert build(vocabulary, said, template=template).format.name == "r1-zero"
        assert build(vocabulary, QUESTION, template=template).format is THINK
    said = (Message("system", "Think between <scratch> and [THINK], [/THINK]."), *QUESTION)
    prompt = build(ToyVocabulary(CHATML, ()), said, template=TEMPLATE)
    assert prompt.format.name == "mistral"
    assert prompt.others == ()
    # R1 has its own.
    assert build(ToyVocabulary(), said, template=None).format is THINK


def test_where_nothing_tells_any_format_may_come() -> None:
    plain = ToyVocabulary(CHATML, ())
    prompt = build(plain, QUESTION, template=TEMPLATE)
    others = {each.name for each in prompt.others}
    assert others == set(BY_NAME) - {"think", "r1-zero", "granite", "apriel"}
    # What the question speaks of is wanted in the answer.
    asked = (Message("user", "Write <reasoning> and <answer> tags."),)
    prompt = build(plain, asked, template=TEMPLATE)
    assert {each.name for each in prompt.others} == others - {"reasoning"}
    assert build(ToyVocabulary(), QUESTION, template=None).others == ()
