"""What an examination finds, and how it is shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias

from r1chat.sanitize import line

Level: TypeAlias = Literal["fine", "odd", "broken"]

_MARKS: dict[Level, str] = {"fine": " ", "odd": "!", "broken": "X"}
_LONGEST = 400


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact.

    Attributes:
        name: What it is about.
        value: What was found, in one line.
        level: Whether it is as it should be. Odd still works; broken keeps r1chat from answering.
        advice: What to do about it, a line each; a command stands on a line of its own.
    """

    name: str
    value: str
    level: Level = "fine"
    advice: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """Facts on one subject."""

    title: str
    findings: list[Finding] = field(default_factory=list)


def healthy(sections: Iterable[Section]) -> bool:
    """Whether r1chat can answer questions here."""
    return all(finding.level != "broken" for section in sections for finding in section.findings)


def as_text(sections: list[Section]) -> str:
    """The findings in aligned lines, fit for a terminal."""
    width = max(len(finding.name) for section in sections for finding in section.findings)
    lines = []
    for section in sections:
        lines.append(section.title)
        for finding in section.findings:
            mark = _MARKS[finding.level]
            name = line(finding.name)
            lines.append(f"{mark} {name:<{width}}  {line(finding.value, _LONGEST)}".rstrip())
            lines += [f"{'':<{width + 4}}{line(advice, _LONGEST)}" for advice in finding.advice]
        lines.append("")
    return "\n".join([*lines, _verdict(sections)])


def _verdict(sections: list[Section]) -> str:
    levels = [finding.level for section in sections for finding in section.findings]
    broken, odd = levels.count("broken"), levels.count("odd")
    if broken:
        return f"Broken: {broken}, marked X. r1chat cannot answer until that is mended."
    if odd:
        return f"r1chat works. Worth a look: {odd}, marked !."
    return "Everything is fine."


def as_json(sections: list[Section]) -> dict[str, Any]:
    """The findings for programs."""
    return {
        "schema": 1,
        "healthy": healthy(sections),
        "sections": {
            section.title: [asdict(finding) for finding in section.findings] for section in sections
        },
    }
