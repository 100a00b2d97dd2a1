"""Stateful Keras code that a step runs only sometimes, on PyTorch."""

from collections.abc import Callable
from typing import Any

from kerasarch.backends.conditional import conditional


def when(predicate: Any, fn: Callable[[], None]) -> None:
    """Run ``fn`` if the predicate holds.

    Args:
        predicate: A boolean scalar.
        fn: Stateful Keras code; what it assigns is assigned.
    """
    if bool(predicate):
        with conditional():
            fn()
