from __future__ import annotations

import itertools
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r1chat.sanitize import LONGEST_CSI, LONGEST_STRING, Sanitizer, line, sanitize

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
HIDDEN = (
    "\u00ad\u200b\u2060\u2061\u2064\u206a\u206f\ufeff\ufff9\ufffb\U000e0001\U000e0041\U000e007f"
)
CONTROLS = "".join(chr(code) for code in range(0xA0) if not chr(code).isprintable())
FORBIDDEN = {*CONTROLS, *BIDI, *HIDDEN, "\u2028", "\u2029"} - {"\n", "\t"}

FRAGMENTS = (
    *"\x1b\x9b\x9d\x90\x98\x9e\x9f\x9c\x07\x18\x1a\x00\x7f\x85\r\n\t",
    *"[]PX^_\\()#; ?0123mhJKc",
    "\x1b[31m",
    "\x1b]0;title\x07",
    "\x1b]8;;http://example.org\x1b\\",
    "\x1bP1;2q\x1b\\",
    "\x1b(B",
    "\r\n",
    "\u2028",
    "\u202e",
    "\u200b",
    "\ud800",
    "\udfff",
    "word",
    "é",
    "思",
    "👩‍🚀",
    "\U000e0041",
)


def texts():
    return st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=3), max_size=14).map("".join)


def in_chunks(parts):
    sanitizer = Sanitizer()
    return "".join([*(sanitizer.feed(part) for part in parts), sanitizer.close()])


CASES = {
    "plain text": ("Hello, world.\n\tYes\n", "Hello, world.\n\tYes\n"),
    "line ends of Windows": ("a\r\nb\r\n", "a\nb\n"),
    "a lone carriage return": ("10 %\r20 %", "10 %20 %"),
    "backspace and bell": ("a\x08b\x07c\x00d\x7f", "abcd"),
    "C1": ("a\x80b\x85c\x84d\x9c", "abcd"),
    "bidi controls": ("user\u202etxt.exe\u2069", "usertxt.exe"),
    "what nobody sees": ("pass\u200bword\ufeff\u2060\u00ad", "password"),
    "a text hidden in tag characters": ("hi\U000e0069\U000e0067\U000e007f!", "hi!"),
    "interlinear annotation": ("a\ufff9b\ufffac\ufffb", "abc"),
    "separators": ("a\u2028b\u2029c", "a\nb\nc"),
    "lone surrogates": ("a\ud800b\udfff", "a\ufffdb\ufffd"),
    "colour": ("\x1b[1;31mred\x1b[0m", "red"),
    "colour, 8-bit": ("\x9b31mred\x9b0m", "red"),
    "private CSI": ("\x1b[?1049h\x1b[>c\x1b[2 qa", "a"),
    "title": ("\x1b]0;gotcha\x07a", "a"),
    "title ended by ST": ("\x1b]0;gotcha\x1b\\a", "a"),
    "title, 8-bit": ("\x9d0;gotcha\x9ca", "a"),
    "clipboard": ("\x1b]52;c;cm0gLXJm\x07a", "a"),
    "hyperlink": ("\x1b]8;;http://x.org\x1b\\link\x1b]8;;\x1b\\", "link"),
    "device control string": ("\x1bP+q544e\x1b\\a\x90q\x9c", "a"),
    "application command": (
        "\x1b_G\x1b\\a\x9fG\x9c\x1b^p\x1b\\\x9ep\x9c\x1bXs\x1b\\\x98s\x9c",
        "a",
    ),
    "character set": ("\x1b(Ba\x1b#8b\x1b%Gc", "abc"),
    "two-character sequences": ("\x1bca\x1b7b\x1bMc\x1b=", "abc"),
    "a lone ESC at the end": ("a\x1b", "a"),
    "ESC before a newline": ("a\x1b\nb", "a\nb"),
    "ESC before what ends no sequence": ("a\x1bé", "aé"),
    "two ESC": ("\x1b\x1b[31ma", "a"),
    "a cancelled sequence": ("\x1b[31\x18a\x1b]0;t\x1ab", "ab"),
    "a control inside a sequence": ("\x1b[3\x08\u200b1ma\x1b\x00[1mb", "ab"),
    "a control between ESC and backslash": ("\x1b]0;t\x1b\x00\\a", "]0;ta"),
    "CSI broken by a newline": ("\x1b[31\nmore", "[31\nmore"),
    "CSI broken by another": ("\x1b[31\x1b[0ma", "[31a"),
    "CSI without end": ("\x1b[31", "[31"),
    "title broken by a newline": ("\x1b]0;title\nmore\x07", "]0;title\nmore"),
    "title broken by a separator": ("\x1b]0;title\u2028more", "]0;title\nmore"),
    "title broken by a sequence": ("\x1b]0;title\x1b[1mmore", "]0;titlemore"),
    "title broken by an 8-bit sequence": ("\x1b]0;title\x9b1mmore", "]0;titlemore"),
    "title without end": ("\x1b]0;ti\x00t\u202ele", "]0;title"),
    "title without end, 8-bit": ("\x9d0;title", "0;title"),
    "title and a lone ESC": ("\x1b]0;title\x1b", "]0;title"),
    "too many intermediates": ("\x1b    a", "    a"),
}


@pytest.mark.parametrize(("text", "clean"), CASES.values(), ids=CASES)
def test_a_text_is_cleaned(text, clean):
    assert sanitize(text) == clean


@pytest.mark.parametrize(("text", "clean"), CASES.values(), ids=CASES)
def test_a_text_is_cleaned_letter_by_letter(text, clean):
    assert in_chunks(text) == clean


@pytest.mark.parametrize("char", sorted(FORBIDDEN), ids=ascii)
def test_no_forbidden_character_comes_through(char):
    assert char not in sanitize(f"a{char}b\n{char}")


KEPT = {
    "family": "👨‍👩‍👧‍👦",
    "variation selectors": "❤️ ☂︎",
    "keycap": "1️⃣",
    "flag": "🇫🇷",
    "skin": "👍🏽",
    "joiners of Persian": "می\u200cخواهم",
    "joiners of Hindi": "क्\u200dष",
    "vowel separator of Mongolian": "ᠨ\u180eᠠ",
    "number sign of Arabic": "\u0600١٢",
    "combining marks": "e\u0301 n\u0303",
    "private use": "\ue0b0",
    "mathematics": "∑ √2 ≤ ½ ⟨x⟩",
    "no-break space": "a\u00a0b\u202fc",
}


@pytest.mark.parametrize("text", KEPT.values(), ids=KEPT)
def test_what_scripts_and_emoji_need_is_kept(text):
    assert sanitize(text) == text
    assert in_chunks(text) == text


@given(
    st.text(alphabet=st.characters(exclude_categories=["C", "Zl", "Zp"]) | st.sampled_from("\n\t"))
)
@settings(deadline=None)
def test_printable_text_is_the_same_object(text):
    assert sanitize(text) is text
    assert Sanitizer().feed(text) is text


@given(texts(), st.lists(st.integers(0, 10_000), max_size=12))
@settings(deadline=None)
def test_any_chunking_gives_the_same_as_the_whole(text, cuts):
    edges = [0, *sorted({cut % (len(text) + 1) for cut in cuts}), len(text)]
    parts = [text[a:b] for a, b in itertools.pairwise(edges)]
    assert in_chunks(parts) == sanitize(text)
    assert in_chunks(text) == sanitize(text)


@given(texts() | st.text(alphabet=st.characters()))
@settings(deadline=None)
def test_the_result_is_clean_for_good_and_can_be_encoded(text):
    clean = sanitize(text)
    assert not FORBIDDEN & set(clean)
    assert all(
        unicodedata.category(char) not in {"Cc", "Cs"} for char in clean if char not in "\n\t"
    )
    assert sanitize(clean) == clean
    clean.encode()


@given(texts())
@settings(deadline=None)
def test_nothing_is_made_up(text):
    left = iter(text.replace("\u2028", "\n").replace("\u2029", "\n"))
    same = (char for char in sanitize(text) if char != "\ufffd")
    assert all(char in left for char in same)


@pytest.mark.parametrize(
    "introducer", ["\x1b]", "\x9d", "\x1bP", "\x1b_", "\x1b^", "\x1bX"], ids=ascii
)
def test_an_endless_string_swallows_no_more_than_the_longest_honest_one(introducer):
    sanitizer = Sanitizer()
    assert sanitizer.feed(introducer) == ""
    held = 0
    while not (came := sanitizer.feed("x")):
        held += 1
        assert held <= LONGEST_STRING
    assert came.count("x") == held + 1
    assert sanitizer.feed(" and on") == " and on"


def test_an_endless_csi_swallows_no_more_than_the_longest_honest_one():
    text = "\x1b[" + "1;" * LONGEST_CSI + "m"
    assert sanitize(text) == text[1:]


def test_many_unfinished_strings_cost_no_more_than_their_length():
    text = "\x1b]0;a" * 50_000
    assert sanitize(text) == "]0;a" * 50_000


def test_closing_twice_yields_nothing_more():
    sanitizer = Sanitizer()
    assert sanitizer.feed("a\x1b[3") == "a"
    assert sanitizer.close() == "[3"
    assert sanitizer.close() == ""
    assert sanitizer.feed("1m") == "1m"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        (" a\nb\tc\r\n", "a b c"),
        ("\x1b[31mred\x1b[0m\u202e", "red"),
        ("a" * 10, "a" * 10),
        ("a" * 11, "a" * 9 + "…"),
        ("a b c d efgh", "a b c d e…"),
        ("12345678 0123", "12345678…"),
        ("", ""),
    ],
)
def test_a_line_is_one_short_line(text, shown):
    assert line(text, 10) == shown


@given(texts(), st.integers(1, 30))
@settings(deadline=None)
def test_a_line_is_never_longer_than_its_limit(text, limit):
    shown = line(text, limit)
    assert len(shown) <= limit
    assert "\n" not in shown
    assert "\t" not in shown
