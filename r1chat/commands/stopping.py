"""What stops work that has many replies, such as a batch."""

from __future__ import annotations

from r1chat.interrupts import Cancellable


class Stop:
    """Stops several replies from a signal's handler: the one under way, and those to come."""

    def __init__(self) -> None:
        self.wanted = False
        self._control: Cancellable | None = None

    @property
    def control(self) -> Cancellable | None:
        """What stops the reply under way."""
        return self._control

    @control.setter
    def control(self, control: Cancellable | None) -> None:
        self._control = control
        if self.wanted and control is not None:
            control.cancel()

    def cancel(self) -> None:
        """Asks it to stop."""
        self.wanted = True
        if self._control is not None:
            self._control.cancel()
