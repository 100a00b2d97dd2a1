"""What all tests share: one backend a process, the real data sets, and quiet backends."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "agg")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
ANY_WEIGHTS = frozenset({"generation", "inspection", "layers", "models", "weights"})
"""Folders of tests to which initial weights do not matter: JAX need not compile a program for each of their shapes."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that are quick on some backends only are slow on this one, unless it is among them."""
    for item in items:
        for mark in item.iter_markers("quick_on"):
            if os.environ["KERAS_BACKEND"] not in mark.args:
                item.add_marker("slow")


@pytest.fixture(autouse=True)
def drawn_where_it_does_not_matter(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let NumPy draw the initial weights of what is only compared."""
    with contextlib.ExitStack() as stack:
        if request.path.relative_to(Path(__file__).parent).parts[0] in ANY_WEIGHTS:
            from kerasarch import backends

            stack.enter_context(backends.drawn_on_host())
        yield


@pytest.fixture(scope="session")
def backend() -> str:
    """The backend of this process."""
    return os.environ["KERAS_BACKEND"]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets that lies beside a developer's checkout; tests skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"the real data sets are not at {SHARED}")
    return SHARED
