"""Initial step sizes of state-space models, and the maps before and after them."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kerasarch")
class StepSizeBias(keras.initializers.Initializer):
    """What softplus turns into step sizes that are spread evenly on a logarithmic scale.

    ``log(exp(s) - 1)`` with ``log s`` uniform: Gu and Dao, 2023, section 3.6 (https://arxiv.org/abs/2312.00752).

    Args:
        steps: Least and largest, and what smaller ones are raised to.
        seed: Of the draw.
    """

    def __init__(self, steps: Sequence[float] = (1e-3, 0.1, 1e-4), seed: int | None = None):
        self.steps = tuple(steps)
        self.seed = seed if seed is not None else keras.random.SeedGenerator()

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        """Draw."""
        least, most, floor = self.steps
        logs = keras.random.uniform(shape, math.log(least), math.log(most), dtype, self.seed)
        steps = ops.maximum(ops.exp(logs), floor)
        return steps + ops.log(-ops.expm1(-steps))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make it again."""
        seed = self.seed if isinstance(self.seed, int) else None
        return {"steps": self.steps, "seed": seed}


def linear_start(branches: int = 1) -> keras.initializers.Initializer:
    """Return PyTorch's initializer of linear maps: uniform within one over the root of the inputs.

    Args:
        branches: How many of them are added up in a deep network: deviations are divided by its root.
    """
    return keras.initializers.VarianceScaling(1 / (3 * branches), "fan_in", "uniform")
