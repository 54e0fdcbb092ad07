"""Loads and validates themes: the shipped ones and the user's own.

Knows nothing of the app that shows them. The fields are those of a Textual theme, and besides
them the colours of a thought.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from r1chat import paths
from r1chat.formatting import format_bytes

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MOST_BYTES = 64 * 1024
"""No theme is larger; a file that is will not be read."""

Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]
Line = Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]


class Thinking(BaseModel):
    """The colours of a thought."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: Colour
    """What the model thinks."""
    injected: Colour
    """Words that r1chat or the user put into the thought."""
    wait: Colour
    """The mark of a moment where the model thinks again."""


class Theme(BaseModel):
    """A theme, as its file has it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    description: Line = ""
    dark: bool
    primary: Colour
    secondary: Colour | None = None
    accent: Colour | None = None
    foreground: Colour
    background: Colour
    surface: Colour | None = None
    panel: Colour | None = None
    boost: Colour | None = None
    success: Colour | None = None
    warning: Colour | None = None
    error: Colour | None = None
    luminosity_spread: Annotated[float, Field(ge=0, le=1)] = 0.15
    text_alpha: Annotated[float, Field(ge=0, le=1)] = 0.95
    variables: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,79}$")], Line] = {}
    thinking: Thinking


def load(own: Path | None = None) -> tuple[dict[str, Theme], list[str]]:
    """Reads all themes. One that is broken is left out and named; it never stops anything.

    Args:
        own: The folder of the user's themes; the usual one without it. A theme there replaces a
            shipped one of the same name.

    Returns:
        The themes by name, in alphabetical order, and one line for each that failed.
    """
    themes: dict[str, Theme] = {}
    failures: list[str] = []
    for folder in (paths.shipped_themes(), own or paths.user_themes()):
        found: dict[str, str] = {}
        for file in _toml_files(folder, failures):
            theme = _read(file, failures)
            if theme is None:
                continue
            if theme.name in found:
                failures.append(
                    f"theme {file.name}: {found[theme.name]} has the name {theme.name!r} already"
                )
                continue
            found[theme.name] = file.name
            themes[theme.name] = theme
    return dict(sorted(themes.items())), failures


def _toml_files(folder: Path, failures: list[str]) -> list[Path]:
    try:
        return sorted(file for file in folder.iterdir() if file.suffix == ".toml")
    except FileNotFoundError:
        return []
    except OSError as error:
        failures.append(f"themes in {folder}: {error.strerror}")
        return []


def _read(file: Path, failures: list[str]) -> Theme | None:
    try:
        if not file.is_file():
            reason = "not a file"
        else:
            with file.open("rb") as stream:
                data = stream.read(MOST_BYTES + 1)
            if len(data) <= MOST_BYTES:
                return Theme.model_validate(tomllib.loads(data.decode("utf-8")))
            reason = f"larger than {format_bytes(MOST_BYTES)}"
    except OSError as error:
        reason = error.strerror or str(error)
    except ValidationError as error:
        reason = _first(error)
    except (ValueError, RecursionError) as error:
        reason = f"not TOML: {error}"
    failures.append(f"theme {file.name}: {reason}")
    return None


def _first(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    where = ".".join(str(part) for part in problems[0]["loc"])
    what = problems[0]["msg"]
    if problems[0]["type"] == "extra_forbidden":
        what = "no such key"
    elif problems[0]["type"] == "string_pattern_mismatch" and where != "name":
        what = "not a colour like #1a2b3c"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{where}: {what[:1].lower()}{what[1:]}{more}"
