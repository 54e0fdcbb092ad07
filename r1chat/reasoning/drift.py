"""Notices a thought that goes over to another language for good.

Distilled reasoning models may do so in the middle of a thought (DeepSeek calls it language mixing).
Scripts and very common words tell languages apart. What is said here is meant to be right rather
than complete: code, formulae, quotations and names do not count, a short excursion is none, and
where nobody can tell, nothing is said.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from r1chat.reasoning.languages import LANGUAGES

if TYPE_CHECKING:
    from r1chat.events import LanguageCode

LEAST_SENTENCES = 4
"""Sentences in another language, one after another at the end of a thought, that count as having
gone over to it."""
LEAST_UNITS = 24
"""Words, or characters of a script without spaces, that they must have together."""
_LEAST_QUESTION = 2
_DOMINANT = 0.6
"""Share of a sentence's words that must be written in one script."""
_DENSITY = 0.15
"""Share of a sentence's words that must be very common ones."""
_UNANIMOUS = 0.8

_FENCE = re.compile(r"(?ms)^[ \t]*(```|~~~).*?(?:^[ \t]*\1|\Z)")
_FORMULA = re.compile(
    r"""(?sx)
    \$\$.{0,4000}?\$\$ | \$[^$\n]{1,400}\$ | \\\[.{0,4000}?\\\] | \\\(.{0,1000}?\\\)
    | \\begin\{(\w+\*?)\}.{0,4000}?\\end\{\1\} | \\(?:boxed|text)\{[^{}]{0,200}\} | \\[a-zA-Z]+
    """
)
_QUOTED = re.compile(
    r"""(?x)
    `[^`\n]{1,400}` | "[^"\n]{1,400}" | “[^”\n]{1,400}” | „[^“”\n]{1,400}[“”] | «[^»\n]{1,400}»
    | ‘[^’\n]{2,400}’ | 「[^」]{1,400}」 | 『[^』]{1,400}』 | 《[^》]{1,400}》 | https?://\S+
    | (?m:^[ \t]*>.*$)
    """
)
_SENTENCE = re.compile(r"(?<=[.!?…])\s+|[。！？\n;；]+")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_SCRIPTS = (
    ("han", re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")),
    ("kana", re.compile("[\u3041-\u30ff]")),
    ("hangul", re.compile("[\uac00-\ud7a3\u1100-\u11ff]")),
    ("cyrillic", re.compile("[\u0400-\u04ff]")),
    ("arabic", re.compile("[\u0620-\u06ff]")),
    ("devanagari", re.compile("[\u0900-\u097f]")),
    ("latin", re.compile("[A-Za-z\u00c0-\u024f]")),
)
_UNSPACED = frozenset({"han", "kana"})
_CHINESE = frozenset("的是了不在我们們这這个個有和为為那么麼吗嗎所以因")
"""Characters that hardly any Chinese sentence is without, and a Japanese one in Han alone is."""
_UKRAINIAN = frozenset("іїєґ")
_OTHER_CYRILLIC = frozenset("ўјљњћђџѕќѓәғқңөұүһ")
_NONE: frozenset[str] = frozenset()
_BY_SCRIPT: Mapping[str, tuple[tuple[LanguageCode, frozenset[str], frozenset[str]], ...]] = {
    "hangul": (("ko", _NONE, _NONE),),
    "devanagari": (("hi", _NONE, _NONE),),
    "arabic": (("ar", _NONE, frozenset("پچژگکیےۀ")),),
    "cyrillic": (
        ("uk", _UKRAINIAN, _OTHER_CYRILLIC),
        ("ru", _NONE, _UKRAINIAN | _OTHER_CYRILLIC),
    ),
}
"""Languages of a script, each with letters one of which it must have, and none of which it may."""
_ABOUT_LANGUAGES = re.compile(
    r"translat|übersetz|traduc|traduire|tradu[zç]|tradur|vertaal|перев[её]|перекла|翻译|翻譯|訳|번역|"
    r"ترجم|अनुवाद|english|chinese|german|french|spanish|italian|portuguese|dutch|russian|japanese|"
    r"korean|arabic|hindi|englisch|deutsch|chinesisch|französisch|anglais|allemand|chinois|"
    r"français|inglés|español|inglese|inglês|engels|английск|русск|英语|英文|中文|汉语|法语|德语|日语|"
    r"英語|日本語|中国語|영어|한국어|중국어",
    re.IGNORECASE,
)
_FILES_END = "[file content end]\n"
"""What stands between attached files and the question."""


def language_of_question(text: str) -> LanguageCode | None:
    """The language in which a question is asked; None where nobody can tell.

    One that is about languages, as a request for a translation is, has none: its thought may well
    end in another.
    """
    asked = text.rpartition(_FILES_END)[2]
    if _ABOUT_LANGUAGES.search(asked):
        return None
    units: Counter[LanguageCode] = Counter()
    for code, size in _told(asked):
        units[code] += size
    if not units:
        return None
    code, most = units.most_common(1)[0]
    sure = most >= _LEAST_QUESTION and most >= _UNANIMOUS * units.total()
    return code if sure else None


def language_at_end(thought: str) -> LanguageCode | None:
    """The language in which a thought has been for its last sentences; None where nobody can tell.

    Sentences of which nobody can tell are passed over.
    """
    count = units = 0
    found: LanguageCode | None = None
    for code, size in _told(thought, from_end=True):
        if found not in {None, code}:
            return None
        found, count, units = code, count + 1, units + size
        if count >= LEAST_SENTENCES and units >= LEAST_UNITS:
            return found
    return None


def left_for(
    question: str, thought: str, wanted: LanguageCode | None = None
) -> LanguageCode | None:
    """The language that a thought has left its own for, for good; None where it has not.

    Args:
        question: The question that it is about.
        thought: The thought, without words that others wrote into it.
        wanted: The language in which it was to be; by default the question's.
    """
    expected = wanted or language_of_question(question)
    ended_in = language_at_end(thought) if expected else None
    return ended_in if ended_in != expected else None


def _told(text: str, *, from_end: bool = False) -> Iterator[tuple[LanguageCode, int]]:
    """The sentences of which the language can be told, with their sizes."""
    for pattern in (_FENCE, _FORMULA, _QUOTED):
        text = pattern.sub(" ", text)
    sentences = _SENTENCE.split(text)
    for sentence in reversed(sentences) if from_end else sentences:
        counts = _units(sentence)
        if not counts:
            continue
        code = _code(sentence, counts)
        if code is not None:
            yield code, counts.total()


def _units(sentence: str) -> Counter[str]:
    """Words by their script; of a script without spaces each character counts as one."""
    counts: Counter[str] = Counter()
    for word in _WORD.findall(sentence):
        for script, characters in _SCRIPTS:
            found = len(characters.findall(word))
            if found:
                counts[script] += found if script in _UNSPACED else 1
    return counts


def _code(sentence: str, counts: Counter[str]) -> LanguageCode | None:
    """The language of a sentence; None where nobody can tell."""
    total = counts.total()
    if counts["han"] + counts["kana"] >= _DOMINANT * total:
        return _east_asian(sentence, counts)
    script, most = counts.most_common(1)[0]
    if most < _DOMINANT * total:
        return None
    if script == "latin":
        return _of_words(sentence, most)
    letters = set(sentence.lower())
    return next(
        (
            code
            for code, own, others in _BY_SCRIPT[script]
            if not letters & others and (not own or letters & own)
        ),
        None,
    )


def _east_asian(sentence: str, counts: Counter[str]) -> LanguageCode | None:
    kana = counts["kana"]
    if kana > 1 and kana >= (counts["han"] + kana) / 10:
        return "ja"
    return "zh" if not kana and set(sentence) & _CHINESE else None


def _of_words(sentence: str, total: int) -> LanguageCode | None:
    """The language whose very common words a sentence has, and no other about as many."""
    words = [word.lower() for word in _common(_WORD.findall(sentence))]
    hits = {
        code: sum(word in language.words for word in words)
        for code, language in LANGUAGES.items()
        if language.words
    }
    (code, most), (_, second) = sorted(hits.items(), key=lambda item: -item[1])[:2]
    distinct = len({word for word in words if word in LANGUAGES[code].words})
    clear = most >= 2 * second and most - second > 1
    sure = distinct > 1 and most >= _DENSITY * total and clear
    return code if sure else None


def _common(words: Iterable[str]) -> Iterator[str]:
    """Words without those that may be names: what is capitalised, but for the first."""
    for at, word in enumerate(words):
        if not at or word.islower():
            yield word
