"""One optimizer for several groups of variables, each with an optimizer of its own."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from kerasarch.errors import UsageError
from kerasarch.training.weight_averages import averages_kept_by


@keras.saving.register_keras_serializable(package="kerasarch")
class GroupOptimizer(keras.optimizers.MultiOptimizer):
    """Hands each group's gradients to the group's own optimizer.

    The groups' optimizers outlive this object: where training goes on with other groups, a new GroupOptimizer takes the
    same optimizers, and moments and step counts go on. Its ``variables`` are those of all the groups, so that a
    checkpoint of a model's optimizer is complete.

    Args:
        optimizers: The optimizer of each group, by name.
        paths: ``path`` of each variable of each group, by name.
        global_clipnorm: Largest norm of all the gradients together; larger ones are scaled down. Keras' own
            argument of that name, set on the groups' optimizers, would take each group's norm.
        loss_scale_factor: As in Keras.
        name: Name of the optimizer.

    Raises:
        UsageError: One path belongs to two groups, or a variable belongs to none.
    """

    def __init__(
        self,
        optimizers: Mapping[str, keras.optimizers.Optimizer],
        paths: Mapping[str, Sequence[str]],
        *,
        global_clipnorm: float | None = None,
        loss_scale_factor: float | None = None,
        name: str = "group_optimizer",
    ):
        optimizers = dict(optimizers)
        self._lock = False  # what Keras' __setattr__ asks for before Optimizer.__init__ has run
        # Keras loads a model with everything trainable inside its layers: what was frozen then stays as it is.
        self.loaded, self._still = False, keras.optimizers.SGD(0.0)
        home: dict[str, str] = {}
        for group, members in paths.items():
            for path in members:
                if home.setdefault(path, group) != group:
                    raise UsageError(
                        f"Received variable {path!r} in groups {home[path]!r} and {group!r}. Expected it in one; give "
                        "the layers different names."
                    )

        def choose(variable: Any) -> str:
            if variable.path in home:
                return optimizers[home[variable.path]]
            if self.loaded:
                return self._still
            raise UsageError(
                f"Received variable {variable.path!r}, which is in no group. Expected one of {sorted(home)}."
            )

        super().__init__(choose, loss_scale_factor=loss_scale_factor, name=name)
        self.home = home  # group of each path
        self.group_optimizers = optimizers
        self.group_paths = {group: list(members) for group, members in paths.items()}
        self.all_groups_clipnorm = global_clipnorm
        # Fixed from the start, in the order of the groups, so that the order of `variables` depends on nothing else.
        for optimizer in optimizers.values():
            optimizer.loss_scale_factor = loss_scale_factor
            self._inner_optimizers.append(optimizer)

    def build(self, var_list: Any) -> None:
        """Builds each group's optimizer in the order of its paths, whatever order the model has.

        The layers' own order differs from the model's where layers are nested: saved moments would be mixed up.
        """
        given = {variable.path: variable for variable in var_list}
        for group, optimizer in self.group_optimizers.items():
            members = [given[path] for path in self.group_paths[group] if path in given]
            if members and not optimizer.built:
                optimizer.build(members)
        super().build(var_list)

    def apply(self, grads: Any, trainable_variables: Any = None) -> Any:
        """Clips over all groups, then lets each group's optimizer apply its gradients."""
        if self.all_groups_clipnorm is not None:
            # Gradients still carry a fixed loss scale here; the groups' optimizers take it out.
            largest = self.all_groups_clipnorm * (self.loss_scale_factor or 1.0)
            squares = [ops.sum(ops.square(ops.cast(grad, "float32"))) for grad in grads if grad is not None]
            scale = largest / ops.maximum(ops.sqrt(sum(squares)), largest)
            grads = [grad if grad is None else grad * ops.cast(scale, grad.dtype) for grad in grads]
        super().apply(grads, trainable_variables)

    def finalize_variable_values(self, var_list: Any) -> None:
        """Puts the averages of weights in their place, for each group whose optimizer keeps them."""
        # Keras would pair them by the model's order of variables, which is not always a group's.
        for optimizer in self.group_optimizers.values():
            for variable, average in averages_kept_by(optimizer):
                # With memory of its own: JAX donates a weight's to the next compiled call.
                variable.assign(ops.copy(average.value))

    def rates(self) -> dict[str, float]:
        """Learning rate of each group in the step last taken; before any step that of the first."""
        return {group: _last_rate(optimizer) for group, optimizer in self.group_optimizers.items()}

    def get_config(self) -> dict[str, Any]:
        """Configuration, as in Keras."""
        return {
            "optimizers": {
                group: keras.saving.serialize_keras_object(optimizer)
                for group, optimizer in self.group_optimizers.items()
            },
            "paths": self.group_paths,
            "global_clipnorm": self.all_groups_clipnorm,
            "loss_scale_factor": self.loss_scale_factor,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "GroupOptimizer":
        """The optimizer of a configuration, as in Keras."""
        optimizers = {
            group: keras.saving.deserialize_keras_object(optimizer, custom_objects=custom_objects)
            for group, optimizer in config["optimizers"].items()
        }
        loaded = cls(**{**config, "optimizers": optimizers})
        loaded.loaded = True
        return loaded


def _last_rate(optimizer: keras.optimizers.Optimizer) -> float:
    schedule = optimizer._learning_rate  # the property `learning_rate` would give the rate of the step to come
    if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        step = int(ops.convert_to_numpy(optimizer._iterations.value))
        return float(ops.convert_to_numpy(schedule(max(step - 1, 0))))
    return float(ops.convert_to_numpy(ops.convert_to_tensor(optimizer.learning_rate)))
