from __future__ import annotations

import itertools
import os

import pytest

from r1chat import paths, themes

SHIPPED, FAILURES = themes.load()
FOR_EVERY_EYE = [name for name in SHIPPED if name.startswith("clear-")]
SIGNS = ("success", "warning", "error")

each_theme = pytest.mark.parametrize("theme", SHIPPED.values(), ids=SHIPPED)

GOOD = """
name = "mine"
dark = true
primary = "#aabbcc"
foreground = "#ffffff"
background = "#000000"
[thinking]
text = "#cccccc"
injected = "#ffff00"
wait = "#00ffff"
"""


def linear(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def luminance(light):
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), light, strict=True))


def contrast(one, other):
    """As WCAG 2 defines it."""
    low, high = sorted((luminance(linear(one)), luminance(linear(other))))
    return (high + 0.05) / (low + 0.05)


@pytest.fixture
def own(home):
    folder = paths.user_themes()
    folder.mkdir(parents=True)
    return folder


def test_the_shipped_ones_load():
    assert FAILURES == []
    assert len(SHIPPED) >= 6
    assert {theme.dark for theme in SHIPPED.values()} == {True, False}
    assert all(name == theme.name and theme.description for name, theme in SHIPPED.items())


@each_theme
def test_text_stands_out_from_what_it_is_on(theme):
    least = 7.0 if theme.name.startswith("contrast-") else 4.5
    texts = [theme.foreground, theme.thinking.text, theme.thinking.injected, theme.thinking.wait]
    texts += [theme.success, theme.warning, theme.error, theme.primary, theme.accent]
    for text, ground in itertools.product(texts, (theme.background, theme.surface, theme.panel)):
        assert contrast(text, ground) >= least, (text, ground)


@each_theme
def test_a_dark_theme_is_dark(theme):
    ground, text = (luminance(linear(each)) for each in (theme.background, theme.foreground))
    assert (ground < text) == theme.dark


@each_theme
def test_a_thought_is_fainter_than_an_answer(theme):
    ground = theme.background
    assert contrast(theme.thinking.text, ground) < contrast(theme.foreground, ground)


# Viénot, Brettel and Mollon (1999): what people without red or green cones see, in linear light.
WITHOUT = {
    "red cones": ((0.11238, 0.88762, 0.0), (0.11238, 0.88762, 0.0), (0.00401, -0.00401, 1.0)),
    "green cones": ((0.29275, 0.70725, 0.0), (0.29275, 0.70725, 0.0), (-0.02234, 0.02234, 1.0)),
}


@pytest.mark.parametrize("lacking", WITHOUT)
@pytest.mark.parametrize("name", FOR_EVERY_EYE)
def test_signs_differ_for_every_kind_of_colour_vision(name, lacking):
    theme = SHIPPED[name]
    seen = [
        [
            max(0.0, sum(a * b for a, b in zip(row, linear(getattr(theme, sign)), strict=True)))
            for row in WITHOUT[lacking]
        ]
        for sign in SIGNS
    ]
    for one, other in itertools.combinations(seen, 2):
        brightness = sorted((luminance(one) + 0.05, luminance(other) + 0.05))
        assert brightness[1] / brightness[0] >= 1.2


def test_there_is_a_dark_and_a_light_one_for_every_eye():
    assert {SHIPPED[name].dark for name in FOR_EVERY_EYE} == {True, False}


def test_a_users_theme_is_found(own):
    (own / "mine.toml").write_text(GOOD)
    (own / "notes.txt").write_text("not a theme")
    loaded, failures = themes.load()
    assert failures == []
    assert loaded["mine"].primary == "#aabbcc"
    assert set(loaded) == {*SHIPPED, "mine"}


def test_a_users_theme_replaces_a_shipped_one_of_its_name(own):
    (own / "mine.toml").write_text(GOOD.replace("mine", "ember"))
    assert themes.load()[0]["ember"].primary == "#aabbcc"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (GOOD.replace("dark = true\n", ""), "dark: field required"),
        (GOOD.replace("dark = true", "drak = true"), "(and 1 more)"),
        (GOOD.replace("[thinking]", 'glow = "#ffffff"\n[thinking]'), "glow: no such key"),
        (GOOD + 'shout = "#ffffff"', "thinking.shout: no such key"),
        (GOOD.replace("#aabbcc", "teal"), "primary: not a colour like #1a2b3c"),
        (GOOD.replace("#aabbcc", "#aabbccc"), "primary: not a colour"),
        (GOOD.replace('"#aabbcc"', '"#aabbcc\\n"'), "primary: not a colour"),
        (GOOD.replace('"mine"', '"My Theme"'), "name: "),
        (GOOD.replace('"mine"', "7"), "name: "),
        (GOOD.replace("dark = true", "dark = true\ntext_alpha = 2"), "text_alpha: "),
        (GOOD + '[variables]\n"a b" = "x"', "variables.a b"),
        ("", "field required"),
        ("= nonsense", "not TOML"),
        ("x = " + "[" * 5000, "not TOML"),
        ("#" * 70_000, "larger than 65.5 kB"),
    ],
)
def test_a_broken_one_is_left_out_and_named(own, text, reason):
    (own / "mine.toml").write_text(text)
    loaded, failures = themes.load()
    assert set(loaded) == set(SHIPPED)
    assert len(failures) == 1
    assert failures[0].startswith("theme mine.toml: ")
    assert reason in failures[0]
    assert "\n" not in failures[0]


def test_one_that_is_no_text_is_named(own):
    (own / "mine.toml").write_bytes(b"\xff\xfe")
    assert themes.load()[1][0].startswith("theme mine.toml: not TOML")


def test_a_folder_with_a_themes_name_is_named(own):
    (own / "mine.toml").mkdir()
    assert themes.load()[1] == ["theme mine.toml: not a file"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_a_pipe_does_not_hang(own):
    os.mkfifo(own / "mine.toml")
    assert themes.load()[1] == ["theme mine.toml: not a file"]


def test_two_of_one_name_are_named(own):
    (own / "a.toml").write_text(GOOD)
    (own / "b.toml").write_text(GOOD)
    loaded, failures = themes.load()
    assert "mine" in loaded
    assert failures == ["theme b.toml: a.toml has the name 'mine' already"]


def test_a_file_in_the_folders_place_is_named(home):
    folder = paths.user_themes()
    folder.parent.mkdir(parents=True)
    folder.write_text("")
    loaded, failures = themes.load()
    assert set(loaded) == set(SHIPPED)
    assert len(failures) == 1
