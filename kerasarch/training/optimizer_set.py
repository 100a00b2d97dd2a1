"""One optimizer for each network of a learner, and all of them one Keras optimizer."""

import weakref
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from kerasarch.errors import UsageError


@keras.saving.register_keras_serializable(package="kerasarch")
class OptimizerSet(keras.optimizers.Optimizer):
    """Optimizers by the name of the network that each one trains; to Keras a single optimizer.

    `Learner.compile` makes one of a dict. Its ``variables`` are those of all the optimizers, so that checkpoints and
    ``.keras`` files are complete.

    Args:
        optimizers: Keras optimizers by the name of a learner's attribute.
        name: Name of the optimizer.

    Raises:
        UsageError: A value is no optimizer, or two networks share one.
    """

    def __init__(self, optimizers: Mapping[str, keras.optimizers.Optimizer], name: str = "optimizer_set"):
        super().__init__(learning_rate=0.0, name=name)
        self._of = {key: keras.optimizers.get(optimizer) for key, optimizer in optimizers.items()}
        for key, optimizer in self._of.items():
            twin = next((other for other, one in self._of.items() if one is optimizer and other != key), None)
            if twin is not None:
                raise UsageError(
                    f"Received one optimizer for {twin!r} and {key!r}. Expected one for each network; make two."
                )
        self._learner: Any = None
        self.use_ema = any(getattr(optimizer, "use_ema", False) for optimizer in self.optimizers)

    def attach(self, learner: Any) -> None:
        """Say whose attributes the names are."""
        self._learner = weakref.ref(learner)

    def __getitem__(self, name: str) -> keras.optimizers.Optimizer:
        if name not in self._of:
            raise UsageError(
                f"Received no optimizer for {name!r}. Expected one of {sorted(self._of)}; add it in compile()."
            )
        return self._of[name]

    @property
    def names(self) -> list[str]:
        """Names of the networks."""
        return list(self._of)

    def scale_losses(self, names: Sequence[str]) -> None:
        """Give the networks' optimizers a dynamic loss scale, where they have none."""
        for name in names:
            if not isinstance(self._of[name], keras.optimizers.LossScaleOptimizer):
                self._of[name] = keras.optimizers.LossScaleOptimizer(self._of[name], name=f"{name}_loss_scale")

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Build each network's optimizer; Keras gives all variables of the learner."""
        if self.built:
            return
        learner = None if self._learner is None else self._learner()
        if learner is None:
            raise UsageError("An OptimizerSet was built by itself. Expected Learner.compile(optimizer={...}) to do it.")
        for name, optimizer in self._of.items():
            if not optimizer.built:
                optimizer.build(learner.variables_of(name))
        super().build(variables)

    @property
    def optimizers(self) -> list[keras.optimizers.Optimizer]:
        """The optimizers that update weights, without loss scaling around them; Keras' SwapEMAWeights looks here."""
        return [getattr(optimizer, "inner_optimizer", optimizer) for optimizer in self._of.values()]

    @property
    def variables(self) -> list[keras.Variable]:
        """The set's own variables, then those of each optimizer."""
        return [*self._variables, *(variable for optimizer in self._of.values() for variable in optimizer.variables)]

    @property
    def learning_rate(self) -> Any:
        """There is none of the set: a callback that wants one finds out."""
        raise AttributeError(
            f"Each network has a rate of its own: optimizer[name].learning_rate, name in {self.names}."
        )

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        raise AttributeError(
            f"Each network has a rate of its own: optimizer[name].learning_rate, name in {self.names}."
        )

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Not used: the learner applies each network's gradients."""
        raise UsageError(
            "An OptimizerSet applies no gradients itself. Expected optimizer[name].apply, or Learner.minimize."
        )

    def count_step(self) -> None:
        """Count a training step of the learner, however often it minimized."""
        self._iterations.assign_add(1)

    def finalize_variable_values(self, var_list: Sequence[keras.Variable]) -> None:
        """Put the averages of weights in their place, for each optimizer that keeps them."""
        for optimizer in self.optimizers:
            if optimizer.use_ema:
                optimizer.finalize_variable_values(optimizer._trainable_variables)
                for variable in optimizer._trainable_variables:
                    # Keras lets weight and average share memory, which JAX donates to the next compiled call.
                    variable.assign(keras.ops.copy(variable.value))

    def save_own_variables(self, store: Any) -> None:
        """Save the set's own variables; Keras saves those of each optimizer itself."""
        for i, variable in enumerate(self._variables):
            store[str(i)] = keras.ops.convert_to_numpy(variable.value)

    def load_own_variables(self, store: Any) -> None:
        """Load what `save_own_variables` saved."""
        for i, variable in enumerate(self._variables):
            variable.assign(store[str(i)])

    def get_config(self) -> dict[str, Any]:
        """Configuration, as in Keras."""
        return {
            "optimizers": {
                name: keras.saving.serialize_keras_object(optimizer) for name, optimizer in self._of.items()
            },
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "OptimizerSet":
        """The optimizer of a configuration, as in Keras."""
        optimizers = {
            name: keras.saving.deserialize_keras_object(optimizer, custom_objects=custom_objects)
            for name, optimizer in config["optimizers"].items()
        }
        return cls(**{**config, "optimizers": optimizers})
