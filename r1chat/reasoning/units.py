"""The words beside numbers: which of them measure the same thing in other units."""

from __future__ import annotations

from r1chat.reasoning.notation import words

LETTERS = words("m g s h l L t d c C F")
"""Units of one letter; any other may be a variable."""
PER = words("per a an each every")
"""Words behind which the unit stands that something is counted by."""
CHANGES = words(
    "r R rem remainder remainders mod modulo choose st nd rd th hundred hundreds thousand "
    "thousands million millions billion billions trillion k dozen dozens score gross am pm "
    "o'clock oclock squared cubed factorial half halves third thirds quarter quarters fourths "
    "fifths base percentage tens ones digits digit bits bit root power"
)
"""Words that make another number of the one in front of them, or none at all."""
COMPARED = words("more less fewer times of out off over higher lower older")
"""Words that make of the number in front of them a difference: 7 is 3 more than 4."""
JOINED = words("and or to of by than")
"""Words that begin something else behind a number."""

_SAME_THING = {
    "time": "second minute hour day week month year decade century ms fortnight weekday weekend",
    "length": "m cm mm km inch in foot yard mile meter centimeter millimeter kilometer block lap",
    "mass": "g kg mg lb ounce oz pound gram kilogram milligram ton tonne stone",
    "volume": "l ml liter milliliter gallon gal quart qt pint pt cup tablespoon teaspoon tbsp tsp",
    "money": "cent dollar penny pennie nickel dime euro buck",
    "data": "kb mb gb tb byte bit kilobyte megabyte gigabyte",
}
_KINDS = {
    "mph": frozenset({"length:mile", "time:hour"}),
    **{
        unit: frozenset({f"{kind}:{unit}"})
        for kind, units in _SAME_THING.items()
        for unit in words(units)
    },
}
_OTHER_NAMES = {
    "metre": "meter", "centimetre": "centimeter", "millimetre": "millimeter",
    "kilometre": "kilometer", "feet": "foot", "ft": "foot", "inche": "inch", "lbs": "lb",
    "yd": "yard", "mi": "mile", "litre": "liter", "millilitre": "milliliter",
    "s": "second", "sec": "second", "min": "minute", "mins": "minute", "h": "hour", "hr": "hour",
    "yr": "year", "daily": "day", "weekly": "week", "monthly": "month", "yearly": "year",
    "annually": "year", "annual": "year", "hourly": "hour",
}  # fmt: skip
_SHORTEST_PLURAL = 4


def singular(word: str) -> str:
    """A unit's name in one form: "hours" and "hr" are "hour"."""
    named = _OTHER_NAMES.get(word)
    if named is None and len(word) >= _SHORTEST_PLURAL and word.endswith("s"):
        word = word if word.endswith("ss") else word[:-1]
        named = _OTHER_NAMES.get(word)
    return named or word


def kinds_of(word: str) -> frozenset[str]:
    """What a unit measures, and in which unit, as "time:hour"; nothing for things."""
    return _KINDS.get(singular(word), frozenset())
