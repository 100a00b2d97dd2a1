"""StyleGAN2: style mixing, and lazy regularisation of discriminator and generator."""

from typing import Any

import keras
from keras import ops

from kerasarch.errors import UsageError
from kerasarch.training.adversarial.gan import GAN
from kerasarch.training.adversarial.lazy import Lazily
from kerasarch.training.adversarial.penalties import path_lengths, r1_penalty
from kerasarch.training.adversarial.regularizers import PathLength


@keras.saving.register_keras_serializable(package="kerasarch")
class StyleGAN2(GAN):
    """Trains a `StyleGAN2Generator`: non-saturating loss, lazy R1 and path-length regularisation, style mixing.

    Karras et al., 2020 (https://arxiv.org/abs/1912.04958). Every ``r1_interval`` steps the discriminator takes a
    further step for R1, every ``path_interval`` steps the generator one for eq. 4, on half as many pictures, each
    weighted with its interval (appendix B). The optimizers have to allow for these steps: `lazy_adams`. A share
    ``mixing`` of the pictures has the styles of two latents (Karras et al., 2019, section 3.1). The generator's
    average of w moves once a step. For the averaged generator give a `WeightAverage` with a half-life of 10 000
    pictures.

    Logs, besides those of `GAN`: ``r1_penalty``, ``path_penalty`` and ``path_length``, not multiplied by the
    intervals, as they were when last computed.

    Args:
        generator: A ``kerasarch.models.StyleGAN2Generator``.
        discriminator: Pictures to scores.
        r1_weight: Weight of R1, gamma. (The authors' code takes 0.0002 * pixels / batch for small data sets.)
        r1_interval: Steps from one to the next; 0 for never.
        path_weight: Weight of the path-length regularisation.
        path_interval: Steps from one to the next, 8 in the paper and 4 in the authors' code; 0 for never.
        mixing: Probability that a picture has two styles.
        **kwargs: As for `GAN`; ``discriminator_steps`` and ``penalty`` are fixed.

    Raises:
        UsageError: A weight or probability is out of its range, or the generator has no mapping network.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        r1_weight: float = 10.0,
        r1_interval: int = 16,
        path_weight: float = 2.0,
        path_interval: int = 8,
        mixing: float = 0.9,
        **kwargs: Any,
    ):
        for name, only in (("discriminator_steps", 1), ("penalty", None)):
            if kwargs.get(name, only) != only:
                raise UsageError(
                    f"StyleGAN2: received {name}={kwargs[name]!r}. Expected it left out; see r1_weight and path_weight."
                )
        super().__init__(generator, discriminator, **kwargs)
        if not 0 <= mixing <= 1 or min(r1_weight, path_weight) < 0:
            raise UsageError(
                f"Received mixing={mixing}, r1_weight={r1_weight}, path_weight={path_weight}. Expected a "
                "probability, and weights from 0 on."
            )
        if not hasattr(generator, "mapping") or not hasattr(generator, "synthesis"):
            raise UsageError(
                f"Received {generator.name} as generator. Expected a StyleGAN2Generator, with mapping and synthesis."
            )
        self.r1_weight, self.r1_interval = r1_weight, r1_interval
        self.path_weight, self.path_interval, self.mixing = path_weight, path_interval, mixing
        self.path_length = PathLength(path_weight, name="path_length")
        self.lazy_r1 = Lazily(r1_interval if r1_weight else 0, ["r1_penalty"], name="lazy_r1")
        self.lazy_path = Lazily(path_interval if path_weight else 0, ["path_penalty", "path_length"], name="lazy_path")

    def lazy_adams(
        self,
        generator_rate: float = 0.002,
        discriminator_rate: float = 0.002,
        *,
        beta_1: float = 0.0,
        beta_2: float = 0.99,
    ) -> dict[str, keras.optimizers.Adam]:
        """Make the optimizers for ``compile``: `lazy_adam` with the interval at which each network is regularised.

        Args:
            generator_rate: Learning rate of the generator without lazy regularisation.
            discriminator_rate: Learning rate of the discriminator without lazy regularisation.
            beta_1: Decay of the first moment.
            beta_2: Decay of the second moment.
        """
        betas = {"beta_1": beta_1, "beta_2": beta_2}
        return {
            "generator": lazy_adam(generator_rate, self.lazy_path.interval, **betas),
            "discriminator": lazy_adam(discriminator_rate, self.lazy_r1.interval, **betas),
        }

    def discriminator_step(self, images: Any, labels: Any) -> dict[str, Any]:
        """Train the discriminator, and every few steps its smoothness."""
        logs = super().discriminator_step(images, labels)
        return logs | self.lazy_r1.run(lambda: self.r1_step(images, labels))

    def generator_step(self, count: Any, labels: Any) -> dict[str, Any]:
        """Train the generator, and every few steps its smoothness; then move the averages."""
        _, logs = self.minimize("generator", self.generator_loss, self.draw(count), labels, has_aux=True)
        logs = logs | self.lazy_path.run(lambda: self.path_step(count, labels))
        if self.average is not None:
            self.average.update(self.generator, count)
        return logs

    def r1_step(self, images: Any, labels: Any) -> dict[str, Any]:
        """Train the discriminator for R1 alone."""

        def loss(images: Any) -> tuple[Any, Any]:
            penalty = r1_penalty(lambda x: self.scores(x, labels), images, self.r1_weight)
            return penalty * self.r1_interval, penalty

        _, penalty = self.minimize("discriminator", loss, images, has_aux=True)
        return {"r1_penalty": penalty}

    def path_step(self, count: Any, labels: Any) -> dict[str, Any]:
        """Train the generator for equal path lengths alone, on half a batch."""
        count = (count + 1) // 2
        labels = None if labels is None else labels[:count]
        latents = self.draw(count)
        pictures = self.generator.synthesis.output_shape[1:]
        noise = keras.random.normal((count, *pictures), seed=self.random)

        def loss(latents: Any) -> tuple[Any, Any]:
            styles = self.styles(latents, labels)
            lengths = path_lengths(lambda w: self.generator.synthesis(w, training=True), styles, noise)
            penalty = self.path_length(lengths)
            return penalty * self.path_interval, (penalty, ops.mean(lengths))

        _, (penalty, length) = self.minimize("generator", loss, latents, has_aux=True)
        return {"path_penalty": penalty, "path_length": length}

    def generator_loss(self, latents: Any, labels: Any) -> tuple[Any, Any]:
        """Loss of the generator, and its logs; the average of w moves."""
        styles = self.styles(latents, labels, track=True)
        images = self.generator.synthesis(styles, training=True)
        loss = self.adversarial.generator(self.scores(images, labels))
        return loss, {"generator_loss": loss}

    def generated(self, latents: Any, labels: Any, training: bool = True) -> Any:
        """Make pictures, in training with mixed styles."""
        if not training:
            return self.generator([latents, labels] if self.conditional else latents, training=False)
        return self.generator.synthesis(self.styles(latents, labels), training=True)

    def styles(self, latents: Any, labels: Any, track: bool = False) -> Any:
        """Styles ``(B, layers, width)`` of latents, with others of fresh latents mixed in at random."""
        w = self._mapped(latents, labels)
        if track:
            self.generator.track(w)
        if not self.mixing:
            return self.generator.broadcast(w)
        count, layers = ops.shape(latents)[0], self.generator.styles
        other = self._mapped(self.draw(count), labels)
        crossover = keras.random.randint((count,), 1, layers, seed=self.random)
        mixed = keras.random.uniform((count,), seed=self.random) < self.mixing
        return self.generator.mix(w, other, ops.where(mixed, crossover, layers))

    def _mapped(self, latents: Any, labels: Any) -> Any:
        return self.generator.mapping([latents, labels] if self.conditional else latents, training=True)


def lazy_adam(
    rate: float = 0.002, interval: int = 16, *, beta_1: float = 0.0, beta_2: float = 0.99
) -> keras.optimizers.Adam:
    """Make an Adam that allows for the extra step of lazy regularisation.

    With ``c = interval / (interval + 1)`` the rate becomes ``c * rate`` and each beta ``beta ** c``: Karras et al.,
    2020, appendix B.

    Args:
        rate: Learning rate without lazy regularisation.
        interval: Steps from one regularisation to the next; 0 for never.
        beta_1: Decay of the first moment.
        beta_2: Decay of the second moment.
    """
    share = interval / (interval + 1) if interval else 1.0
    return keras.optimizers.Adam(rate * share, beta_1=beta_1**share, beta_2=beta_2**share, epsilon=1e-8)
