"""Starts a download, after a question where the model could not be used on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from r1chat.errors import ModelError
from r1chat.formatting import format_bytes
from r1chat.sanitize import line
from r1chat.tui.screens.question import Question
from r1chat.tui.threads import on_thread

if TYPE_CHECKING:
    from r1chat.hub.inventory import Choice
    from r1chat.tui.host import Host
    from r1chat.tui.services.downloads import Downloads
    from r1chat.tui.services.known_models import KnownModels


async def start(
    host: Host,
    known: KnownModels,
    downloads: Downloads,
    ref: str,
    choice: Choice | None = None,
) -> bool:
    """Downloads a model, which is used once it is here.

    Args:
        host: The app.
        known: What is known of models.
        downloads: The app's downloads.
        ref: What to download.
        choice: The same, where it has been looked up.

    Returns:
        False where it could not be used and the user leaves it.

    Raises:
        NetworkError: If the Hub cannot be reached.
        ModelError: If it has no such model.
        UsageError: If the reference is malformed.
    """
    from r1chat.hub.reference import parse

    if known.survey is None:
        await known.look_around()
    if choice is None:
        wanted = parse(ref)
        if wanted is None:
            message = f"{line(ref)} is nothing that the Hub has"
            raise ModelError(message)
        choice = await on_thread(lambda: known.inventory.resolve(wanted))
    if choice.doubtful and not await _is_wanted(host, choice, known.inventory.shorter(choice)):
        return False
    await downloads.start(choice)
    return True


async def _is_wanted(host: Host, choice: Choice, shorter: int | None) -> bool:
    """Asks whether to download what could not be used.

    Args:
        host: The app.
        choice: The model.
        shorter: The context that would make it fit.
    """
    title = f"{choice.ref} does not fit this machine"
    about = f"{choice.fit.arithmetic if choice.fit else ''}.\n"
    about += "It would not be loaded here as things are."
    if choice.problem:
        title, about = f"How {choice.ref} fits this machine is unknown", f"{choice.problem}."
    answers = [("no", "Leave it")]
    if shorter is not None:
        words = f"Download it, and take {shorter:,} tokens of context from now on"
        answers.append(("shorter", words))
    answers.append(("yes", f"Download the {format_bytes(choice.size)} all the same"))
    answer = await host.push_screen_wait(Question(title, about, answers))
    if answer == "shorter":
        host.remember(ctx=shorter)
    return answer in {"shorter", "yes"}
