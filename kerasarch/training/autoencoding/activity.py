"""Which latent components a variational autoencoder uses, and the warning when it uses hardly any."""

import logging
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from kerasarch.training.health import Warning

logger = logging.getLogger("kerasarch")


@keras.saving.register_keras_serializable(package="kerasarch")
class ActiveUnits(keras.metrics.Metric):
    """Number of latent components whose posterior mean varies from example to example.

    ``sum_u [Var_x(E_q(z_u | x)) > threshold]``: Burda et al., 2015, section 5.2 (https://arxiv.org/abs/1509.00519).

    Args:
        latent: Number of components.
        threshold: Variance above which a component counts; theirs is 0.01.
        name: Name of the metric.
        dtype: As in Keras.
    """

    def __init__(self, latent: int, threshold: float = 0.01, name: str = "active_units", dtype: Any = None):
        super().__init__(name=name, dtype=dtype)
        self.latent, self.threshold = latent, threshold
        self.count = self.add_variable((), "zeros", name="count")
        self.average = self.add_variable((latent,), "zeros", name="average")
        self.squares = self.add_variable((latent,), "zeros", name="squares")

    def update_state(self, means: Any, *_: Any, **__: Any) -> None:  # (B, latent)
        """Take in the posterior means of a batch; Chan et al.'s update keeps far-off means exact."""
        means = ops.cast(means, self.dtype)
        batch = ops.cast(ops.shape(means)[0], self.dtype)
        average = ops.mean(means, axis=0)
        total = self.count + batch
        apart = average - self.average
        within = ops.sum(ops.square(means - average), axis=0)
        self.squares.assign(self.squares + within + ops.square(apart) * self.count * batch / total)
        self.average.assign(self.average + apart * batch / total)
        self.count.assign(total)

    def result(self) -> Any:
        """Return the number of active components."""
        variance = self.squares / ops.maximum(self.count, 1.0)
        return ops.sum(ops.cast(variance > self.threshold, self.dtype))

    def get_config(self) -> dict[str, Any]:
        """Configuration, as in Keras."""
        return {"latent": self.latent, "threshold": self.threshold, "name": self.name, "dtype": self.dtype}


class PosteriorCollapse(keras.callbacks.Callback):
    """Warns when a decoder ignores most of its latent vector.

    Where the approximate posterior equals the prior, the component carries nothing: Bowman et al., 2016, section 3.1
    (https://arxiv.org/abs/1511.06349). Said once for each collapse: again only where the components were active in
    between.

    A young autoencoder is not judged. Its KL term at full weight puts out the components that its first weights made
    active, and only a decoder that has learned something brings them back: with a warm-up of 0 on the bundled digits
    after 180 steps, with beta 8 after 740.

    Args:
        latent: Number of components.
        share: Warn when fewer than this part of them is active.
        patience: Epochs up to the first look, which should be beyond the warm-up of the KL term.
        steps: Steps up to the first look, where it is known how many an epoch has.
        warn: Takes a ``kerasarch.training.health.Warning``; None writes it to the log.
    """

    def __init__(
        self,
        latent: int,
        share: float = 0.1,
        patience: int = 1,
        steps: int = 1000,
        warn: Callable[[Warning], None] | None = None,
    ):
        super().__init__()
        self.latent, self.share, self.patience, self.steps = latent, share, patience, steps
        self.warn = warn
        self.warned = False

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at ``active_units``."""
        active = (logs or {}).get("active_units")
        if active is None or self._is_early(epoch + 1):
            return
        collapsed = bool(active < self.share * self.latent)
        if collapsed and not self.warned:
            text = f"Posterior collapse: {active:.0f} of {self.latent} latent components are active after epoch "
            remedy = "Lengthen the warm-up of the KL term, lower beta, or make the decoder weaker."
            (self.warn or _log)(Warning("posterior-collapse", "latent", f"{text}{epoch + 1}.", remedy))
        self.warned = collapsed

    def _is_early(self, epochs: int) -> bool:
        steps = (self.params or {}).get("steps")
        return epochs < self.patience or (steps is not None and epochs * steps < self.steps)


def _log(warning: Warning) -> None:
    logger.warning("%s %s", warning.text, warning.remedy)
