"""A thought that goes over to another language for good is noticed, and nothing else is."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1chat.events import LanguageCode, Receipt, Reply
from r1chat.exchange.checked import _Receipt
from r1chat.reasoning.drift import (
    LEAST_SENTENCES,
    language_at_end,
    language_of_question,
    left_for,
)
from r1chat.reasoning.languages import LANGUAGES, OPENINGS
from r1chat.store.rows import receipt_in, receipt_out
from r1chat.wording import answer_line, receipt_line

QUESTIONS = {
    "en": "How many apples are left if Anna buys three and eats two of them?",
    "de": "Wie viele Äpfel hat Anna, wenn sie drei kauft und zwei isst?",
    "fr": "Combien de pommes Anna a-t-elle si elle en achète trois et en mange deux ?",
    "es": "¿Cuántas manzanas tiene Ana si compra tres y se come dos de las que tiene?",
    "it": "Quante mele ha Anna se ne compra tre e ne mangia due che sono della nonna?",
    "pt": "Quantas maçãs tem a Ana se compra três e come duas das que não são dela?",
    "nl": "Hoeveel appels heeft Anna als ze er drie koopt en er twee van opeet?",
    "ru": "Сколько яблок у Анны, если она купила три и съела два?",
    "uk": "Скільки яблук в Анни, якщо вона купила три і з'їла два?",
    "zh": "安娜买了三个苹果，吃了两个，她还有多少个苹果？",
    "ja": "アンナはリンゴを三つ買って二つ食べました。いくつ残っていますか。",
    "ko": "안나는 사과를 세 개 사서 두 개를 먹었습니다. 몇 개가 남았습니까?",
    "ar": "كم تفاحة لدى آنا إذا اشترت ثلاث تفاحات وأكلت اثنتين؟",
    "hi": "अन्ना ने तीन सेब खरीदे और दो खाए, उसके पास कितने बचे?",
}
ENGLISH = (
    "Okay, so Anna buys three apples and eats two of them. I need to find how many are left. "
    "That is a subtraction, and the result should be one. Let me check whether it is right. "
    "If there were three and two are gone, then one of them is left.\n"
)
CHINESE = (
    "好的，我们先看一下这个问题。安娜买了三个苹果，然后吃了两个。"
    "所以剩下的是一个。我们再检查一遍这个结果。三减二等于一，这是对的。\n"
)
GERMAN = (
    "Anna kauft drei Äpfel und isst zwei davon, also ist noch einer da. Ich muss prüfen, ob das so "
    "stimmt. Wenn es drei waren und zwei nicht mehr da sind, dann ist das Ergebnis eins. Das ist "
    "auch die Antwort, die ich geben kann.\n"
)
CODE = "```python\n# 这是一个注释，我们在这里打印结果。\nprint('ok')\n```\n" * 6


def test_the_table_has_each_language_that_a_receipt_may_name():
    assert set(LANGUAGES) == set(get_args(LanguageCode)) == set(QUESTIONS)
    assert len(OPENINGS) == len(LANGUAGES)
    for language in LANGUAGES.values():
        # A space at the end would be a token of its own, behind which models write worse.
        assert language.opening == language.opening.strip()


@pytest.mark.parametrize("code", QUESTIONS)
def test_a_question_is_in_the_language_that_it_is_asked_in(code):
    assert language_of_question(QUESTIONS[code]) == code


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2 + 2 =",
        "x^2 - 5x + 6 = 0",
        "def f(x): return x",
        "Übersetze den folgenden Satz, der nicht leicht ist, und erkläre ihn.",
        "What is the Chinese word for apple and how is it written?",
        "Vad är det för dag i dag och hur många äpplen har Anna?",
        "日本国憲法第九条全文",
        ENGLISH + GERMAN,
    ],
)
def test_of_some_questions_nobody_can_tell(text):
    assert language_of_question(text) is None


def test_attached_files_do_not_count():
    file = f"[file name]: a.txt\n[file content begin]\n{CHINESE * 9}[file content end]\n"
    assert language_of_question(file + QUESTIONS["de"]) == "de"


@pytest.mark.parametrize(
    ("question", "thought", "left"),
    [
        ("en", ENGLISH + CHINESE, "zh"),
        ("en", CHINESE, "zh"),
        ("zh", CHINESE + ENGLISH, "en"),
        ("de", ENGLISH, "en"),
        ("de", GERMAN + ENGLISH, "en"),
        ("en", ENGLISH + GERMAN, "de"),
        # What is neither does not hide it.
        ("en", ENGLISH + CHINESE + "\\[3 - 2 = 1\\]\n\n$x = 1$\n", "zh"),
        # It stays, or comes back.
        ("en", ENGLISH, None),
        ("zh", CHINESE, None),
        ("en", CHINESE + ENGLISH, None),
        ("en", ENGLISH + CHINESE + "So the answer is one, and that is what I should write.", None),
        # An excursion, a term, a name.
        ("en", ENGLISH + "这个是对的。所以是一个。", None),
        ("en", ENGLISH + "The word 苹果 means apple, and it is written with 苹 and 果.", None),
        ("en", ENGLISH + "Zhang Wei (张伟), Li Na (李娜)\n" * 9, None),
        # Code, formulae, quotations.
        ("en", ENGLISH + CODE, None),
        ("en", ENGLISH + f"The text says “{CHINESE.strip()}” and that is all of it.", None),
        ("en", ENGLISH + "".join(f"> {part}。\n" for part in CHINESE.split("。")), None),
        ("en", ENGLISH + "\\text{这是一个结果。所以是对的。我们有三个。这样就好了。} \n" * 6, None),
        ("en", "", None),
    ],
)
def test_a_thought_has_left_its_language_where_it_ends_in_another(question, thought, left):
    assert left_for(QUESTIONS[question], thought) == left


def test_a_thought_that_was_opened_in_a_language_may_leave_that_one():
    assert left_for(QUESTIONS["en"], CHINESE, "zh") is None
    assert left_for(QUESTIONS["en"], ENGLISH, "zh") == "en"
    assert left_for("2 + 2 =", ENGLISH, "zh") == "en"


@given(
    st.lists(st.sampled_from((ENGLISH, GERMAN, CHINESE, CODE)), max_size=5), st.text(max_size=80)
)
def test_nothing_is_said_of_a_thought_that_ends_in_the_questions_language(parts, rest):
    assert left_for(QUESTIONS["en"], "".join(parts) + rest + "\n" + ENGLISH) is None
    assert language_at_end(rest) in {None, *LANGUAGES}


def test_it_takes_some_sentences():
    one = CHINESE.partition("。")[0] + "。"
    assert left_for(QUESTIONS["en"], one * (LEAST_SENTENCES - 1)) is None
    assert left_for(QUESTIONS["en"], one * LEAST_SENTENCES) == "zh"


def test_the_receipt_says_so_and_is_kept():
    receipt = Receipt(thought_tokens=9, answer_tokens=1, thought_language="zh")
    assert receipt_in(receipt_out(receipt)) == receipt
    assert receipt_in('{"thought_language": "xx"}').thought_language is None
    assert _Receipt.model_validate({"thought_language": "zh"}).thought_language == "zh"
    said = "thought went over to Chinese"
    assert said in receipt_line(receipt)
    assert said in answer_line(Reply("…", "1", receipt))
    assert "went over" not in receipt_line(Receipt(thought_tokens=9))
