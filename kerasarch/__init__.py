"""Neural network architectures and training recipes for Keras 3, on JAX, TensorFlow and PyTorch.

Importing this package imports neither Keras nor a backend: the backend stays free to choose until something is used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kerasarch import data, layers, models, training, weights
    from kerasarch.runs.execute import run
    from kerasarch.weights import from_pretrained, to_pretrained

__version__ = "0.1.0"
__all__ = ["data", "from_pretrained", "layers", "models", "run", "to_pretrained", "training", "weights"]

_HOMES = {
    "from_pretrained": "kerasarch.weights",
    "to_pretrained": "kerasarch.weights",
    "run": "kerasarch.runs.execute",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}. It has: {', '.join(__all__)}")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    return importlib.import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
