"""Ctrl-C and SIGTERM: the first asks the run to stop at the next batch, the second stops it at once."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any


class Interrupted(BaseException):
    """The run was asked to stop. No `Exception`, so that a recipe's ``except Exception`` lets it through.

    Args:
        number: The signal's number.
    """

    def __init__(self, number: int):
        super().__init__(f"interrupted by {signal.Signals(number).name}")
        self.number = number

    @property
    def exit_code(self) -> int:
        """130 after Ctrl-C, 143 after SIGTERM: 128 and the signal's number."""
        return 128 + self.number


class Checked(BaseException):
    """``--check`` has seen all it wanted: options, data and models are there."""


class Watch:
    """Listens for the two signals while a run goes on.

    Attributes:
        received: The signal that asked the run to stop, or None.
        boundaries: Whether somebody looks at `received` after each batch; otherwise there is nothing worth waiting for,
            and the first signal stops the run at once.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self.boundaries = 0

    @contextlib.contextmanager
    def listening(self) -> Iterator["Watch"]:
        """Listen inside the block; afterwards the earlier handlers are back. Only a main thread can listen."""
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        earlier = {number: signal.signal(number, self._receive) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield self
        finally:
            for number, handler in earlier.items():
                signal.signal(number, handler)

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Inside the block the first signal waits for the next batch boundary."""
        self.boundaries += 1
        try:
            yield
        finally:
            self.boundaries -= 1

    def stop_if_asked(self) -> None:
        """End the run if a signal came.

        Raises:
            Interrupted: One came.
        """
        if self.received is not None:
            raise Interrupted(self.received)

    def _receive(self, number: int, frame: Any) -> None:
        first, self.received = self.received is None, number
        if first and self.boundaries:
            # os.write: print is not safe inside a signal handler.
            os.write(2, b"\nStopping after this batch; once more stops at once.\n")
            return
        for other in (signal.SIGINT, signal.SIGTERM):
            signal.signal(other, signal.SIG_DFL)
        raise Interrupted(number)
