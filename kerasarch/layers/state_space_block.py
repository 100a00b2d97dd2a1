"""A mixer of tokens behind a normalisation, with a shortcut."""

from typing import Any, Literal

import keras
from keras import ops

from kerasarch.layers.decoder_block import normalization


@keras.saving.register_keras_serializable(package="kerasarch")
class StateSpaceBlock(keras.layers.Layer):
    """Adds to its input what a mixer of tokens makes of it.

    ``x + mixer(norm(x))``: Gu and Dao, 2023, section 3.4 and appendix E.2.1 (https://arxiv.org/abs/2312.00752).

    Args:
        mixer: A [`MambaMixer`][kerasarch.layers.MambaMixer], [`Mamba2Mixer`][kerasarch.layers.Mamba2Mixer],
            [`S4DMixer`][kerasarch.layers.S4DMixer], or a layer that is called and caches like them.
        norm: ``"rms"`` or ``"layer"``.
        epsilon: Of the normalisation.
        residual_float32: Whether the sum is in float32 whatever the dtype policy says.
        dropout: Rate behind the mixer.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        B batch, T tokens: ``x (B, T, D) -> (B, T, D)``. ``mask (B, T)`` is true where there is a token. With ``cache``
        of ``empty_cache``, ``(output, cache)`` comes back.
    """

    def __init__(
        self,
        mixer: keras.layers.Layer,
        *,
        norm: Literal["rms", "layer"] = "rms",
        epsilon: float = 1e-5,
        residual_float32: bool = False,
        dropout: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(**{"autocast": not residual_float32, **kwargs})
        self.supports_masking = True
        self.kind = norm
        self.epsilon = epsilon
        self.residual_float32 = residual_float32
        self.norm = normalization(norm, epsilon=epsilon, dtype=self.dtype_policy, name="norm")
        self.mixer = mixer
        self.drop = keras.layers.Dropout(dropout, dtype=self.dtype_policy, name="drop")

    def build(self, x_shape: tuple[int | None, ...]) -> None:
        """Build the children."""
        for child in (self.norm, self.mixer, self.drop):
            if not child.built:
                child.build(x_shape)

    def empty_cache(self, batch: int) -> Any:
        """Return what the mixer remembers before the first token, for so many sequences."""
        return self.mixer.empty_cache(batch)

    def call(self, x: Any, mask: Any = None, cache: Any = None, training: bool | None = None) -> Any:  # (B, T, D)
        """Apply the block."""
        h = self.mixer(self.norm(x), mask=mask, cache=cache)
        if cache is not None:
            h, cache = h
        h = self.drop(h, training=training)
        if self.residual_float32:
            x, h = ops.cast(x, "float32"), ops.cast(h, "float32")
        return x + h if cache is None else (x + h, cache)

    def compute_output_shape(self, x_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, that of the input."""
        return tuple(x_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        mixer = keras.saving.serialize_keras_object(self.mixer)
        # Built outside this layer, as Keras would do it from this entry, its variables had other paths.
        mixer.pop("build_config", None)
        return {
            **super().get_config(),
            "mixer": mixer,
            "norm": self.kind,
            "epsilon": self.epsilon,
            "residual_float32": self.residual_float32,
            "dropout": self.drop.rate,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "StateSpaceBlock":
        """Make the layer from what ``get_config`` returned."""
        config = dict(config)
        return cls(keras.saving.deserialize_keras_object(config.pop("mixer")), **config)
