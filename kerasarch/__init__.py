"""Neural network architectures and training recipes for Keras 3, on JAX, TensorFlow and PyTorch.

Importing this package imports neither Keras nor a backend: the backend stays free to choose until something is used.
"""

from typing import TYPE_CHECKING

from kerasarch.lazy import lazy_names

if TYPE_CHECKING:
    from kerasarch import data, inspection, layers, models, training, weights
    from kerasarch.runs.execute import run
    from kerasarch.weights import from_pretrained, to_pretrained

__version__ = "0.1.0"
__all__ = ["data", "from_pretrained", "inspection", "layers", "models", "run", "to_pretrained", "training", "weights"]

_HOMES = {
    "data": ".data",
    "from_pretrained": "weights",
    "inspection": ".inspection",
    "layers": ".layers",
    "models": ".models",
    "run": "runs.execute",
    "to_pretrained": "weights",
    "training": ".training",
    "weights": ".weights",
}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
