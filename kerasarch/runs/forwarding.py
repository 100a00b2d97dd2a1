"""What others say during a run, warnings and log records, goes to its log and its person."""

import contextlib
import logging
import warnings
from collections.abc import Iterator
from typing import Any

from kerasarch.runs.active import ActiveRun


@contextlib.contextmanager
def warnings_to(active: ActiveRun) -> Iterator[None]:
    """Keep warnings of other packages in the log, where they do not disturb the progress bars."""
    if any(action == "error" for action, *_ in warnings.filters[:1]):
        yield  # somebody wants them as errors
        return
    show = warnings.showwarning

    def note(message: Any, category: type[Warning], filename: str, lineno: int, *_: Any, **__: Any) -> None:
        active.note(f"{category.__name__}: {message} ({filename}:{lineno})")

    warnings.showwarning = note
    try:
        yield
    finally:
        warnings.showwarning = show


@contextlib.contextmanager
def logging_to(active: ActiveRun) -> Iterator[None]:
    """Tell the person, and the run's log, what the floors below warn of, such as images that were left out."""

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            active.say(f"Warning: {record.getMessage()}")

    handler, logger = Handler(logging.WARNING), logging.getLogger("kerasarch")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
