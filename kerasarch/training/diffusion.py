"""Training a network to tell noise from data: diffusion models and flow matching."""

import inspect
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasarch import backends
from kerasarch.errors import DataError, UsageError
from kerasarch.training.average import WeightAverage
from kerasarch.training.learner import Learner


@keras.saving.register_keras_serializable(package="kerasarch")
class Diffusion(Learner):
    """Adds noise to data and trains a network to say what it was.

    ``loss = mean(w(t) (network(x_t, t, condition) - target)^2)``: Ho et al., 2020, algorithm 1 and eq. 14
    (https://arxiv.org/abs/2006.11239), for each prediction and weighting of the process. The conditions of a share of
    the examples are replaced, so that the network learns to do without: Ho and Salimans, 2022, algorithm 1
    (https://arxiv.org/abs/2207.12598).

    One loss and one optimizer would need no learner; the averaged copy that moves after each step does.

    Args:
        network: Called as ``network([x, times])``, with conditions ``network([x, times, condition])``.
        process: A `kerasarch.generation.NoiseSchedule` or `kerasarch.generation.Flow`.
        prediction: What the network predicts; ``"flow"`` for a flow.
        gamma: Cap of the min-SNR weights; None weighs all times alike.
        null: Stands for no condition: a class number, or an array of a condition's shape. None for a network without.
        drop: Share of the examples whose condition is replaced by it.
        average: The copy to draw with, or None.
        seed: Of times and noise.
        **kwargs: Passed to ``keras.Model``.

    Raises:
        UsageError: Conditions are to be dropped, and nothing stands for none.
    """

    def __init__(
        self,
        network: keras.Model,
        process: Any,
        *,
        prediction: str = "epsilon",
        gamma: float | None = None,
        null: Any = None,
        drop: float = 0.0,
        average: WeightAverage | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if not 0 <= drop < 1 or (drop and null is None):
            raise UsageError(
                f"{self.name}: drop must be from 0 to below 1, and 0 where nothing stands for no condition. Received "
                f"drop={drop}, null={null}."
            )
        self.network, self.process, self.prediction, self.gamma = network, process, prediction, gamma
        self.null, self.drop, self.average, self.seed = null, drop, average, seed
        self.random = keras.random.SeedGenerator(seed)
        self._ask_in_training = backends.training_call(network)

    def step(self, batch: Any) -> dict[str, Any]:
        """Train on a batch: ``x (B, ...)``, or with conditions ``(x, conditions)``."""
        x, condition = self.unpack(batch)
        count = ops.shape(x)[0]
        noise = keras.random.normal(ops.shape(x), seed=self.random)
        times = self.process.draw_times(count, self.random)
        if condition is not None and self.drop:
            hidden = keras.random.uniform((count,), seed=self.random) < self.drop
            condition = ops.where(_beside(hidden, condition), _null_like(self.null, condition), condition)
        loss = self.minimize("network", self.loss_of, x, noise, times, condition)
        if self.average is not None:
            self.average.update(self.network, count)
        return {"loss": loss}

    def evaluation_step(self, batch: Any) -> dict[str, Any]:
        """The same loss for a batch that is not trained on, of the averaged network where one is kept."""
        x, condition = self.unpack(batch)
        noise = keras.random.normal(ops.shape(x), seed=self.random)
        times = self.process.draw_times(ops.shape(x)[0], self.random)
        return {"loss": self.loss_of(x, noise, times, condition, training=False)}

    def loss_of(self, x: Any, noise: Any, times: Any, condition: Any, training: bool = True) -> Any:
        """Mean weighted squared error of the network's prediction.

        Args:
            x: ``(B, ...)``.
            noise: ``(B, ...)``, standard normal.
            times: ``(B,)``, as the process draws them.
            condition: ``(B, ...)`` or None.
            training: Whether the network trains.
        """
        given = [self.process.add_noise(x, noise, times), self.process.told(times)]
        given += [] if condition is None else [condition]
        out = self._ask_in_training(given) if training else self(given)
        error = ops.cast(out, "float32") - ops.cast(self.process.target(x, noise, times, self.prediction), "float32")
        error = ops.mean(ops.square(error), axis=tuple(range(1, len(error.shape))))
        return ops.mean(self.process.weights(times, self.prediction, gamma=self.gamma) * error)

    def unpack(self, batch: Any) -> tuple[Any, Any]:
        """Take the data of a batch, and the conditions where the network takes them."""
        x, condition = batch[:2] if isinstance(batch, (tuple, list)) else (batch, None)
        if self.null is None:
            return x, None
        if condition is None:
            raise DataError(f"{self.name}: received batches without conditions. Expected (data, conditions).")
        return x, ops.cast(condition, "int32") if np.asarray(self.null).dtype.kind in "iu" else condition

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Run the network on ``[x, times]`` or ``[x, times, condition]``: the averaged one where one is kept."""
        if self.average is not None and not training:
            return self.average(inputs)
        return self.network(inputs, training=training)

    @property
    def drawing_network(self) -> keras.Model:
        """The network to draw with: the averaged copy, or the network itself."""
        return self.network if self.average is None else self.average.network

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the learner again."""
        names = [name for name in inspect.signature(Diffusion.__init__).parameters if name not in ("self", "kwargs")]
        given = {name: keras.saving.serialize_keras_object(getattr(self, name)) for name in names}
        return {**given, **super().get_config()}


def _beside(flags: Any, condition: Any) -> Any:  # (B,)
    return ops.reshape(flags, (-1,) + (1,) * (len(condition.shape) - 1))


def _null_like(null: Any, condition: Any) -> Any:
    return ops.cast(ops.convert_to_tensor(null), condition.dtype) + ops.zeros_like(condition)
