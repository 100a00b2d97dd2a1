"""How far a phase is: a bar with rate and time left on a terminal, plain lines in a pipe.

The log gets a line an epoch. Where epochs take a fraction of a second, a person gets one every few seconds, and the
last.
"""

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

WIDTH = 80
QUIET_SECONDS = 3.0
"""Between two lines for the person."""


class Progress:
    """Shows a phase.

    Args:
        name: The phase's name.
        epochs: Its epochs.
        steps: Batches an epoch, or None where nobody knows.
        say: Takes a line for the log and the person.
        note: Takes a line for the log alone.
    """

    def __init__(
        self,
        name: str,
        epochs: int,
        steps: int | None,
        say: Callable[[str], Any],
        note: Callable[[str], Any],
    ):
        self._name, self._epochs, self._steps, self._say, self._note = name, epochs, steps, say, note
        self._said = time.monotonic()
        self._bar: Any = None
        self._began = time.monotonic()

    def begin_epoch(self, epoch: int, done: int = 0) -> None:
        """Begin an epoch, some of whose batches may be done."""
        self.close()
        self._began = time.monotonic()
        if sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(
                total=self._steps,
                initial=done,
                desc=f"{self._name} {epoch + 1}/{self._epochs}",
                unit="batch",
                leave=False,
                dynamic_ncols=True,
                file=sys.stderr,
            )

    def step(self, loss: float | None = None) -> None:
        """Count one batch."""
        if self._bar is not None:
            if loss is not None:
                self._bar.set_postfix_str(f"loss {loss:.4g}", refresh=False)
            self._bar.update()

    def end_epoch(self, epoch: int, logs: Mapping[str, float]) -> None:
        """Say what the epoch gave, in one line that fits a terminal."""
        self.close()
        line = f"{self._name} {epoch + 1}/{self._epochs}  {time.monotonic() - self._began:.1f}s"
        for name, value in logs.items():
            part = f"  {name} {value:.4g}"
            if "/" not in name and len(line) + len(part) <= WIDTH:
                line += part
        now = time.monotonic()
        if epoch + 1 == self._epochs or now - self._said > QUIET_SECONDS:
            self._said = now
            self._say(line)
        else:
            self._note(line)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
