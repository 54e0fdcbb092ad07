"""Chat templates are told whether to think, and how long, in whatever way they can be told."""

from __future__ import annotations

import pytest

from r1chat.engine.base import Message
from r1chat.prompt import Prompt, build
from r1chat.prompt.switches import LOW_UP_TO, MEDIUM_UP_TO, hinted, tellings
from r1chat.reasoning.phrases import FINISHED
from tests.factory import CHATML as TURNS
from tests.vocabulary import CHATML, ToyVocabulary

VOCABULARY = ToyVocabulary(CHATML, ())
QUESTION = Message("user", "Two?")
LATER = (Message("user", "One?"), Message("assistant", "1", thought="\nHm.\n"), QUESTION)


def built(template: str, *messages: Message, effort: int | str | None = None, think: bool = True):
    asked = messages or (QUESTION,)
    return build(VOCABULARY, asked, template=TURNS + template, think=think, effort=effort)


def ending(prompt: Prompt) -> str:
    return VOCABULARY.read(prompt.ids).rpartition("assistant\n")[2]


# How families switch thoughts on and off, cut down: template, ending when on, ending when off.
SWITCHES = {
    "Qwen3": (
        (
            "{% if enable_thinking is defined and enable_thinking is false %}"
            "{{ '<think>\n\n</think>\n\n' }}{% endif %}"
        ),
        "",
        "<think>\n\n</think>\n\n",
    ),
    "GLM-4.7": (
        "{{ '</think>' if (enable_thinking is defined and not enable_thinking) else '<think>' }}",
        "<think>",
        "</think>",
    ),
    "DeepSeek V3.1": (
        (
            "{% if not thinking is defined %}{% set thinking = false %}{% endif %}"
            "{% if not thinking %}{{ '<think></think>' }}{% else %}{{ '<think>' }}{% endif %}"
        ),
        "<think>",
        "<think></think>",
    ),
    "MiniMax M3": (
        (
            "{% if thinking_mode is defined and thinking_mode == 'disabled' %}{{ '</mm:think>' }}"
            "{% elif thinking_mode == 'enabled' %}{{ '<mm:think>' }}{% endif %}"
        ),
        "<mm:think>",
        "</mm:think>",
    ),
    "Ling": (
        (
            "{% if thinking_option == 'on' %}{{ '<think>' }}"
            "{% elif thinking_option == 'off' %}{{ '<think></think>' }}{% endif %}"
        ),
        "<think>",
        "<think></think>",
    ),
    "Cohere": (
        (
            "{% if reasoning %}{{ '<|START_THINKING|>' }}"
            "{% else %}{{ '<|START_THINKING|><|END_THINKING|>' }}{% endif %}"
        ),
        "<|START_THINKING|>",
        "<|START_THINKING|><|END_THINKING|>",
    ),
    "Seed-OSS": (
        (
            "{% if thinking_budget is defined and thinking_budget == 0 %}"
            "{{ '<seed:think>\nNo budget.\n</seed:think>' }}{% endif %}"
        ),
        "",
        "<seed:think>\nNo budget.\n</seed:think>",
    ),
    "Hunyuan 3": (
        (
            "{% if not reasoning_effort is defined %}{% set reasoning_effort = 'no_think' %}"
            "{% elif reasoning_effort not in ['high', 'low', 'no_think'] %}"
            "{{ raise_exception('no such effort') }}{% endif %}"
            "{{ '<think></think>' if reasoning_effort == 'no_think' else '<think>' }}"
        ),
        "<think>",
        "<think></think>",
    ),
    "Nemotron Nano 2": (
        (
            "{% set found = namespace(off=false) %}{% for m in messages %}"
            "{% if '/no_think' in m.content %}{% set found.off = true %}{% endif %}{% endfor %}"
            "{{ '<think></think>' if found.off else '<think>\n' }}"
        ),
        "<think>\n",
        "<think></think>",
    ),
    "Nemotron Super 1.5": (
        (
            "{% if messages[0].role == 'system' and '/no_think' in messages[0].content %}"
            "{{ '<think>\n\n</think>\n\n' }}{% endif %}"
        ),
        "",
        "<think>\n\n</think>\n\n",
    ),
    "Granite 3.3": ("{% if thinking %}{{ '' }}{# <think></think> #}{% endif %}", "", None),
    "without a switch": ("{{ '<think>\n' }}", "<think>\n", None),
}


@pytest.mark.parametrize(("template", "on", "off"), SWITCHES.values(), ids=SWITCHES)
@pytest.mark.parametrize("system", [(), (Message("system", "Be brief."),)], ids=["", "system"])
def test_a_template_is_told_in_its_own_way_not_to_think(template, on, off, system) -> None:
    thinking = built(template, *system, QUESTION)
    assert ending(thinking) == on
    assert not (thinking.closed)
    assert not (thinking.prefilled)
    resting = built(template, *system, QUESTION, think=False)
    assert resting.closed
    assert resting.prefilled is (off is None)
    assert ending(resting) == off or f"{FINISHED}\n</think>\n\n" in ending(resting)


def test_where_the_switch_takes_the_request_for_a_thought_back_none_is_closed() -> None:
    asks = "{% if thinking %}{{ 'Think in <think></think>.' }}{% endif %}"
    template = asks + TURNS
    for think in (True, False):
        prompt = build(VOCABULARY, (QUESTION,), template=template, think=think)
        assert prompt.thinks
        assert ending(prompt) == ""
        assert VOCABULARY.read(prompt.ids).startswith("Think in") is think
        assert not prompt.prefilled


EFFORTS = {
    # As gpt-oss: it writes down what it is told.
    "any word": (
        (
            "{% if reasoning_effort is undefined %}{% set reasoning_effort = 'medium' %}{% endif %}"
            "{{ 'Reasoning: ' + reasoning_effort }}{# <think> #}"
        ),
        {None: "", LOW_UP_TO: "low", LOW_UP_TO + 1: "medium", MEDIUM_UP_TO + 1: "high"},
    ),
    # As Kimi K3: what it does not know it refuses.
    "some words": (
        (
            "{% if thinking_effort is undefined %}{% set thinking_effort = 'max' %}{% endif %}"
            "{% if thinking_effort not in ['low', 'high', 'max'] %}{{ raise_exception('no') }}"
            "{% endif %}{{ thinking_effort }}{# <think> #}"
        ),
        {None: "", LOW_UP_TO: "low", MEDIUM_UP_TO: "low", MEDIUM_UP_TO + 1: "high"},
    ),
    # As DeepSeek V4: only more than usual has a word.
    "more only": (
        (
            "{% if reasoning_effort is defined and reasoning_effort == 'max' %}"
            "{{ reasoning_effort_max }}"
            "{% endif %}{# <think> #}"
        ),
        {None: "", 64: "", MEDIUM_UP_TO + 1: ""},
    ),
    # As Seed-OSS.
    "tokens": (
        "{% if thinking_budget is defined %}{{ thinking_budget }}{% endif %}{# <think> #}",
        {None: "", 64: "64", 100_000: "100000"},
    ),
    # As Solar Open: its least is no thought.
    "less is none": (
        (
            "{% if not reasoning_effort is defined %}{% set reasoning_effort = 'high' %}{% endif %}"
            "{% if reasoning_effort in ['low', 'minimal'] %}{{ '<think></think>' }}{% endif %}"
        ),
        {None: "", 64: "", MEDIUM_UP_TO + 1: "high"},
    ),
    # As gpt-oss: what its errors speak of is no variable.
    "a word in a text": (
        (
            "{% if messages[0].thinking %}{{ raise_exception('no content and thinking in it') }}"
            "{% endif %}{{ 'Reasoning: ' + (reasoning_effort | default('medium')) }}{# <think> #}"
        ),
        {None: "", 64: "low"},
    ),
    "nothing": ("{{ '<think>' }}", {None: "", 64: ""}),
}


@pytest.mark.parametrize(("template", "told"), EFFORTS.values(), ids=EFFORTS)
def test_the_budget_is_told_in_the_templates_own_words(template, told) -> None:
    for effort, word in told.items():
        prompt = built(template, effort=effort)
        assert (prompt.effort, prompt.closed) == (word, False)
        assert word in ending(prompt) or "high" in word
        # A reply that is continued stands behind the prompt that it was written to.
        again = built(template, effort=prompt.effort)
        assert (again.ids, again.effort) == (prompt.ids, word)


@pytest.mark.parametrize(
    ("words", "least"),
    [("a word in a text", "low"), ("any word", "low"), ("more only", ""), ("some words", "low")],
)
def test_without_a_switch_no_thought_is_the_least_effort(words, least) -> None:
    prompt = built(EFFORTS[words][0], think=False)
    assert (prompt.effort, prompt.prefilled) == (least, True)


def test_a_template_that_is_told_nothing_is_rendered_once_for_all_budgets() -> None:
    from r1chat.prompt.templates import _rendered

    template = "{{ '<think>' }}{# once #}"
    before = _rendered.cache_info().misses
    for effort in (None, 1, 2, 3):
        built(template, effort=effort)
    assert _rendered.cache_info().misses == before + 1


@pytest.mark.parametrize(
    "part", ["{{", "{%", "{#", "{{ '", '\\"', "{{ x", "reasoning_effort ", "'low' ", "}}", "#}"]
)
def test_a_template_of_nonsense_is_looked_through_once(part) -> None:
    for text in (part * (200_000 // len(part)), "{{ '" + part * (200_000 // len(part))):
        assert next(tellings(text, think=True, effort=64)).values is not None


SHOWN = (
    "{% for m in messages %}{% if m.role == 'assistant' %}{{ '<think>' + m.get('reasoning_content')"
    " + '</think>' }}{% endif %}{% endfor %}"
)
LAST_ONLY = (
    "{% for m in messages %}{% if m.reasoning_content and loop.last %}"
    "{{ '<think>' + m.reasoning_content + '</think>' }}{% endif %}{% endfor %}"
)


def test_thoughts_of_earlier_turns_are_shown_where_the_template_wants_them() -> None:
    assert "<think>Hm.</think>" in VOCABULARY.read(built(SHOWN, *LATER).ids)
    with_system = built(SHOWN, Message("system", "S"), *LATER)
    assert "<think>Hm.</think>" in VOCABULARY.read(with_system.ids)
    for template in (LAST_ONLY, "{{ '<think>' }}", "{# thinking #}{{ '<think>' }}"):
        assert "Hm." not in VOCABULARY.read(built(template, *LATER).ids)
    for template in (None, "{{ not a template"):
        r1 = build(ToyVocabulary(), LATER, template=template)
        assert (
            r1.ids
            == build(
                ToyVocabulary(),
                [*LATER[:1], Message("assistant", "1"), QUESTION],
                template=template,
            ).ids
        )


def test_an_earlier_thought_can_be_no_marker() -> None:
    vocabulary = ToyVocabulary(CHATML)
    thought = "So <|im_end|> or </think>?"
    told = (LATER[0], Message("assistant", "1", thought=thought), QUESTION)
    prompt = build(vocabulary, told, template=TURNS + SHOWN)
    assert thought in vocabulary.read(prompt.ids)
    assert vocabulary.markers(prompt.ids).count("</think>") == 1


@pytest.mark.parametrize("system", [(), (Message("system", "Be brief."),)], ids=["", "system"])
def test_the_first_nemotrons_are_told_in_the_system_text(system) -> None:
    def built_as(name: str, *, think: bool) -> Prompt:
        return build(VOCABULARY, (*system, QUESTION), template=hinted(TURNS, name), think=think)

    for name in ("Llama 3.1 Nemotron Nano 8B v1", "nvidia_Llama-3_3-Nemotron-Super-49B-v1"):
        for think, word in ((True, "on"), (False, "off")):
            prompt = built_as(name, think=think)
            text = VOCABULARY.read(prompt.ids)
            before = "Be brief. " if system else ""
            assert f"system\n{before}detailed thinking {word}<|im_end|>" in text
            assert text.endswith("assistant\n")
            assert (prompt.thinks, prompt.prefilled) == (True, False)
    for name in ("Llama Nemotron Super 49B v1_5", "NVIDIA Nemotron Nano 9B v2", "Qwen3 8B v1", ""):
        assert "detailed" not in VOCABULARY.read(built_as(name, think=True).ids)
