"""One vector for a sequence of tokens."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kerasarch")
class TokenPooling(keras.layers.Layer):
    """One token, or the mean of all that come behind the first few.

    ``x[:, token]``: Dosovitskiy et al., 2020, eq. 4 (https://arxiv.org/abs/2010.11929); or
    ``mean_t x[:, skip + t]``, their appendix D.3.

    Args:
        token: Place of the token; None takes the mean.
        skip: Tokens at the beginning that are left out of the mean.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        B batch, T tokens, D width: ``(B, T, D) -> (B, D)``.
    """

    def __init__(self, token: int | None = 0, *, skip: int = 0, **kwargs: Any):
        super().__init__(**kwargs)
        self.token = token
        self.skip = skip

    def call(self, x: Any) -> Any:  # (B, T, D)
        """Apply the layer."""
        return ops.mean(x[:, self.skip :], axis=1) if self.token is None else x[:, self.token]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output."""
        return (input_shape[0], input_shape[2])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {**super().get_config(), "token": self.token, "skip": self.skip}
