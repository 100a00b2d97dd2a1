"""Models that turn pictures into pictures: colours from edges, one domain into another, more pixels."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from PIL import Image

from kerasarch.errors import ShapeError, UsageError
from kerasarch.models.sampler import Sampler, check_draw


@keras.saving.register_keras_serializable(package="kerasarch")
class Translator(Sampler):
    """An image-to-image network that takes and gives 8-bit pictures.

    Args:
        network: Pictures ``(B, H, W, C)`` to pictures, both in the range ``pixels``.
        channels: Channels of the pictures that go in.
        size: Height and width that the network needs, or None where any size is right.
        backward: The network of the other direction, from the second domain to the first, or None.
        domains: What the two domains are called.
        **kwargs: As for `Sampler`.

    Raises:
        UsageError: An argument is not usable.
    """

    def __init__(
        self,
        network: keras.Model,
        *,
        channels: int,
        size: Sequence[int] | None = None,
        backward: keras.Model | None = None,
        domains: Sequence[str] = ("first", "second"),
        **kwargs: Any,
    ):
        super().__init__(network, **kwargs)
        if channels not in (1, 3, 4) or len(domains) != 2 or (backward is not None and not backward.built):
            raise UsageError(
                "A Translator needs channels 1, 3 or 4, two domains and networks that are built. "
                f"Received channels={channels}, domains={tuple(domains)}."
            )
        self.channels, self.size = channels, None if size is None else (int(size[0]), int(size[1]))
        self.backward, self.domains = backward, tuple(domains)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Give pictures from 0 to 1 for ``{"forward": pictures}`` or ``{"backward": pictures}``."""
        ((direction, pictures),) = inputs.items()
        network: Any = self.network if direction == "forward" else self.backward
        return self.to_unit(network(pictures, training=training))

    def sample(
        self,
        count: int,
        seed: int,
        labels: Sequence[int] | np.ndarray | None = None,
        truncation: float = 1.0,
        *,
        images: Sequence[np.ndarray] = (),
        reverse: bool = False,
    ) -> np.ndarray:
        """Translate the first ``count`` of the given pictures; fewer are repeated in turn.

        Args:
            count: How many.
            seed: What noise inside the network descends from.
            labels: None: a translator takes no labels.
            truncation: 1: a translator has no prior to truncate.
            images: uint8 pictures ``(H, W, 1, 3 or 4)``.
            reverse: From the second domain to the first.

        Returns:
            uint8, ``(count, height, width, channels)``.

        Raises:
            UsageError: There is nothing to translate, or an argument does not apply.
            ShapeError: The results are of several sizes; `translate` gives them one by one.
        """
        check_draw(count, seed, truncation)
        if not len(images):
            raise UsageError("This model translates pictures: give some to begin with (--input PATH).")
        if labels is not None or truncation != 1.0:
            raise UsageError("A translator takes neither labels nor truncation: what it draws is in its input.")
        found = self.translate([images[number % len(images)] for number in range(count)], seed=seed, reverse=reverse)
        sizes = {image.shape for image in found}
        if len(sizes) > 1:
            raise ShapeError(f"The pictures are of different sizes: {sorted(sizes)}. Use translate for a list of them.")
        return np.stack(found)

    def translate(self, images: Sequence[np.ndarray], *, seed: int = 0, reverse: bool = False) -> list[np.ndarray]:
        """Translate pictures of any sizes.

        Args:
            images: uint8 pictures ``(H, W, 1, 3 or 4)``.
            seed: What noise inside the network descends from.
            reverse: From the second domain to the first.

        Returns:
            A uint8 picture for each.

        Raises:
            UsageError: There is no other direction.
        """
        if reverse and self.backward is None:
            raise UsageError("This model knows one direction only. Leave reverse out.")
        prepared = [self.prepared(image) for image in images]
        found: list[np.ndarray] = [np.empty(0)] * len(images)
        low, high = self.pixels
        for size in sorted({image.shape for image in prepared}):
            rows = [row for row, image in enumerate(prepared) if image.shape == size]
            batch = np.stack([prepared[row] for row in rows]).astype(np.float32) / 255 * (high - low) + low
            if self.data_format == "channels_first":
                batch = np.moveaxis(batch, -1, 1)
            results = self.run_chunks({"backward" if reverse else "forward": batch}, seed)
            for row, image in zip(rows, results, strict=True):
                found[row] = image
        return found

    def prepared(self, image: np.ndarray) -> np.ndarray:
        """Return a picture with the size and channels that the network takes, as uint8."""
        image = np.asarray(image)
        if image.ndim != 3 or image.dtype != np.uint8 or image.shape[-1] not in (1, 3, 4):
            raise ShapeError(
                "A picture must be uint8 (height, width, channels) with 1, 3 or 4 channels. "
                f"Received {image.dtype} of shape {image.shape}."
            )
        picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
        picture = picture.convert({1: "L", 3: "RGB", 4: "RGBA"}[self.channels])
        if self.size is not None and picture.size != (self.size[1], self.size[0]):
            picture = picture.resize((self.size[1], self.size[0]), Image.Resampling.BILINEAR)
        array = np.asarray(picture)
        return array[..., np.newaxis] if array.ndim == 2 else array

    def get_config(self) -> dict[str, Any]:
        """Return the networks and the attributes as plain values."""
        backward = None if self.backward is None else keras.saving.serialize_keras_object(self.backward)
        return {
            **super().get_config(),
            "channels": self.channels,
            "size": None if self.size is None else list(self.size),
            "backward": backward,
            "domains": list(self.domains),
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Any = None) -> "Sampler":
        """Build the networks and the translator around them."""
        backward = config.get("backward")
        if isinstance(backward, Mapping):
            backward = keras.saving.deserialize_keras_object(backward, custom_objects=custom_objects)
        return super().from_config({**config, "backward": backward}, custom_objects)
