"""The two sides of the adversarial losses, on the logits of the discriminator."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

from keras import ops

from kerasarch.errors import UsageError
from kerasarch.training.health import DiscriminatorLogs


@dataclasses.dataclass(frozen=True)
class AdversarialLoss:
    """What a discriminator and its generator minimise.

    Both are means over all scores, so that the scores of patches (``(B, H, W, 1)``) count like those of whole pictures
    (``(B, 1)``). They are computed in float32 whatever the scores are in.

    Args:
        name: The name it is chosen by.
        discriminator: Function of the real and the fake scores.
        generator: Function of the fake scores.
        chance: The discriminator's loss where it cannot tell the two apart; None where its loss says nothing of that,
            as a critic's.
        undecided: The score of a picture that is as likely real as generated; None where there is no such score, as
            for a critic, whose scores may all be moved by a constant.
    """

    name: str
    discriminator: Callable[[Any, Any], Any]
    generator: Callable[[Any], Any]
    chance: float | None = None
    undecided: float | None = None

    def watched(self, share: float = 1.0) -> DiscriminatorLogs | None:
        """Return which logs tell that the discriminator is too strong, or None for a critic, which should win.

        Args:
            share: What the learner multiplies the discriminator's loss with.
        """
        if self.chance is None:
            return None
        return DiscriminatorLogs(chance=share * self.chance, real="real_score", fake="fake_score")


def _mean(values: Any) -> Any:
    return ops.mean(ops.cast(values, "float32"))


def _float(scores: Any) -> Any:
    return ops.cast(scores, "float32")


def logistic_discriminator(real: Any, fake: Any) -> Any:
    """Cross-entropy of the discriminator: ``-E log D(x) - E log(1 - D(G(z)))`` with ``D = sigmoid(score)``.

    Goodfellow et al., 2014, eq. 1 (https://arxiv.org/abs/1406.2661), to be minimised. ``-log sigmoid(s)`` is
    ``softplus(-s)``, which does not overflow.

    Args:
        real: Scores of real pictures.
        fake: Scores of generated pictures.
    """
    return _mean(ops.softplus(-_float(real))) + _mean(ops.softplus(_float(fake)))


def non_saturating_generator(fake: Any) -> Any:
    """Cross-entropy of the generator with the labels swapped: ``-E log D(G(z))``.

    Goodfellow et al., 2014, section 3: unlike eq. 1 it has a gradient where the discriminator is sure.

    Args:
        fake: Scores of generated pictures.
    """
    return _mean(ops.softplus(-_float(fake)))


def minimax_generator(fake: Any) -> Any:
    """The generator's side of the game itself: ``E log(1 - D(G(z)))``, Goodfellow et al., 2014, eq. 1.

    Args:
        fake: Scores of generated pictures.
    """
    return -_mean(ops.softplus(_float(fake)))


def hinge_discriminator(real: Any, fake: Any) -> Any:
    """Hinge loss ``E max(0, 1 - D(x)) + E max(0, 1 + D(G(z)))``.

    Lim & Ye, 2017 (https://arxiv.org/abs/1705.02894); Miyato et al., 2018, eq. 16 (https://arxiv.org/abs/1802.05957).

    Args:
        real: Scores of real pictures.
        fake: Scores of generated pictures.
    """
    return _mean(ops.relu(1 - _float(real))) + _mean(ops.relu(1 + _float(fake)))


def least_squares_discriminator(real: Any, fake: Any) -> Any:
    """``E (D(x) - 1)^2 / 2 + E D(G(z))^2 / 2``: Mao et al., 2017, eq. 9 (https://arxiv.org/abs/1611.04076).

    Args:
        real: Scores of real pictures.
        fake: Scores of generated pictures.
    """
    return (_mean(ops.square(_float(real) - 1)) + _mean(ops.square(_float(fake)))) / 2


def least_squares_generator(fake: Any) -> Any:
    """``E (D(G(z)) - 1)^2 / 2``: Mao et al., 2017, eq. 9.

    Args:
        fake: Scores of generated pictures.
    """
    return _mean(ops.square(_float(fake) - 1)) / 2


def wasserstein_discriminator(real: Any, fake: Any) -> Any:
    """``E D(G(z)) - E D(x)``: Arjovsky et al., 2017, algorithm 1 (https://arxiv.org/abs/1701.07875), to be minimised.

    Args:
        real: Scores of real pictures.
        fake: Scores of generated pictures.
    """
    return _mean(fake) - _mean(real)


def critic_generator(fake: Any) -> Any:
    """``-E D(G(z))``: the generator's side of the Wasserstein and the hinge loss.

    Args:
        fake: Scores of generated pictures.
    """
    return -_mean(fake)


LOSSES = {
    loss.name: loss
    for loss in (
        AdversarialLoss("non_saturating", logistic_discriminator, non_saturating_generator, 2 * math.log(2), 0.0),
        AdversarialLoss("minimax", logistic_discriminator, minimax_generator, 2 * math.log(2), 0.0),
        AdversarialLoss("hinge", hinge_discriminator, critic_generator, 2.0, 0.0),
        AdversarialLoss("least_squares", least_squares_discriminator, least_squares_generator, 0.25, 0.5),
        AdversarialLoss("wasserstein", wasserstein_discriminator, critic_generator),
    )
}


def adversarial_loss(loss: str | AdversarialLoss) -> AdversarialLoss:
    """Find a loss by its name.

    Args:
        loss: ``"non_saturating"``, ``"minimax"``, ``"hinge"``, ``"least_squares"``, ``"wasserstein"``, or a loss of
            one's own, which is returned as it is.

    Raises:
        UsageError: There is no loss of this name.
    """
    if isinstance(loss, AdversarialLoss):
        return loss
    if loss not in LOSSES:
        raise UsageError(f"Received loss {loss!r}. Expected an AdversarialLoss or one of {', '.join(LOSSES)}.")
    return LOSSES[loss]
