"""CycleGAN: translation between two domains of pictures without pairs."""

from typing import Any

import keras
from keras import ops

from kerasarch.training.adversarial.image_pool import ImagePool
from kerasarch.training.adversarial.pix2pix import pair
from kerasarch.training.health import DiscriminatorLogs
from kerasarch.training.learner import Learner


@keras.saving.register_keras_serializable(package="kerasarch")
class NetworkPair(keras.layers.Layer):
    """Two networks that one optimizer trains.

    Args:
        first: A network.
        second: Another.
        **kwargs: Passed to ``keras.layers.Layer``.
    """

    def __init__(self, first: keras.Model, second: keras.Model, **kwargs: Any):
        super().__init__(**kwargs)
        self.first, self.second = first, second
        self.built = True

    def call(self, inputs: Any, training: bool | None = None) -> list[Any]:
        """Run both networks, each on its own input."""
        return [self.first(inputs[0], training=training), self.second(inputs[1], training=training)]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        networks = {name: keras.saving.serialize_keras_object(getattr(self, name)) for name in ("first", "second")}
        return {**super().get_config(), **networks}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "NetworkPair":
        """Build both networks and the pair."""
        networks = {name: keras.saving.deserialize_keras_object(config[name]) for name in ("first", "second")}
        return cls(**{**config, **networks})


@keras.saving.register_keras_serializable(package="kerasarch")
class CycleGAN(Learner):
    """Two generators that undo each other, and a discriminator for each domain.

    Zhu et al., 2017, eq. 3 (https://arxiv.org/abs/1703.10593), with the least-squares loss of section 4:

    ``L_G = E (D_B(G(a)) - 1)^2 + E (D_A(F(b)) - 1)^2 + cycle * (E |F(G(a)) - a| + E |G(F(b)) - b|)
    + identity * cycle * (E |G(b) - b| + E |F(a) - a|)``

    ``L_D = (E (D(x) - 1)^2 + E D(fake)^2) / 2``, for each discriminator, on pictures from a pool of generated ones. As
    in the authors' code the generators go first, and the fakes that the discriminators see are those of that step.

    Batches are ``(a, b)``, pictures of either domain that have nothing to do with each other. The optimizers are named
    ``generators`` and ``discriminators``: each trains both networks, there Adam at 2e-4 with beta_1 0.5.
    Logs: ``generator_loss`` (the sum), ``discriminator_loss`` (of both), ``adversarial_loss``, ``cycle_loss`` and
    ``identity_loss`` (not weighted), ``real_score`` and ``fake_score`` (means over both domains). ``evaluate`` gives
    the ``cycle_loss`` of held-out pictures.

    Args:
        generator_ab: Pictures of A to pictures of B, G in the paper.
        generator_ba: Pictures of B to pictures of A, F in the paper.
        discriminator_a: Pictures to scores: do they belong to A?
        discriminator_b: The same for B.
        cycle: Weight of the cycle loss, lambda in the paper.
        identity: Weight of the identity loss, relative to the cycle loss (section 5.2); 0 for none, which the shapes
            of the domains may demand.
        pool: Generated pictures kept of each domain; 0 for none.
        seed: Of the pools' seed generators.
        **kwargs: Passed to ``keras.Model``.
    """

    def __init__(
        self,
        generator_ab: keras.Model,
        generator_ba: keras.Model,
        discriminator_a: keras.Model,
        discriminator_b: keras.Model,
        *,
        cycle: float = 10.0,
        identity: float = 0.5,
        pool: int = 50,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.generator_ab, self.generator_ba = generator_ab, generator_ba
        self.discriminator_a, self.discriminator_b = discriminator_a, discriminator_b
        self.generators = NetworkPair(generator_ab, generator_ba, name="generators")
        self.discriminators = NetworkPair(discriminator_a, discriminator_b, name="discriminators")
        self.cycle, self.identity, self.pool, self.seed = cycle, identity, pool, seed
        self.pool_a = ImagePool(pool, shape=_picture(generator_ba, discriminator_a), seed=seed, name="pool_a")
        self.pool_b = ImagePool(
            pool, shape=_picture(generator_ab, discriminator_b), seed=None if seed is None else seed + 1, name="pool_b"
        )

    @property
    def discriminator_logs(self) -> DiscriminatorLogs | None:
        """What monitoring looks at to tell that the discriminators are too strong."""
        return DiscriminatorLogs(chance=0.5, real="real_score", fake="fake_score")

    def step(self, batch: Any) -> dict[str, Any]:
        """Train the generators, then the discriminators, on pictures of both domains."""
        a, b = pair(self, batch)
        _, (logs, fake_a, fake_b) = self.minimize("generators", self.generator_loss, a, b, has_aux=True)
        fake_a, fake_b = self.pool_a(fake_a), self.pool_b(fake_b)
        _, more = self.minimize("discriminators", self.discriminator_loss, a, b, fake_a, fake_b, has_aux=True)
        return logs | more

    def generator_loss(self, a: Any, b: Any) -> tuple[Any, Any]:
        """Loss of both generators; its logs, and the generated pictures."""
        fake_b = self.generator_ab(a, training=True)
        fake_a = self.generator_ba(b, training=True)
        cycle = _distance(self.generator_ba(fake_b, training=True), a)
        cycle = cycle + _distance(self.generator_ab(fake_a, training=True), b)
        scores_a = self.discriminator_a(fake_a, training=True)
        scores_b = self.discriminator_b(fake_b, training=True)
        adversarial = _squares(scores_a, 1) + _squares(scores_b, 1)
        loss = adversarial + self.cycle * cycle
        logs = {"adversarial_loss": adversarial, "cycle_loss": cycle}
        if self.identity:
            identity = _distance(self.generator_ab(b, training=True), b)
            identity = identity + _distance(self.generator_ba(a, training=True), a)
            loss = loss + self.identity * self.cycle * identity
            logs["identity_loss"] = identity
        return loss, ({"generator_loss": loss, **logs}, fake_a, fake_b)

    def discriminator_loss(self, a: Any, b: Any, fake_a: Any, fake_b: Any) -> tuple[Any, Any]:
        """Sum of both discriminators' losses, and its logs."""
        real = [self.discriminator_a(a, training=True), self.discriminator_b(b, training=True)]
        fake = [self.discriminator_a(fake_a, training=True), self.discriminator_b(fake_b, training=True)]
        loss = sum(_squares(scores, 1) for scores in real) / 2 + sum(_squares(scores, 0) for scores in fake) / 2
        means = [sum(_mean(scores) for scores in group) / 2 for group in (real, fake)]
        return loss, {"discriminator_loss": loss, "real_score": means[0], "fake_score": means[1]}

    def evaluation_step(self, batch: Any) -> dict[str, Any]:
        """Translate held-out pictures there and back."""
        a, b = pair(self, batch)
        there_and_back = self.generator_ba(self.generator_ab(a, training=False), training=False)
        back_and_there = self.generator_ab(self.generator_ba(b, training=False), training=False)
        return {"cycle_loss": _distance(there_and_back, a) + _distance(back_and_there, b)}

    def call(self, inputs: Any, training: bool = False) -> list[Any]:
        """Translate ``[pictures of A, pictures of B]`` to ``[pictures of B, pictures of A]``."""
        return self.generators(inputs, training=training)


def _picture(generator: keras.Model, discriminator: keras.Model) -> tuple[int, ...]:
    """Shape of a picture, from whichever network knows it."""
    shapes = [tuple(generator.output_shape[1:]), tuple(discriminator.input_shape[1:])]
    return next((shape for shape in shapes if None not in shape), shapes[0])


def _mean(values: Any) -> Any:
    return ops.mean(ops.cast(values, "float32"))


def _squares(scores: Any, target: int) -> Any:
    return ops.mean(ops.square(ops.cast(scores, "float32") - target))


def _distance(images: Any, others: Any) -> Any:
    return ops.mean(ops.abs(ops.cast(images, "float32") - ops.cast(others, "float32")))
