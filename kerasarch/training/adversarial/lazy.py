"""Lazy regularisation: a part of the training step that runs every few steps, without compiling the step twice."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from kerasarch import backends
from kerasarch.errors import UsageError
from kerasarch.training.gradients import only_shapes


@keras.saving.register_keras_serializable(package="kerasarch")
class Lazily(keras.layers.Layer):
    """Runs stateful code in steps ``0, interval, 2 * interval, ...`` and remembers the scalars it returned last.

    Karras et al., 2020, section 3.1 (https://arxiv.org/abs/1912.04958): R1 every 16 steps and the path lengths every 8
    do as well as in every step, if their weight is multiplied by the interval. Both branches are part of one compiled
    step; only one of them costs time. The gradient norms of lazy parts are not recorded by monitoring.

    Args:
        interval: Steps from one run to the next; 0 for never.
        names: Names of the scalars.
        **kwargs: Passed to ``keras.layers.Layer``.

    Raises:
        UsageError: The interval is negative.
    """

    def __init__(self, interval: int, names: Sequence[str], **kwargs: Any):
        super().__init__(**kwargs)
        if interval < 0:
            raise UsageError(f"{self.name}: received interval={interval}. Expected 1 or more steps, or 0 for never.")
        self.interval, self.names = interval, tuple(names)
        self.steps = self.add_weight(shape=(), initializer="zeros", trainable=False, dtype="int32", name="steps")
        self.values = [
            self.add_weight(shape=(), initializer="zeros", trainable=False, dtype="float32", name=name)
            for name in self.names
        ]
        self.built = True

    def run(self, fn: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Count a step and run the code when its turn has come.

        Args:
            fn: Stateful Keras code that returns scalars of the names.

        Returns:
            The scalars that it returned last, by name; before its first run zeros.
        """
        if not self.interval:
            return {}

        def run() -> None:
            result = fn()
            for name, variable in zip(self.names, self.values, strict=True):
                variable.assign(ops.cast(result[name], "float32"))

        if only_shapes():
            run()
        else:
            backends.when(ops.equal(self.steps % self.interval, 0), run)
        self.steps.assign_add(1)
        return {name: variable.value for name, variable in zip(self.names, self.values, strict=True)}

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {**super().get_config(), "interval": self.interval, "names": list(self.names)}
