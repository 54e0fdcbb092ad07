"""The languages in which r1chat opens a thought, and which it can tell from one another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from r1chat.events import LanguageCode


@dataclass(frozen=True, slots=True)
class Language:
    """A language.

    Attributes:
        name: In English.
        opening: Words that open a thought in it.
        words: Very common words, in small letters; none where the script alone tells.
    """

    name: str
    opening: str
    words: frozenset[str] = frozenset()


def _latin(name: str, opening: str, words: str) -> Language:
    return Language(name, opening, frozenset(words.split()))


LANGUAGES: Mapping[LanguageCode, Language] = MappingProxyType(
    {
        "en": _latin(
            "English",
            "Okay, let me think about this.",
            "the and is are of that this it with which we you be not would should then from if "
            "what need but because how there by for or to so have has can let was does they find "
            "a an as at will he she his her solve write give explain about into when where who why "
            "many much each",
        ),
        "de": _latin(
            "German",
            "Okay, ich denke darüber nach.",
            "der die das und ist sind ich nicht ein eine einen wir zu mit von auf für dass wenn "
            "also aber wie was auch oder kann muss noch wird werden hat den dem des sich es im so "
            "warum viele viel welche welcher er sie ihr hier dann",
        ),
        "fr": _latin(
            "French",
            "D'accord, réfléchissons.",
            "le la les des est et que qui dans pour une un du pas je nous vous il sur avec donc "
            "mais ce cette sont ou par plus comme si au aux alors ai de en on "
            "combien quel quelle pourquoi comment elle ils être fait peut",
        ),
        "es": _latin(
            "Spanish",
            "Vale, voy a pensarlo.",
            "el la los las de que y en un una es por con para no se lo como del pero más esto "
            "entonces si son está hay este al su o cada puede debo "
            "cuánto cuántos cuántas cuál qué cómo tiene tengo porque",
        ),
        "it": _latin(
            "Italian",
            "Va bene, ci penso.",
            "il la lo gli le di che e un una è per con non si come del della sono ma più questo "
            "quindi se dei alla anche o da nel cosa ho dobbiamo i "
            "quanto quanti quante qual quale perché ha posso ci",
        ),
        "pt": _latin(
            "Portuguese",
            "Certo, vou pensar nisso.",
            "o a os as de que e em um uma é para com não se por como do da mas mais isso então "
            "são dos das no na ou ao preciso está tem "
            "quanto quantos quantas qual porque ele ela tenho isto",
        ),
        "nl": _latin(
            "Dutch",
            "Oké, ik denk hierover na.",
            "de het een en van is dat die niet in op te met voor zijn ik we dus maar als ook wat "
            "er aan om kan moet naar deze of hebben worden "
            "hoeveel waarom welke hoe zij wij heeft wordt",
        ),
        "ru": Language("Russian", "Хорошо, давайте подумаем."),
        "uk": Language("Ukrainian", "Добре, подумаймо."),
        "zh": Language("Chinese", "好的，我来想一想。"),
        "ja": Language("Japanese", "さて、考えてみましょう。"),
        "ko": Language("Korean", "좋아요, 생각해 봅시다."),
        "ar": Language("Arabic", "حسنًا، لنفكر في الأمر."),
        "hi": Language("Hindi", "ठीक है, इस पर सोचते हैं।"),
    }
)
"""Those that are known, by their ISO 639-1 codes."""
OPENINGS = frozenset(language.opening for language in LANGUAGES.values())
"""All words that open a thought."""
