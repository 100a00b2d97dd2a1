"""The generator's weights averaged over training: the network that samples are taken from."""

from typing import Any

import keras
from keras import ops

from kerasarch.errors import UsageError


@keras.saving.register_keras_serializable(package="kerasarch")
class WeightAverage(keras.layers.Layer):
    """A copy of a network whose weights are the exponential moving average of the network's.

    ``average <- decay * average + (1 - decay) * weights`` after each step. With ``half_life`` the decay is
    ``0.5 ** (batch / half_life)``, so that it does not hang on the batch size: Karras et al., 2018, section 4,
    appendix C (https://arxiv.org/abs/1710.10196), in the authors' later form with half-lives in pictures (10 000 in
    StyleGAN2). With ``decay`` it is constant: 0.9999 in Brock et al., 2018 (https://arxiv.org/abs/1809.11096).
    BatchNorm's moving statistics are copied, as in both.

    A copy rather than an optimizer's ``use_ema``: samples can be taken at any time without an exchange of weights, it
    has moving statistics of its own, and its variables are in every checkpoint.

    Args:
        network: The network; it is built.
        half_life: Pictures after which a weight counts half.
        decay: Share of the old average in each step; in place of the half-life.
        rampup: The half-life is at most this share of the pictures seen, so that the average leaves the initial weights
            quickly (0.05 in StyleGAN2-ADA); None for no such limit. Only with a half-life.
        start: Steps before averaging begins; until then the copy follows the network (20 000 in BigGAN).
        **kwargs: Passed to ``keras.layers.Layer``.

    Raises:
        UsageError: The network is not built, or not exactly one of ``half_life`` and ``decay`` is given.
    """

    def __init__(
        self,
        network: keras.Model,
        *,
        half_life: float | None = None,
        decay: float | None = None,
        rampup: float | None = None,
        start: int = 0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if (half_life is None) == (decay is None) or (rampup is not None and half_life is None):
            raise UsageError(
                f"{self.name}: received half_life={half_life}, decay={decay}, rampup={rampup}. Expected either "
                "half_life (with or without rampup) or decay."
            )
        self.half_life, self.decay, self.rampup, self.start = half_life, decay, rampup, start
        self.network = copy_of(network)
        # An average is not trained: its weights must not be among those that an optimizer updates.
        self.network.trainable = False
        self.seen = self.add_weight(shape=(), initializer="zeros", trainable=False, dtype="float32", name="seen")
        self.steps = self.add_weight(shape=(), initializer="zeros", trainable=False, dtype="int32", name="steps")
        self.built = True

    def update(self, network: keras.Model, images: Any) -> None:
        """Move the average after a step of the network.

        Args:
            network: The network that was copied.
            images: Pictures that the step has seen.
        """
        images = ops.cast(images, "float32")
        seen = self.seen + images
        if self.half_life is not None:
            half_life = float(self.half_life)
            if self.rampup is not None:
                half_life = ops.minimum(half_life, ops.maximum(seen * self.rampup, 1e-8))
            decay = ops.exp(-0.6931471805599453 * images / half_life)
        else:
            decay = ops.cast(self.decay, "float32")
        decay = ops.where(self.steps < self.start, 0.0, decay)
        trained = {id(variable) for variable in network.trainable_variables}
        for variable, average in zip(network.weights, self.network.weights, strict=True):
            if not keras.backend.is_float_dtype(average.dtype):
                continue
            if id(variable) not in trained:
                average.assign(variable.value)
                continue
            value = ops.cast(variable.value, average.dtype)
            average.assign(value + ops.cast(decay, average.dtype) * (average - value))
        self.seen.assign(seen)
        self.steps.assign_add(1)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Run the averaged network, not in training."""
        return self.network(*args, **{**kwargs, "training": False})

    def compute_output_shape(self, *args: Any, **kwargs: Any) -> Any:
        """Return the shape of the network's output."""
        return self.network.compute_output_shape(*args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again; the weights are saved apart."""
        return {
            **super().get_config(),
            "network": keras.saving.serialize_keras_object(self.network),
            "half_life": self.half_life,
            "decay": self.decay,
            "rampup": self.rampup,
            "start": self.start,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "WeightAverage":
        """Build the network and the average around it."""
        return cls(**{**config, "network": keras.saving.deserialize_keras_object(config["network"])})


def copy_of(network: keras.Model) -> keras.Model:
    """Make a network of the same configuration and weights, named ``<name>_average``.

    Args:
        network: A built network that Keras can serialise.

    Raises:
        UsageError: The network is not built, or its copy has other variables.
    """
    if not network.built or not network.weights:
        raise UsageError(f"{network.name} has no variables yet. Call it on a batch before it is averaged.")
    suffix = "_average"
    config = network.get_config()
    name = str(config.get("name", network.name))
    config["name"] = name if name.endswith(suffix) else name + suffix
    copy = type(network).from_config(config)
    if not copy.built:
        copy.build_from_config(network.get_build_config() or {})
    shapes = [[tuple(weight.shape) for weight in model.weights] for model in (network, copy)]
    if shapes[0] != shapes[1]:
        raise UsageError(
            f"{network.name}: its copy has {len(shapes[1])} weights, not the same {len(shapes[0])}. Expected a "
            "functional model, or one whose get_config and build make all its layers."
        )
    copy.set_weights(network.get_weights())
    return copy
