"""Initial weights do not matter here: JAX need not compile a program for each of their shapes."""

import pytest

from kerasarch import backends


@pytest.fixture(autouse=True)
def drawn_on_host():
    with backends.drawn_on_host():
        yield
