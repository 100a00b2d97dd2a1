"""An optimizer and a learning rate for every group, through all stages."""

from collections.abc import Mapping, Sequence

import keras

from kerasarch.errors import UsageError
from kerasarch.training.group_optimizer import GroupOptimizer
from kerasarch.training.groups import LayerGroup
from kerasarch.training.optimizers import optimizer_of
from kerasarch.training.schedules import WarmupCosine
from kerasarch.training.strategies import Stage


class GroupRates:
    """Keeps one optimizer a group for the whole training and sets their schedules when a stage begins.

    Arguments as in :class:`kerasarch.training.GradualUnfreezing`.

    Raises:
        UsageError: A rate, its decay or the optimizer is wrong.
    """

    def __init__(
        self,
        groups: Sequence[LayerGroup],
        stages: Sequence[Stage],
        *,
        optimizer: str | keras.optimizers.Optimizer = "adam",
        learning_rate: float | Mapping[str, float] = 1e-3,
        decay: float = 2.6,
        weight_decay: float | None = None,
        global_clipnorm: float | None = None,
        warmup_epochs: float = 0.0,
        cosine: str | None = "training",
        final: float = 0.0,
    ):
        if cosine not in ("training", "stage", None):
            raise UsageError(f"Received cosine={cosine!r}. Expected 'training', 'stage' or None.")
        if warmup_epochs < 0:
            raise UsageError(f"Received warmup_epochs={warmup_epochs}. Expected 0 or more.")
        self.groups, self.stages = {group.name: group for group in groups}, list(stages)
        self.rates = group_rates(list(self.groups), learning_rate, decay)
        self.warmup_epochs, self.cosine, self.final = warmup_epochs, cosine, final
        template = optimizer_of(optimizer)
        self._config, self._class = template.get_config(), type(template)
        if self._config.get("gradient_accumulation_steps") and (global_clipnorm or self._config.get("global_clipnorm")):
            raise UsageError(
                "Received global_clipnorm with gradient_accumulation_steps. Expected one of them: the norm over "
                "all groups is known before gradients are accumulated, not after. Use clipnorm or clipvalue."
            )
        # A norm over all groups cannot be taken in a group's optimizer.
        self.global_clipnorm = global_clipnorm or self._config.pop("global_clipnorm", None)
        self._config["global_clipnorm"] = None
        self.loss_scale_factor = self._config.pop("loss_scale_factor", None)
        self.weight_decay = weight_decay
        self._optimizers: dict[str, keras.optimizers.Optimizer] = {}

    def optimizer(self, stage: Stage, steps: int) -> GroupOptimizer:
        """The optimizer of one stage: a new one over the lasting optimizers of its open groups.

        Args:
            stage: One of the stages.
            steps: Batches of an epoch.

        Returns:
            The optimizer. Call it when the stage's layers are open and earlier stages have been trained or restored,
            because rates go on from the step counts that they left.
        """
        paths = {}
        for name in stage.open:
            variables = [variable for variable in self.groups[name].variables if variable.trainable]
            optimizer = self._optimizers.get(name) or self._new(name, variables)
            self._optimizers[name] = optimizer
            optimizer.learning_rate = self._schedule(
                name, stage, steps, int(keras.ops.convert_to_numpy(optimizer._iterations.value))
            )
            paths[name] = [variable.path for variable in variables]
        opened = {name: self._optimizers[name] for name in stage.open}
        return GroupOptimizer(
            opened, paths, global_clipnorm=self.global_clipnorm, loss_scale_factor=self.loss_scale_factor
        )

    def _new(self, name: str, variables: Sequence[keras.Variable]) -> keras.optimizers.Optimizer:
        # Keras counts optimizers in their names (adam_1): not in ours, which checkpoints hold.
        config = {**self._config, "name": f"{self._class.__name__.lower()}_{name}".replace("/", "_")}
        config["learning_rate"] = WarmupCosine(self.rates[name])
        if self.weight_decay is not None:
            config["weight_decay"] = self.weight_decay
        optimizer = self._class.from_config(config)
        if self.weight_decay is not None:
            optimizer.exclude_from_weight_decay(var_list=[v for v in variables if len(v.shape) < 2])
        # In the order of the group, whatever model trains it first: a checkpoint of one fits the other.
        optimizer.build(list(variables))
        return optimizer

    def _schedule(self, name: str, stage: Stage, steps: int, iterations: int) -> WarmupCosine:
        """Schedule of a group in a stage, as a function of its own iterations."""
        starts, start = {}, 0
        for planned in self.stages:
            starts[planned.name] = start
            start += planned.epochs * steps
        first = next(planned for planned in self.stages if name in planned.open)
        origin = starts[stage.name if self.cosine == "stage" else first.name]
        end = starts[stage.name] + stage.epochs * steps if self.cosine == "stage" else start
        return WarmupCosine(
            self.rates[name],
            total=end - origin if self.cosine else None,
            warmup=round(self.warmup_epochs * steps),
            final=self.final,
            # Where the plan says that this stage starts, whatever early stopping saved before it.
            offset=starts[stage.name] - origin - iterations,
        )


def group_rates(names: Sequence[str], learning_rate: float | Mapping[str, float], decay: float) -> dict[str, float]:
    """Discriminative learning rates: the head's rate, divided by `decay` once more for each group below it.

    Howard and Ruder, 2018, section 3.2 (https://arxiv.org/abs/1801.06146), suggest 2.6.

    Args:
        names: Groups from the input upward.
        learning_rate: Rate of the last group; or the rate of each group by name.
        decay: Factor between neighbours, at least 1; 1 gives all the same rate.

    Returns:
        The rate of each group.

    Raises:
        UsageError: The decay is below 1, a rate is negative, or the names are not those of the groups.
    """
    if isinstance(learning_rate, Mapping):
        if set(learning_rate) != set(names):
            raise UsageError(
                f"Received learning rates of {sorted(learning_rate)}. Expected one for each group: {', '.join(names)}."
            )
        rates = {name: float(learning_rate[name]) for name in names}
    else:
        if decay < 1:
            raise UsageError(f"Received decay={decay}. Expected at least 1: groups below the head learn slower.")
        rates = {name: learning_rate / decay ** (len(names) - 1 - index) for index, name in enumerate(names)}
    if any(rate < 0 for rate in rates.values()):
        raise UsageError(f"Received learning rates {rates}. Expected none below 0.")
    return rates
