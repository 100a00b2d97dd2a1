"""The conformance kit: what a layer, a model and a recipe must hold, for a plugin's own tests and ``kerasarch test``.

    from kerasarch.testing import check_layer, check_model, check_recipe

    def test_layer():
        check_layer(MyLayer)

Importing this package imports no Keras.
"""

import importlib
from typing import TYPE_CHECKING, Any

from kerasarch.testing.example import Example, Integers
from kerasarch.testing.findings import ConformanceError, Finding

if TYPE_CHECKING:
    from kerasarch.testing.definitions import check_layer, check_model
    from kerasarch.testing.processes import choose_backend
    from kerasarch.testing.recipes import check_recipe

__all__ = [
    "ConformanceError",
    "Example",
    "Finding",
    "Integers",
    "check_layer",
    "check_model",
    "check_recipe",
    "choose_backend",
]

_HOMES = {
    "check_layer": "definitions",
    "check_model": "definitions",
    "check_recipe": "recipes",
    "choose_backend": "processes",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}. It has: {', '.join(__all__)}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
