"""The exceptions of r1chat, as one tree.

Every message is one line that says what happened and what to do::

    R1ChatError
    ├── UsageError        the request makes no sense as it stands
    ├── ModelError        a model cannot be found or loaded
    │   └── MissingModel  it is not on this machine, but could be fetched
    ├── PromptError       the question cannot be put to this model
    │   └── ContextFull   not unless its oldest turns are left out, which was not allowed
    ├── NetworkError      the Hub or a remote server failed
    │   └── DownloadCancelled
    └── EngineError       the engine failed while it worked
        └── Cancelled     it was asked to stop
"""

from __future__ import annotations


class R1ChatError(Exception):
    """Base of every error that r1chat raises on purpose."""


class UsageError(R1ChatError):
    """The request makes no sense as it stands."""


class ModelError(R1ChatError):
    """A model cannot be found or loaded."""


class MissingModel(ModelError):  # noqa: N818  (a state that a download ends)
    """A model is not on this machine, but could be downloaded.

    Attributes:
        ref: The model's reference, as `r1chat models pull` takes it.
    """

    def __init__(self, message: str, ref: str) -> None:
        super().__init__(message)
        self.ref = ref


class PromptError(UsageError):
    """The question cannot be put to this model, e.g. because it is too long."""


class ContextFull(PromptError):  # noqa: N818  (a state that the caller resolves)
    """There is no room for a conversation unless its oldest turns are left out.

    Attributes:
        turns: How many of them, the oldest first.
        tokens: Tokens of the prompt that these take; 0 where nobody knows.
        missing: Tokens of context that are too few for all of it; 0 where nobody knows.
        larger: Tokens of a context that they fit into, where there is memory for one; else 0.
        memory: Bytes that it takes more.
    """

    def __init__(
        self, turns: int, tokens: int = 0, *, missing: int = 0, larger: int = 0, memory: int = 0
    ) -> None:
        super().__init__("the context is full: the oldest turns find no room in it")
        self.turns = turns
        self.tokens = tokens
        self.missing = missing
        self.larger = larger
        self.memory = memory


class NetworkError(R1ChatError):
    """The Hub or a remote server failed."""


class DownloadCancelled(NetworkError):  # noqa: N818  (a state the caller asked for, not an error)
    """A download was asked to stop; what it fetched is kept."""


class EngineError(R1ChatError):
    """The engine failed while it worked; the model stays loaded."""


class Cancelled(EngineError):  # noqa: N818  (a state the caller asked for, not an error)
    """The engine was asked to stop."""
