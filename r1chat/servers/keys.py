"""API keys of servers, from the environment or the system's keyring.

A key goes to the address that it was meant for and to no other:

- ``R1CHAT_KEY_NAME`` is that of the server called NAME (in capitals, ``-`` as ``_``); empty, it
  says that there is none;
- one in the keyring is that of a name and of the address that the name stood for when the key was
  kept: a name that is given to another server takes no key along;
- ``R1CHAT_API_KEY`` is that of servers without a name, which are named by their address;
- ``OPENAI_API_KEY`` is that of the address in ``OPENAI_BASE_URL``, by default of OpenAI's own,
  and goes there alone.

No key is ever part of the settings, of an argument, a message or the log.
"""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass, field
from types import ModuleType
from typing import Literal

from r1chat.addresses import is_key, normal, origin
from r1chat.errors import R1ChatError, UsageError
from r1chat.sanitize import line

REQUIREMENT = "keyring>=25,<26"
"""What the extra `keyring` installs."""
_SERVICE = "r1chat"
_BARE = "R1CHAT_API_KEY"
_OPENAI, _OPENAI_URL = "OPENAI_API_KEY", "OPENAI_BASE_URL"
_OPENAI_USUAL = "https://api.openai.com/v1"


class NoKeyring(R1ChatError):  # noqa: N818  (what is missing, not what failed)
    """The package `keyring` is not installed."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key, and where it comes from."""

    text: str = field(repr=False)
    source: Literal["environment", "keyring"]
    variable: str = ""
    """The variable that holds it, if one does."""


def variable(name: str) -> str:
    """The environment's variable for the key of a named server."""
    return f"R1CHAT_KEY_{name.upper().replace('-', '_')}"


def of_address(url: str) -> Key | None:
    """The key of a server without a name.

    Raises:
        UsageError: If what is in the environment can be no key.
    """
    if found := _from_environment(_BARE):
        return found
    own = os.environ.get(_OPENAI_URL) or _OPENAI_USUAL
    try:
        meant = origin(normal(own)) == origin(normal(url))
    except ValueError:
        meant = False
    return _from_environment(_OPENAI) if meant else None


def of_name(name: str, url: str) -> Key | None:
    """The key of a named server.

    Raises:
        UsageError: If what is in the environment can be no key.
        R1ChatError: If the keyring fails.
    """
    wanted = variable(name)
    if wanted in os.environ:
        return _from_environment(wanted)
    keyring = _keyring()
    if keyring is None:
        return None
    try:
        kept: object = keyring.get_password(_SERVICE, _entry(name, url))
    except keyring.errors.NoKeyringError:
        # Nothing can ever have been kept there.
        return None
    except Exception as error:  # noqa: BLE001  (backends raise whatever their system does)
        raise _fault(error, name) from None
    return Key(clean(kept, "the key in the keyring"), "keyring") if isinstance(kept, str) else None


def keep(name: str, url: str, key: str) -> None:
    """Keeps the key of a named server in the keyring.

    Raises:
        NoKeyring: If the package is not installed.
        UsageError: If it can be no key.
        R1ChatError: If the keyring fails.
    """
    key = clean(key, "that")
    keyring = _needed()
    try:
        keyring.set_password(_SERVICE, _entry(name, url), key)
    except keyring.errors.NoKeyringError:
        raise _no_backend(name) from None
    except Exception as error:  # noqa: BLE001  (backends raise whatever their system does)
        raise _fault(error, name, key) from None


def forget(name: str, url: str) -> bool:
    """Removes the key of a named server from the keyring.

    Returns:
        Whether there was one.

    Raises:
        R1ChatError: If the keyring fails.
    """
    keyring = _keyring()
    if keyring is None:
        return False
    entry = _entry(name, url)
    try:
        if keyring.get_password(_SERVICE, entry) is None:
            return False
        keyring.delete_password(_SERVICE, entry)
    except keyring.errors.NoKeyringError:
        return False
    except Exception as error:  # noqa: BLE001  (backends raise whatever their system does)
        raise _fault(error, name) from None
    return True


def clean(text: str, what: str) -> str:
    """A key as it can be sent; the line's end that a file or a paste leaves is taken off.

    Args:
        text: The key.
        what: What to call it where it is none; never the key itself.

    Raises:
        UsageError: If it is none.
    """
    text = text.strip()
    if not text:
        message = f"{what} is empty: no key"
        raise UsageError(message)
    if not is_key(text):
        message = f"{what} is no API key: one is a line of plain letters, digits and signs"
        raise UsageError(message)
    return text


def _from_environment(name: str) -> Key | None:
    text = os.environ.get(name, "")
    return Key(clean(text, name), "environment", name) if text.strip() else None


def _entry(name: str, url: str) -> str:
    return f"{name} at {origin(url)}"


def _keyring() -> ModuleType | None:
    """The package; None where it is not installed."""
    if importlib.util.find_spec("keyring") is None:
        return None
    try:
        import keyring
        import keyring.errors
    except Exception as error:  # noqa: BLE001  (it looks for its backend as it is imported)
        message = (
            f"the keyring cannot be used ({type(error).__name__}): check PYTHON_KEYRING_BACKEND"
        )
        raise R1ChatError(message) from None
    return keyring


def _needed() -> ModuleType:
    keyring = _keyring()
    if keyring is None:
        message = "keys are kept in the system's keyring, for which the package keyring is missing"
        raise NoKeyring(message)
    return keyring


def _no_backend(name: str) -> R1ChatError:
    return R1ChatError(
        f"this system has no keyring; put the key into the environment instead: {variable(name)}"
    )


def _fault(error: Exception, name: str, key: str = "") -> R1ChatError:
    reason = line(str(error), 120)
    # Nobody promises that an error of a backend does not repeat what it was given.
    if not reason or (key and key in str(error)):
        reason = type(error).__name__
    return R1ChatError(f"the system's keyring fails ({reason}): unlock it, or set {variable(name)}")
