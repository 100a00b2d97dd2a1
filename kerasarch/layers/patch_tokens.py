"""From a map of patches to the sequence that a vision transformer reads."""

from typing import Any

import keras
from keras import ops

from kerasarch.errors import ShapeError

_SHARPNESS = -0.75  # the free parameter of cubic convolution, as in PyTorch


@keras.saving.register_keras_serializable(package="kerasarch")
class PatchTokens(keras.layers.Layer):
    """Lays out a map of patches as a sequence, with learned tokens in front and learned positions added.

    ``[class; distillation; x_1; ...; x_N] + positions``: Dosovitskiy et al., 2020, eq. 1
    (https://arxiv.org/abs/2010.11929); the distillation token: Touvron et al., 2020, section 4
    (https://arxiv.org/abs/2012.12877). For a map of another size than the grid the positions of patches are
    interpolated, as section 3.2 of the first paper has it, by cubic convolution (Keys, 1981) with PyTorch's parameter
    -0.75, which is what Hugging Face's models do.

    Args:
        grid: Rows and columns of patches for which positions are learned.
        class_token: Whether there is a class token.
        distillation_token: Whether there is a distillation token behind it.
        token_positions: Whether the tokens in front have positions too.
        data_format: ``"channels_last"`` or ``"channels_first"``; None takes ``keras.config.image_data_format()``.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        B batch, R rows, C columns, D width: ``(B, R, C, D) -> (B, prefix + R * C, D)``, where ``prefix`` tokens are in
        front; with the width second when ``data_format`` is ``"channels_first"``.

    Raises:
        ShapeError: The width is unknown.
    """

    def __init__(
        self,
        grid: tuple[int, int],
        *,
        class_token: bool = True,
        distillation_token: bool = False,
        token_positions: bool = True,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.grid = (int(grid[0]), int(grid[1]))
        self.class_token = class_token
        self.distillation_token = distillation_token
        self.token_positions = token_positions
        self.data_format = data_format or keras.config.image_data_format()

    @property
    def prefix(self) -> int:
        """Number of tokens in front of the patches."""
        return int(self.class_token) + int(self.distillation_token)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make positions and tokens."""
        width = input_shape[1 if self.data_format == "channels_first" else -1]
        if width is None:
            raise ShapeError(f"{self.name}: the width must be known. Received {input_shape}.")
        places = self.grid[0] * self.grid[1] + (self.prefix if self.token_positions else 0)
        normal = keras.initializers.RandomNormal(stddev=0.02)  # as in the paper's code
        self.positions = self.add_weight(shape=(1, places, width), initializer=normal, name="positions")
        self.front = []
        for wanted, name in ((self.class_token, "class_token"), (self.distillation_token, "distillation_token")):
            if wanted:
                initializer = keras.initializers.RandomNormal(stddev=0.02)
                self.front.append(self.add_weight(shape=(1, 1, width), initializer=initializer, name=name))

    def call(self, x: Any) -> Any:  # (B, R, C, D)
        """Apply the layer."""
        if self.data_format == "channels_first":
            x = ops.transpose(x, (0, 2, 3, 1))
        batch, rows, columns, width = ops.shape(x)
        x = ops.reshape(x, (batch, rows * columns, width))
        front = self.prefix if self.token_positions else 0
        positions = resize_positions(self.positions, front, self.grid, (rows, columns))
        if not self.front:
            return x + positions
        tokens = ops.concatenate([ops.convert_to_tensor(token) for token in self.front], axis=1)
        if self.token_positions:
            tokens, positions = tokens + positions[:, :front], positions[:, front:]
        # The sum with zeros, not broadcast_to, which does not know a batch of unknown size.
        tokens = ops.zeros_like(x[:, :1]) + ops.cast(tokens, x.dtype)  # (B, prefix, D)
        return ops.concatenate([tokens, x + positions], axis=1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output."""
        batch, *sizes = input_shape
        width, rows, columns = sizes if self.data_format == "channels_first" else (sizes[2], *sizes[:2])
        patches = None if rows is None or columns is None else rows * columns
        return (batch, None if patches is None else self.prefix + patches, width)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        names = ("grid", "class_token", "distillation_token", "token_positions", "data_format")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def resize_positions(positions: Any, front: int, grid: tuple[int, int], wanted: tuple[Any, Any]) -> Any:
    """Interpolate the positions of patches from one grid to another; those in front stay.

    Args:
        positions: ``(1, front + rows * columns, width)``.
        front: How many belong to tokens in front of the patches.
        grid: Rows and columns of the patches for which there are positions.
        wanted: Rows and columns wanted, numbers or integer tensors.

    Returns:
        ``(1, front + wanted rows * wanted columns, width)``.
    """
    positions = ops.convert_to_tensor(positions)
    if tuple(wanted) == tuple(grid):
        return positions
    rows, columns = (cubic_matrix(*sizes) for sizes in zip(grid, wanted, strict=True))
    width = positions.shape[-1]
    old = ops.cast(ops.reshape(positions[:, front:], (*grid, width)), "float32")
    new = ops.einsum("pr,rcd->pcd", rows, old)
    new = ops.einsum("qc,pcd->pqd", columns, new)
    new = ops.cast(ops.reshape(new, (1, -1, width)), positions.dtype)
    return ops.concatenate([positions[:, :front], new], axis=1) if front else new


def cubic_matrix(given: int, wanted: Any) -> Any:
    """Return the linear map ``(wanted, given)`` of cubic convolution with half-pixel centres and repeated borders.

    Keys, 1981, eq. 4 (https://doi.org/10.1109/TASSP.1981.1163711). Keras' own resizing is not the same on all backends.

    Args:
        given: Number of values there are.
        wanted: Number of values wanted, a number or an integer tensor.
    """
    step = given / ops.cast(wanted, "float32")
    centres = (ops.cast(ops.arange(wanted), "float32") + 0.5) * step - 0.5
    taps = ops.floor(centres)[:, None] + ops.convert_to_tensor([[-1.0, 0.0, 1.0, 2.0]])  # (wanted, 4)
    distance = ops.absolute(centres[:, None] - taps)
    a = _SHARPNESS
    near = ((a + 2) * distance - (a + 3)) * distance * distance + 1
    far = a * (((distance - 5) * distance + 8) * distance - 4)
    weights = ops.where(distance <= 1, near, far)
    places = ops.clip(taps, 0, given - 1)[:, :, None] == ops.arange(given, dtype="float32")  # (wanted, 4, given)
    return ops.sum(weights[:, :, None] * ops.cast(places, "float32"), axis=1)
