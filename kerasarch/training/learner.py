"""A Keras model whose training step is written once, for JAX, TensorFlow and PyTorch."""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from kerasarch import backends
from kerasarch.backends.conditional import inside_condition
from kerasarch.errors import UsageError
from kerasarch.training.gradients import only_shapes, shapes_only, value_and_grad
from kerasarch.training.optimizer_set import OptimizerSet
from kerasarch.training.step_batches import batch_of, examples_in, symbolic
from kerasarch.training.step_logs import StepLogs


class Learner(keras.Model):
    """Several networks, several optimizers and one training step in plain stateful Keras.

    A subclass keeps its networks as attributes and writes `step`. ``fit``, callbacks, ``evaluate``, saving, mixed
    precision, gradient clipping, accumulation, averages of weights and ``keras.distribution`` work as in any Keras
    model; on JAX and TensorFlow the step is compiled as a step written for that backend would be.

    Networks, seed generators and metrics that a step uses are attributes, so that Keras knows their variables. What
    the constructor takes is kept under the same names, or `get_config` is overridden.

    Example:
        >>> class Regression(Learner):
        ...     def __init__(self, network, **keywords):
        ...         super().__init__(**keywords)
        ...         self.network = network
        ...     def step(self, batch):
        ...         return {"loss": self.minimize("network", self.loss_of, *batch)}
        ...     def loss_of(self, x, y):
        ...         return ops.mean((self.network(x, training=True) - y) ** 2)
        >>> learner.compile({"network": keras.optimizers.Adam()})
    """

    optimizer: Any

    def __init__(self, **keywords: Any):
        super().__init__(**keywords)
        self.step_logs = StepLogs()
        self._monitoring = False
        self._records: dict[str, list[Any]] = {}

    # What a subclass writes.

    def step(self, batch: Any) -> dict[str, Any]:
        """Train on a batch.

        Args:
            batch: What the data yields: a tensor, or a tuple such as ``(x, y)``.

        Returns:
            Scalars by name. Keras shows and keeps their means over the epoch.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no step(self, batch). Write it: it returns scalars by name."
        )

    def evaluation_step(self, batch: Any) -> dict[str, Any]:
        """Evaluate on a batch; as `step`, without training. Needed by ``evaluate`` and ``validation_data`` alone."""
        raise NotImplementedError(
            f"{type(self).__name__} has no evaluation_step(self, batch). Write it to use evaluate() or validation_data."
        )

    def call(self, *args: Any, **keywords: Any) -> Any:
        """What ``predict`` computes; a generator's images for instance."""
        raise NotImplementedError(
            f"{type(self).__name__} has no call(). Write it to use predict(), or call its networks."
        )

    # What a step uses.

    def minimize(
        self,
        name: str | None,
        loss: Callable,
        *args: Any,
        variables: Sequence[keras.Variable] | None = None,
        has_aux: bool = False,
    ) -> Any:
        """Differentiate ``loss(*args)`` with respect to a network's variables; its optimizer applies the gradients.

        Args:
            name: Attribute that holds the network, and its optimizer's name; None stands for the whole learner with
                its one optimizer.
            loss: Returns a scalar, or with ``has_aux`` a pair of a scalar and any nest of tensors.
            *args: Arguments of ``loss``.
            variables: Those to train in place of all the trainable ones of the network.
            has_aux: Whether ``loss`` returns a pair.

        Returns:
            The loss, or ``(loss, aux)``.

        Raises:
            UsageError: There is no such network or optimizer, or a variable is not the network's.
        """
        optimizer = self._optimizer_of(name)
        if only_shapes():
            return loss(*args)
        variables = self.variables_of(name) if variables is None else self._known(variables, name)

        @functools.wraps(loss)
        def scaled(*args: Any) -> Any:
            result = loss(*args)
            value, aux = result if has_aux else (result, None)
            return optimizer.scale_loss(value), (value, aux)

        if not optimizer.built:
            optimizer.build(self.variables_of(name if isinstance(self.optimizer, OptimizerSet) else None))
        (_, (value, aux)), gradients = value_and_grad(scaled, variables, has_aux=True)(*args)
        if self._monitoring and not inside_condition():
            self._record(f"gradient_norm/{name or self.name}", _norm(gradients) / _scale(optimizer))
        backends.apply_gradients(optimizer, gradients, variables)
        return (value, aux) if has_aux else value

    def variables_of(self, name: str | None) -> list[keras.Variable]:
        """Trainable variables of the network that the attribute ``name`` holds; None stands for the whole learner."""
        owner: Any = self if name is None else getattr(self, name, None)
        if not hasattr(owner, "trainable_variables"):
            held = vars(self) | vars(self).get("_modules", {})  # where PyTorch keeps them
            layers = sorted(key for key, value in held.items() if isinstance(value, keras.Layer))
            raise UsageError(f"{self.name}: received the name {name!r}. Expected a network of the learner: {layers}.")
        return owner.trainable_variables

    def _known(self, variables: Sequence[keras.Variable], name: str | None) -> list[keras.Variable]:
        own = {id(variable) for variable in self.variables_of(name)}
        for variable in variables:
            if id(variable) not in own:
                owner = "learner's trainable ones" if name is None else f"trainable ones of the network {name!r}"
                raise UsageError(
                    f"{self.name}: received variable {getattr(variable, 'path', variable)!r}, which is not among the "
                    f"{owner}. Expected variables of that network; train those of another one by its own name, and "
                    "make a network an attribute."
                )
        return list(variables)

    def _optimizer_of(self, name: str | None) -> keras.optimizers.Optimizer:
        optimizer = self.optimizer
        if isinstance(optimizer, OptimizerSet):
            if name is None:
                raise UsageError(f"{self.name}: received no name. Expected one of {optimizer.names}.")
            return optimizer[name]
        return optimizer

    # What Keras calls.

    def compile(
        self,
        optimizer: Any = "adam",
        *,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Say how to train.

        Args:
            optimizer: A Keras optimizer, or a dict with one for each network by the name of its attribute.
            run_eagerly: Run the step uncompiled, so that a debugger can stop in it.
            steps_per_execution: Batches in one compiled call; not on PyTorch.
            jit_compile: As in Keras.
            auto_scale_loss: Scale the losses of networks in ``mixed_float16`` dynamically.
        """
        if isinstance(optimizer, dict):
            optimizer = OptimizerSet(optimizer)
        super().compile(
            optimizer=optimizer,
            run_eagerly=run_eagerly,
            steps_per_execution=steps_per_execution,
            jit_compile=jit_compile,
            auto_scale_loss=False,
        )
        self._loss_tracker = None  # Keras' own; a step names its losses itself
        self._own_compile_config = {
            "run_eagerly": run_eagerly,
            "steps_per_execution": steps_per_execution,
            "jit_compile": jit_compile,
            "auto_scale_loss": auto_scale_loss,
        }
        if isinstance(self.optimizer, OptimizerSet):
            for name in self.optimizer.names:
                self.variables_of(name)
            self.optimizer.attach(self)
            if auto_scale_loss:
                self.optimizer.scale_losses([key for key in self.optimizer.names if _is_half(getattr(self, key))])
        elif auto_scale_loss and _is_half(self):
            scaled = isinstance(self.optimizer, (keras.optimizers.LossScaleOptimizer, type(None)))
            self.optimizer = self.optimizer if scaled else keras.optimizers.LossScaleOptimizer(self.optimizer)
        self._build_if_ready()

    @property
    def monitoring(self) -> bool:
        """Whether steps log the norm of each network's gradient, as ``gradient_norm/<name>``."""
        return self._monitoring

    @monitoring.setter
    def monitoring(self, value: bool) -> None:
        if bool(value) != self._monitoring:
            self._monitoring = bool(value)
            self.train_function = None  # compiled without, or with it

    def train_step(self, *arguments: Any) -> Any:
        """Keras' training step, on the backend that runs: calls `step`."""
        return backends.training_step(self, self._run_training, *arguments)

    def test_step(self, *arguments: Any) -> Any:
        """Keras' evaluation step, on the backend that runs: calls `evaluation_step`."""
        return backends.evaluation_step(self, self._run_evaluation, *arguments)

    def _run_training(self, data: Any) -> dict[str, Any]:
        batch = batch_of(data)
        self._records.clear()
        rates = self._scheduled_rates()
        logs = self._means(self.step(batch), batch, "step", self._records)
        self._records.clear()
        if isinstance(self.optimizer, OptimizerSet):
            self.optimizer.count_step()
        return logs | rates

    def _run_evaluation(self, data: Any) -> dict[str, Any]:
        batch = batch_of(data)
        return self._means(self.evaluation_step(batch), batch, "evaluation_step")

    def _scheduled_rates(self) -> dict[str, Any]:
        """Learning rates that change by a schedule, of the step to come."""
        if not isinstance(self.optimizer, OptimizerSet):
            return {}
        return {
            f"learning_rate/{name}": ops.convert_to_tensor(optimizer.learning_rate)
            for name, optimizer in zip(self.optimizer.names, self.optimizer.optimizers, strict=True)
            if isinstance(optimizer._learning_rate, keras.optimizers.schedules.LearningRateSchedule)
        }

    def _means(self, logs: Any, batch: Any, method: str, records: Any = None) -> dict[str, Any]:
        if not isinstance(logs, dict):
            raise UsageError(
                f"{self.name}: {method} returned a {type(logs).__name__}. Expected scalars by name, a dict."
            )
        held = {metric.name: metric for metric in self.metrics if metric is not self.step_logs}
        scalars = {name: value for name, value in logs.items() if name not in held}
        scalars |= {name: sum(values) / len(values) for name, values in (records or {}).items()}
        means = self.step_logs.update_state(scalars, examples_in(batch))
        return means | {name: metric.result() for name, metric in held.items()}

    def _record(self, name: str, value: Any) -> None:
        self._records.setdefault(name, []).append(value)

    # Building.

    def _build_if_ready(self) -> None:
        layers = list(self._flatten_layers(include_self=False))
        if layers and all(layer.built for layer in layers):
            self.built = True
            if self.optimizer is not None and not self.optimizer.built:
                self.optimizer.build(self.trainable_variables)

    def _symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        """Make all variables from the shapes of a batch, before anything is compiled; Keras calls it."""
        self._build_if_ready()
        if self.built:
            return
        if data_batch is None:
            for _, _, data in iterator:
                data_batch = data[0] if isinstance(data, (list, tuple)) else next(data)
                break
        shapes = symbolic(data_batch)

        def run(batch: Any) -> Any:
            with shapes_only():
                return self.step(batch)

        keras.src.backend.compute_output_spec(run, batch_of(shapes))
        self.built = True
        self._build_if_ready()

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        """Keras calls this on TensorFlow, where it leaves building to the first compiled step."""
        self._symbolic_build(iterator, data_batch)

    # Saving.

    def get_config(self) -> dict[str, Any]:
        """Configuration, as in Keras: of each argument of the constructor the attribute of that name."""
        config: dict[str, Any] = {"name": self.name, "trainable": self.trainable, "dtype": self.dtype_policy}
        for name, parameter in inspect.signature(type(self).__init__).parameters.items():
            if name == "self" or parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                continue
            if not hasattr(self, name):
                raise UsageError(
                    f"{type(self).__name__} keeps no attribute {name!r}, an argument of its constructor. Expected one, "
                    "to save the learner; or override get_config."
                )
            config[name] = getattr(self, name)
        return {name: keras.saving.serialize_keras_object(value) for name, value in config.items()}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Learner":
        """The learner of a configuration, as in Keras."""
        return cls(
            **{
                name: keras.saving.deserialize_keras_object(value, custom_objects=custom_objects)
                for name, value in config.items()
            }
        )

    def get_compile_config(self) -> dict[str, Any]:
        """Configuration of `compile`, as in Keras."""
        if not self.compiled or self.optimizer is None:
            return {}
        return {"optimizer": keras.saving.serialize_keras_object(self.optimizer), **self._own_compile_config}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile as the saved learner was."""
        self.compile(**{**config, "optimizer": keras.saving.deserialize_keras_object(config["optimizer"])})


def _is_half(layer: keras.Layer) -> bool:
    return any(one.dtype_policy.name == "mixed_float16" for one in layer._flatten_layers())


def _scale(optimizer: keras.optimizers.Optimizer) -> Any:
    """Factor that the optimizer put on the loss."""
    return optimizer.scale_loss(ops.ones((), "float32"))


def _norm(gradients: Sequence[Any]) -> Any:
    return ops.sqrt(sum(ops.sum(ops.square(ops.cast(gradient, "float32"))) for gradient in gradients))
