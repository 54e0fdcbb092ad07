"""What can go wrong, as one tree of exceptions.

Every message is one line that says what happened and what to do::

    R1ChatError
    ├── UsageError        the request makes no sense as it stands
    ├── ModelError        a model cannot be found or loaded
    ├── PromptError       the question cannot be put to this model
    ├── NetworkError      the Hub or a remote server failed
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


class PromptError(UsageError):
    """The question cannot be put to this model, e.g. because it is too long."""


class NetworkError(R1ChatError):
    """The Hub or a remote server failed."""


class EngineError(R1ChatError):
    """The engine failed while it worked; the model stays loaded."""


class Cancelled(EngineError):  # noqa: N818  (a state the caller asked for, not an error)
    """The engine was asked to stop."""
