"""Several sources of images as one."""

from collections.abc import Sequence

import numpy as np

from kerasarch.data.source import ArrayImages, ImageSource
from kerasarch.errors import DataError


class JoinedImages(ImageSource):
    """The images of several sources, one after the other.

    Args:
        sources: At least one; all have the same classes.
        places: Source and position in it of each image, ``(images, 2)``; None for all of them in their order.

    Raises:
        DataError: There are no sources, or their classes differ.
    """

    def __init__(self, sources: Sequence[ImageSource], places: np.ndarray | None = None):
        if not sources or any(source.classes != sources[0].classes for source in sources):
            raise DataError(f"Received {len(sources)} sources to join. Expected one or more with the same classes.")
        self.sources = tuple(sources)
        if places is None:
            places = np.array([(n, i) for n, source in enumerate(sources) for i in range(len(source))], dtype=np.int64)
        self.places = places.reshape(-1, 2)
        labels = np.array([self.sources[n].labels[i] for n, i in self.places], dtype=np.int64)
        super().__init__(labels, self.sources[0].classes)

    @property
    def shape(self) -> tuple[int, int, int] | None:
        """Height, width and channels of every image, or None when they differ or are unknown."""
        shapes = {source.shape for source in self.sources}
        return shapes.pop() if len(shapes) == 1 else None

    def image(self, index: int) -> np.ndarray:
        """Decode one image: uint8, ``(height, width, channels)``."""
        source, place = self.places[index]
        return self.sources[source].image(int(place))

    def subset(self, indices: Sequence[int] | np.ndarray) -> "JoinedImages":
        """The images at these positions, in this order; the classes stay."""
        return JoinedImages(self.sources, self.places[np.asarray(indices, dtype=np.int64)])

    def identity(self) -> list[bytes] | None:
        """One value an image, equal for copies of an image, or None when a source does not know it."""
        known = [source.identity() for source in self.sources]
        if any(identities is None for identities in known):
            return None
        return [known[n][i] for n, i in self.places]


def join(*sources: ImageSource) -> ImageSource:
    """Join sources; images in memory of one size stay so.

    Args:
        *sources: At least one; all have the same classes.
    """
    joined = JoinedImages(sources)
    if joined.shape is None or not all(isinstance(source, ArrayImages) for source in sources):
        return joined
    pixels = np.concatenate([source.images for source in sources if isinstance(source, ArrayImages)])
    return ArrayImages(pixels, joined.labels, joined.classes)
