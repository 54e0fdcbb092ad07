"""Formats counts, bytes, durations and rates for people: the only module that does.

A figure reads the same wherever it is shown, in the app and on the command line.
"""

from __future__ import annotations

_THOUSAND = 1000
_MINUTE = 60
_HOUR = 3600
_MOST_ESTIMATED = 500
"""Tokens a second above which other things count than those that an estimate knows."""


def noun(number: float, one: str, many: str = "") -> str:
    """The noun for a number of things, e.g. "token" or "tokens".

    Args:
        number: How many there are.
        one: Its singular.
        many: Its plural, where that is not the singular with an "s".
    """
    return one if number == 1 else many or f"{one}s"


def counted(number: int, one: str, many: str = "") -> str:
    """A number of things, e.g. "1 token" or "1,024 tokens"; the arguments are as for `noun`."""
    return f"{number:,} {noun(number, one, many)}"


def format_count(number: float) -> str:
    """A large number in short, e.g. "7.6B", "12k"; below a thousand all of it."""
    for value, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if number >= value:
            figure = number / value
            return f"{figure:.1f}{letter}" if figure < 9.95 else f"{figure:.0f}{letter}"  # noqa: PLR2004
    return f"{number:.0f}"


def format_probability(probability: float) -> str:
    """A probability in percent, e.g. "97 %".

    Never 0 or 100: no model is as sure as that, and what is read from a file was rounded.
    """
    percent = round(100 * probability)
    if percent < 1:
        return "< 1 %"
    return f"{percent} %" if percent < 100 else "> 99 %"  # noqa: PLR2004


def format_tokens(tokens: int) -> str:
    """A number of tokens as short as it can be without loss: "128", "1.5k", "1,234"."""
    thousands = tokens / 1024
    return f"{thousands:g}k" if tokens and (2 * thousands).is_integer() else f"{tokens:,}"


def format_bytes(size: float) -> str:
    """A size in decimal units and three digits, as the Hub writes it: "4.68 GB", "491 MB"."""
    if size < _THOUSAND:
        return counted(round(size), "byte")
    units = ["TB", "GB", "MB", "kB"]
    size /= _THOUSAND
    while size >= _THOUSAND - 0.5 and len(units) > 1:
        size /= _THOUSAND
        units.pop()
    digits = 2 if size < 9.995 else 1 if size < 99.95 else 0  # noqa: PLR2004  (three in all)
    return f"{size:,.{digits}f} {units[-1]}"


def format_rate(bytes_per_s: float) -> str:
    """The speed of a transfer, e.g. "12.4 MB/s"."""
    return f"{format_bytes(bytes_per_s)}/s"


def format_duration(seconds: float, *, trim: bool = False) -> str:
    """A duration, e.g. "0.02 s", "5.0 s", "12 s", "2 min 5 s", "1 h 2 min".

    Args:
        seconds: How long it is.
        trim: Whether to write "5 s" in place of "5.0 s": for what was set or estimated and not
            measured.
    """
    if 0 < seconds < 0.095:  # noqa: PLR2004  (nothing takes no time at all)
        return f"{max(seconds, 0.01):.2f} s"
    if seconds < 9.95:  # noqa: PLR2004  (below it the tenths tell something)
        figure = f"{seconds:.1f}"
        return f"{figure.removesuffix('.0') if trim else figure} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        (large, small), units = divmod(whole, _MINUTE), ("min", "s")
    else:
        (large, small), units = divmod(round(seconds / _MINUTE), 60), ("h", "min")
    return f"{large:,} {units[0]}" + (f" {small} {units[1]}" if small else "")


def format_remaining(seconds: float) -> str:
    """An estimate of the time left, to the second and never 0: "3 s", "2 min 5 s"."""
    return format_duration(max(1, round(seconds)), trim=True)


def speed_figure(tokens_per_s: float, *, estimated: bool = False) -> str:
    """The figure of a generation speed, for the cells of a table: "5.4", "41".

    Args:
        tokens_per_s: Tokens a second.
        estimated: Whether nobody has measured it; what is too fast to be foretold gets a "+".
    """
    if estimated and tokens_per_s > _MOST_ESTIMATED:
        return f"{_MOST_ESTIMATED}+"
    return f"{tokens_per_s:.1f}" if tokens_per_s < 9.95 else f"{tokens_per_s:,.0f}"  # noqa: PLR2004


def format_speed(tokens_per_s: float, *, estimated: bool = False) -> str:
    """A generation speed, e.g. "41 tokens/s"; the arguments are as for `speed_figure`."""
    return f"{speed_figure(tokens_per_s, estimated=estimated)} tokens/s"


def format_bar(done: int, total: int, width: int = 20) -> str:
    """How far something is, as a bar of plain characters, e.g. "[####......]"."""
    full = width * done // max(1, total)
    return f"[{'#' * full}{'.' * (width - full)}]"
