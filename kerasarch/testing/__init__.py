"""The conformance kit: what a layer, a model and a recipe must hold, for a plugin's own tests and ``kerasarch test``.

    from kerasarch.testing import check_layer, check_model, check_recipe

    def test_layer():
        check_layer(MyLayer)

Importing this package imports no Keras.
"""

from typing import TYPE_CHECKING

from kerasarch.lazy import lazy_names
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

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
