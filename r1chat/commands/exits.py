"""The exit codes of the command line. They are a contract with scripts."""

from __future__ import annotations

from enum import IntEnum

from r1chat.errors import ModelError, NetworkError, R1ChatError, UsageError


class ExitCode(IntEnum):
    """Why the process ended."""

    ANSWERED = 0
    """Done; also where the reader of the answer closed the pipe, having read enough."""
    FAILED = 1
    USAGE = 2
    MODEL = 3
    """The model was not found or could not be loaded."""
    NO_ANSWER = 4
    """The reply ended without an answer."""
    NETWORK = 5
    HUNG_UP = 129
    INTERRUPTED = 130
    TERMINATED = 143


def code_of(error: R1ChatError) -> ExitCode:
    """The exit code for an error."""
    if isinstance(error, UsageError):
        return ExitCode.USAGE
    if isinstance(error, ModelError):
        return ExitCode.MODEL
    if isinstance(error, NetworkError):
        return ExitCode.NETWORK
    return ExitCode.FAILED
