"""Whether code runs that a step takes only sometimes: what it computes must not leave it but by assignments."""

import contextlib
import threading
from collections.abc import Iterator

_STATE = threading.local()


@contextlib.contextmanager
def conditional() -> Iterator[None]:
    """Within it code runs under a condition; see `backends.when`."""
    before = inside_condition()
    _STATE.inside = True
    try:
        yield
    finally:
        _STATE.inside = before


def inside_condition() -> bool:
    """Whether code runs within `conditional`."""
    return getattr(_STATE, "inside", False)
