"""Chooses the model where the user has named none, and says which; names one for real questions."""

from __future__ import annotations

from r1chat.errors import ModelError
from r1chat.formatting import format_bytes
from r1chat.models import TINY
from r1chat.sanitize import line

_FOUND = (
    "no model chosen: using {ref}, the best on this machine; `r1chat settings set model …` "
    "chooses one"
)
_TOY = (
    "no model configured: using the built-in tiny model, a toy for arithmetic; "
    "`r1chat models list` shows what this machine can run"
)
_HERE = "for real questions, `-m {ref}` asks the best model on this machine"
_OFFER = (
    "for real questions, `r1chat models pull {ref}` downloads a model that suits this machine, "
    "{size}"
)
_OTHERS = "for real questions, `r1chat models list` shows what this machine can run"


def default_model(context: int | None) -> tuple[str, str]:
    """The model to use where none was named.

    Args:
        context: Tokens of context that the user wants.

    Returns:
        Its reference, and a note for the user.
    """
    from r1chat.hub.inventory import Inventory

    try:
        found = Inventory(lambda: context).usual()
    except ModelError:
        # A damaged catalogue keeps nobody from asking the built-in model.
        found = None
    return (found.ref, _FOUND.format(ref=line(found.ref, 200))) if found else (TINY, _TOY)


def after_declining(context: int | None) -> str:
    """A note for whoever the built-in model has told that a question is beyond it.

    Args:
        context: Tokens of context that the user wants.
    """
    from r1chat.hub.inventory import Inventory

    inventory = Inventory(lambda: context)
    try:
        if (found := inventory.usual()) is not None:
            return _HERE.format(ref=line(found.ref, 200))
        offer = inventory.recommended()
    except ModelError:
        return _OTHERS
    return _OFFER.format(ref=offer.ref, size=format_bytes(offer.size))
