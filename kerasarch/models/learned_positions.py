"""Decoder-only language models that add a learned vector for each position to that of the token."""

from typing import Any

import keras

from kerasarch.models.causal_lm import CausalLanguageModel


class LearnedPositionsLanguageModel(CausalLanguageModel):
    """A stack of causal blocks over sums of token and position; families give it ``blocks`` and ``final_norm``.

    ``h_0 = token + position``: Radford et al., 2018, eq. 2. Both begin normal with a deviation of 0.02.

    Args:
        config: As of [`CausalLanguageModel`][kerasarch.models.CausalLanguageModel], with ``dropout``, the rate behind
            the sum; its ``positions`` are the longest text.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        As there.
    """

    learned_positions = True

    def __init__(self, config: Any, **kwargs: Any):
        super().__init__(config, **kwargs)
        own: dict[str, Any] = {"dtype": self.dtype_policy}
        self.position_embedding = keras.layers.Embedding(
            config.positions,
            config.width,
            keras.initializers.RandomNormal(stddev=0.02),
            name="position_embedding",
            **own,
        )
        self.drop = keras.layers.Dropout(config.dropout, name="drop", **own)

    def build(self, input_shape: Any = None) -> None:
        """Build the children; their sizes do not depend on the inputs."""
        self.position_embedding.build((None,))
        super().build(input_shape)

    def embed(self, ids: Any, positions: Any, training: bool | None = None) -> Any:
        """Return the sum of token and position: ``(B, T, D)``."""
        x = self.token_embedding(ids) + self.position_embedding(positions)
        return self.drop(x, training=training)
