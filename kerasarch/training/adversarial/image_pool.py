"""CycleGAN's memory of generated pictures."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kerasarch.errors import UsageError


@keras.saving.register_keras_serializable(package="kerasarch")
class ImagePool(keras.layers.Layer):
    """Gives a discriminator pictures of the generator's past.

    Zhu et al., 2017, section 4 (https://arxiv.org/abs/1703.10593), after Shrivastava et al., 2017
    (https://arxiv.org/abs/1612.07828). Picture by picture: while the pool is not full, the picture is stored and
    returned; then with probability 1/2 it is returned and forgotten, else it takes the place of a random stored one,
    which is returned. The pictures are variables, so a resumed run has the pool of the run that was stopped.

    Args:
        size: Pictures in the pool; 0 for none.
        shape: Shape of a picture.
        seed: Of the held seed generator.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        ``(B, *shape) -> (B, *shape)``.

    Raises:
        UsageError: The size is negative.
    """

    def __init__(self, size: int = 50, *, shape: Sequence[int], seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        if size < 0:
            raise UsageError(f"{self.name}: received size={size}. Expected 0 pictures or more.")
        self.size, self.shape, self.seed = size, tuple(shape), seed
        self.random = keras.random.SeedGenerator(seed)
        self.images = self.add_weight(
            shape=(max(size, 1), *self.shape), initializer="zeros", trainable=False, dtype="float32", name="images"
        )
        self.filled = self.add_weight(shape=(), initializer="zeros", trainable=False, dtype="int32", name="filled")
        self.built = True

    def call(self, images: Any) -> Any:  # (B, H, W, C)
        """Exchange pictures."""
        if not self.size:
            return images
        count = images.shape[0]
        if count is None:
            raise UsageError(
                f"{self.name}: received batches of unknown size. Expected a fixed size; drop the remainder."
            )
        images = ops.stop_gradient(images)
        swaps = keras.random.uniform((count,), seed=self.random) < 0.5
        places = keras.random.randint((count,), 0, self.size, seed=self.random)
        # Only numbers of pictures take part in the exchange, one after the other; the pictures move once, at the end.
        slots = ops.arange(self.size)
        held = ops.arange(self.size)
        returned = []
        for number in range(count):
            filling = self.filled + number < self.size
            place = ops.where(filling, self.filled + number, places[number])
            stored = ops.take(held, ops.clip(place, 0, self.size - 1), axis=0)
            new = self.size + number
            keep = ops.logical_or(filling, swaps[number])
            returned.append(ops.where(ops.logical_and(keep, ops.logical_not(filling)), stored, new))
            held = ops.where(ops.logical_and(keep, slots == place), new, held)
        both = ops.concatenate([self.images.value, ops.cast(images, "float32")], axis=0)
        self.images.assign(ops.take(both, held, axis=0))
        self.filled.assign(ops.minimum(self.filled + count, self.size))
        return ops.cast(ops.take(both, ops.stack(returned), axis=0), images.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, without computing it."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {**super().get_config(), "size": self.size, "shape": list(self.shape), "seed": self.seed}
