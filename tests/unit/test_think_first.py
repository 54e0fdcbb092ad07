"""A model that does not think by itself is asked to, and its thought is opened for it."""

from __future__ import annotations

import pytest

from r1chat.conversation import think_of
from r1chat.engine.base import Continuation, Message, Request
from r1chat.engine.fake import INFO, FakeEngine
from r1chat.engine.replay import Wanted, thought_wanted
from r1chat.events import Receipt, Reply
from r1chat.prompt import build
from r1chat.prompt.asking import BEGINNINGS
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.languages import LANGUAGES
from r1chat.reasoning.phrases import (
    BRIEF,
    FINISHED,
    OPEN_ANSWER,
    STEPS_BOXED,
    THINK_FIRST,
    THINK_FIRST_BRIEF,
)
from r1chat.reasoning.rescue import Rescue
from r1chat.session import Session
from tests.factory import CHATML as TEMPLATE
from tests.vocabulary import CHATML, ToyVocabulary

LETTERS = ToyVocabulary(CHATML, ())
"""Its vocabulary has no tags of thoughts."""
QWEN = ToyVocabulary(CHATML)
OPENS = TEMPLATE + "{{ '<think>\n' }}"
SWITCHED = TEMPLATE + "{{ '<think>\n\n</think>\n\n' if not enable_thinking }}"
STEPS = THINK_FIRST.format("</think>")
SHORT = THINK_FIRST_BRIEF.format("</think>")
OFF = f"<think>\n{FINISHED}\n</think>\n\n"
KINDS = {
    "R1": (ToyVocabulary(), None),
    "native": (QWEN, SWITCHED),
    "opens": (LETTERS, OPENS),
    "instruct": (LETTERS, TEMPLATE),
    "instruct with a thinker's tokens": (QWEN, TEMPLATE),
    "broken template": (LETTERS, "{{ nothing.at.all }}"),
    "no template": (ToyVocabulary((), ()), None),
}
QUESTION = "One?"
BEHIND = "<|im_end|>\n<|im_start|>assistant\n"

# What the prompt ends with, from the question on, and the style in the receipt.
TABLE = [
    ("R1", "auto", "One?<｜Assistant｜><think>\n", None),
    ("R1", "on", "One?<｜Assistant｜><think>\n", None),
    ("R1", "off", f"One?<｜Assistant｜>{OFF}", None),
    ("native", "auto", f"One?{BEHIND}", None),
    ("native", "on", f"One?{BEHIND}", None),
    ("native", "off", f"One?{BEHIND}<think>\n\n</think>\n\n", None),
    ("opens", "auto", f"One?{BEHIND}<think>\n", None),
    ("opens", "on", f"One?{BEHIND}<think>\n", None),
    ("opens", "off", f"One?{BEHIND}{OFF}", None),
    ("instruct", "auto", f"One?{BEHIND}", None),
    ("instruct", "on", f"One?\n{STEPS}{BEHIND}<think>\n", "free"),
    ("instruct", "off", f"One?{BEHIND}", None),
    ("instruct with a thinker's tokens", "auto", f"One?{BEHIND}", None),
    ("instruct with a thinker's tokens", "on", f"One?\n{STEPS}{BEHIND}<think>\n", "free"),
    ("instruct with a thinker's tokens", "off", f"One?{BEHIND}{OFF}", None),
    ("broken template", "auto", f"One?{BEHIND}", None),
    ("broken template", "on", f"One?\n{STEPS}{BEHIND}<think>\n", "free"),
    ("broken template", "off", f"One?{BEHIND}", None),
    ("no template", "auto", "One?", None),
    ("no template", "on", "One?", None),
    ("no template", "off", "One?", None),
]


def prompt_of(kind, question=QUESTION, think="auto", budget="max", raw=False, before=()):
    vocabulary, template = KINDS[kind]
    request = Request((*before, Message("user", question)), think=think)
    wanted = thought_wanted(request, Budget.parse(budget))
    prompt = build(
        vocabulary,
        request.messages,
        template=template,
        think=wanted.think,
        first=wanted.first,
        brief=wanted.brief,
        raw=raw,
    )
    return prompt, vocabulary.read(prompt.ids)


@pytest.mark.parametrize(("kind", "think", "ending", "style"), TABLE)
def test_the_prompt_ends_as_the_model_and_the_choice_have_it(kind, think, ending, style):
    prompt, text = prompt_of(kind, think=think)
    assert text.endswith(ending)
    assert prompt.style == style
    assert prompt.opened == ending.endswith("<think>\n")
    assert prompt.thinks == (kind not in {"instruct", "broken template", "no template"}) or style


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("think", ["auto", "on", "off"])
def test_a_text_that_is_completed_is_left_alone(kind, think):
    prompt, text = prompt_of(kind, think=think, raw=True)
    assert text == QUESTION
    assert (prompt.opened, prompt.style) == (False, None)


@pytest.mark.parametrize(
    ("question", "budget", "words"),
    [
        ("Why?", "max", STEPS),
        ("Why?", "512", STEPS),
        ("Why?", "30s", STEPS),
        ("Why?", "128", SHORT),
        (r"Why? Answer in \boxed{}.", "max", STEPS_BOXED),
        (f"Why?\n{STEPS_BOXED}", "max", ""),
        (f"Why?\n{STEPS_BOXED}", "128", BRIEF),
        ("Explain it step by step.", "max", STEPS),
    ],
)
def test_the_words_go_by_the_question_and_the_budget(question, budget, words):
    _, text = prompt_of("instruct", question, "on", budget)
    assert text.endswith(f"\n{question}{chr(10) if words else ''}{words}{BEHIND}<think>\n")


@pytest.mark.parametrize("budget", ["max", "128"])
def test_with_the_instruction_the_prompt_is_the_one_of_a_template_that_opens_thoughts(budget):
    question = f"1 + 1?\n{STEPS_BOXED}"
    asked, _ = prompt_of("instruct", question, "on", budget)
    opened, _ = prompt_of("opens", question, "auto", budget)
    assert asked.ids == opened.ids
    assert (asked.stops, asked.ends, asked.others) == (opened.stops, opened.ends, opened.others)


@pytest.mark.parametrize(
    ("question", "begins"),
    [
        ("Why is the sky blue, and what does that have to do with it?", "The user wants"),
        ("¿Por qué es azul el cielo y cómo se explica?", "El usuario quiere"),
        ("为什么天空是蓝色的？", "用户想"),
        ("hi", "The user wants"),
        (f"1 + 1?\n{STEPS_BOXED}", ""),
    ],
)
def test_the_thought_begins_in_the_questions_language(question, begins):
    assert prompt_of("instruct", question, "on")[0].begins == begins
    assert prompt_of("opens", question, "on")[0].begins == ""
    assert BEGINNINGS.keys() == LANGUAGES.keys()


@pytest.mark.parametrize(
    ("question", "wrapped"), [("Why?", True), ("Reply in <answer></answer>.", False)]
)
def test_a_wrapper_is_taken_off_its_answer_unless_the_user_speaks_of_one(question, wrapped):
    assert prompt_of("instruct", question, "on")[0].format.wrapped == wrapped


def test_an_answer_that_does_not_come_is_begun_with_words_at_once():
    rescue = Rescue(insists=False)
    assert not rescue.refuses_end(answered=False)
    assert rescue.begins_answer(answered=False)
    assert rescue.words("so") == OPEN_ANSWER
    assert rescue.words(r"so \boxed{4}").endswith(r"\boxed{")
    assert rescue.refuses_end(answered=False)


def test_with_the_budget_off_it_answers_as_it_does_by_itself():
    asked, _ = prompt_of("instruct", think="on", budget="off")
    plain, _ = prompt_of("instruct")
    assert asked == plain


def test_later_turns_have_no_trace_of_what_was_asked():
    before = (Message("user", "Zero?"), Message("assistant", "0"))
    _, text = prompt_of("instruct", think="on", before=before)
    assert f"user\nZero?{BEHIND}0<|im_end|>" in text
    assert text.count(STEPS) == text.count("<think>") == 1


def test_a_model_without_a_template_says_that_it_cannot_be_asked():
    prompt, _ = prompt_of("no template", think="on")
    assert prompt.notices == (
        "this model has no chat template, in which it could be asked to think: plain completion",
    )


@pytest.mark.parametrize(
    ("reply", "keep", "think", "wanted"),
    [
        (Reply("", "4", Receipt()), None, "on", Wanted(think=True, first=False, brief=False)),
        (Reply("", "4", Receipt()), 0, "on", Wanted(think=True, first=True, brief=False)),
        (
            Reply("a", "4", Receipt(thought_style="free")),
            None,
            "auto",
            Wanted(think=True, first=True, brief=False),
        ),
        (
            Reply("a", "4", Receipt(thought_style="brief")),
            1,
            "off",
            Wanted(think=True, first=True, brief=True),
        ),
        (Reply("a", "4", Receipt()), 1, "on", Wanted(think=True, first=False, brief=False)),
    ],
    ids=["plain answer", "a thought after it", "asked, then not", "short, then off", "native"],
)
def test_what_is_continued_stands_behind_the_prompt_it_was_written_to(reply, keep, think, wanted):
    request = Request((), think=think, resume=Continuation(reply, keep))
    assert thought_wanted(request, Budget(tokens=0)) == wanted


@pytest.mark.parametrize("think", ["auto", "on", "off"])
def test_a_session_keeps_whether_a_thought_was_asked_for(think):
    engine = FakeEngine(["a", "</think>", "4"])
    session = Session(engine)
    list(session.ask("1 + 3?", think=think))
    assert engine.requests[0].think == think
    assert engine.requests[0].budget.off == (think == "off")
    assert think_of(session.turns[0].origin.settings) == think


def test_what_can_be_steered_goes_by_the_choice():
    from dataclasses import replace

    from r1chat.engine.base import NO_THOUGHTS, Steering, steering_of

    instruct = replace(
        INFO, unasked="", thinks=False, steering=steering_of(Steering(), thinks=False)
    )
    assert instruct.steering_with("auto").budget == NO_THOUGHTS
    assert instruct.steering_with("on") == Steering()
    assert [instruct.thinks_with(think) for think in ("auto", "on", "off")] == [False, True, False]
    base = replace(instruct, unasked="it has no chat template")
    assert base.steering_with("on").budget == NO_THOUGHTS
    assert not base.thinks_with("on")
    assert INFO.steering_with("off").budget == NO_THOUGHTS
    assert INFO.steering_with("on") == INFO.steering
