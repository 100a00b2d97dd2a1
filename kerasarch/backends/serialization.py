"""Keras' serialisation, kept from importing TensorFlow on the other backends.

For each object Keras 3.15 asks whether it is one of three classes of TensorFlow, and imports TensorFlow to find out:
five seconds of a run's first serialisation, and a greeting. Nothing is of a class that nobody has imported.
"""

import sys
from typing import Any

from keras.src.saving import serialization_lib  # there is no public name for it


class _Imported:
    """Stands for TensorFlow: there if somebody else has imported it."""

    def __init__(self, module: Any):
        self._module = module

    @property
    def available(self) -> bool:
        return sys.modules.get("tensorflow") is not None and bool(self._module.available)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def spare_tensorflow() -> None:
    """Let Keras serialise without importing TensorFlow; what has imported it is treated as before."""
    given = getattr(serialization_lib, "tf", None)
    if given is not None and not isinstance(given, _Imported):
        serialization_lib.tf = _Imported(given)
