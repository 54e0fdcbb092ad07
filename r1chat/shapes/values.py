"""Reads JSON values, and compares them."""

from __future__ import annotations

import json
from typing import Any, NoReturn


def loaded(text: str) -> Any:  # noqa: ANN401  (any JSON)
    """Reads JSON that every reader of JSON reads the same.

    Raises:
        ValueError: If it is none, or has a number that is too large or a string that is no text.
    """
    try:
        value = json.loads(text, parse_constant=_refuse)
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        message = f"{error.msg.lower()} in line {error.lineno}, column {error.colno}"
        raise ValueError(message) from None
    except RecursionError:
        message = "it is nested too deeply"
        raise ValueError(message) from None
    except UnicodeEncodeError:
        message = "a string has half a character in it"
        raise ValueError(message) from None
    except ValueError:
        message = "a number in it is too large, or none"
        raise ValueError(message) from None
    return value


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)


def equal(one: Any, other: Any) -> bool:  # noqa: ANN401  (any JSON)
    """Whether two values are the same in JSON: 1 is 1.0, but true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)
