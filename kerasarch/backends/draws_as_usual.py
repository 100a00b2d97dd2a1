"""Random numbers on TensorFlow and PyTorch, which compile nothing for them."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def drawn_on_host() -> Iterator[None]:
    """Random numbers that are drawn in here may be others than usual; on this backend they are not."""
    yield
