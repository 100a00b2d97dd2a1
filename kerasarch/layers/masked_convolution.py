"""A convolution that sees only what comes before a pixel, row by row."""

from typing import Any

import keras
import numpy as np

from kerasarch.errors import UsageError
from kerasarch.layers.convolution import Conv2D

MASKS = ("A", "B")


@keras.saving.register_keras_serializable(package="kerasarch")
class MaskedConv2D(Conv2D):
    """Two-dimensional convolution over the pixels above and to the left.

    The kernel is zero below its middle row and to the right of its middle; mask ``"A"``, for the first layer, is zero
    in the middle too, so that a pixel does not see itself: van den Oord et al., 2016, section 3.4
    (https://arxiv.org/abs/1601.06759).

    Args:
        filters: Output channels.
        kernel_size: Height and width of the kernel, odd.
        mask: ``"A"`` or ``"B"``.
        **kwargs: As in ``keras.layers.Conv2D``, but ``padding`` and ``strides``: the size stays.

    Shapes:
        ``(B, H, W, C) -> (B, H, W, filters)``.

    Raises:
        UsageError: The mask is unknown, or the kernel is even.
    """

    def __init__(self, filters: int, kernel_size: Any, *, mask: str = "B", **kwargs: Any):
        super().__init__(filters, kernel_size, padding="same", strides=1, **kwargs)
        if mask not in MASKS or any(size % 2 == 0 for size in self.kernel_size):
            raise UsageError(
                f"{self.name}: expected an odd kernel and a mask of {', '.join(MASKS)}. Received kernel_size="
                f"{self.kernel_size}, mask={mask!r}."
            )
        self.mask = mask
        height, width = self.kernel_size
        row, column = np.mgrid[:height, :width]
        before = (row < height // 2) | ((row == height // 2) & (column < width // 2 + (mask == "B")))
        self._seen = before.astype("float32")[:, :, None, None]

    @property
    def used_kernel(self) -> Any:
        """The part of the kernel that may see."""
        return self.kernel * keras.ops.cast(self._seen, self.kernel.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        config = {**super().get_config(), "mask": self.mask}
        del config["padding"], config["strides"]
        return config
