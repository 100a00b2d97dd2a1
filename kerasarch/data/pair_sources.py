"""Pairs of pictures with random access, stored or made of single ones. No Keras here: worker processes import it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from kerasarch.data.decode import with_channels
from kerasarch.data.pipeline import resized, to_array, to_picture
from kerasarch.data.source import ImageSource
from kerasarch.errors import DataError, UsageError

CHALK, BOARD = (255, 214, 90), (20, 40, 110)
"""Yellow and blue: the second domain that is made of pictures which are light on dark."""


class PairSource(ABC):
    """Pairs of pictures: ``pairs[i]`` is two uint8 arrays ``(height, width, channels)``. Picklable."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]: ...

    @abstractmethod
    def subset(self, indices: Sequence[int] | np.ndarray) -> "PairSource":
        """The pairs at these positions, in this order."""

    def identity(self) -> Sequence[bytes] | None:
        """One value a pair, equal for copies of a pair, or None when that is not known."""
        return None


class StoredPairs(PairSource):
    """Two sources of as many pictures, which belong together by their position.

    Args:
        first: The first pictures.
        second: The second ones.

    Raises:
        DataError: There are not as many of each.
    """

    def __init__(self, first: ImageSource, second: ImageSource):
        if len(first) != len(second):
            raise DataError(f"Pairs need as many pictures of each kind. Received {len(first)} and {len(second)}.")
        self.first, self.second = first, second

    def __len__(self) -> int:
        return len(self.first)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return self.first[index][0], self.second[index][0]

    def subset(self, indices: Sequence[int] | np.ndarray) -> "StoredPairs":
        """The pairs at these positions, in this order."""
        return StoredPairs(self.first.subset(indices), self.second.subset(indices))

    def identity(self) -> list[bytes] | None:
        """Both pictures' values joined."""
        first, second = self.first.identity(), self.second.identity()
        if first is None or second is None:
            return None
        return [one + other for one, other in zip(first, second, strict=True)]


class MadePairs(PairSource):
    """Pairs that a function makes of single pictures.

    Args:
        source: The pictures.
        make: A picture, uint8 ``(*size, channels)``, to two pictures; picklable, for worker processes.
        size: Height and width that a picture is brought to before.
        channels: 1, 3 or 4, likewise.
    """

    def __init__(
        self,
        source: ImageSource,
        make: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
        size: tuple[int, int],
        channels: int,
    ):
        self.source, self.make, self.size, self.channels = source, make, size, channels

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return self.make(resized(with_channels(self.source[index][0], self.channels), self.size))

    def subset(self, indices: Sequence[int] | np.ndarray) -> "MadePairs":
        """The pairs of the pictures at these positions, in this order."""
        return MadePairs(self.source.subset(indices), self.make, self.size, self.channels)

    def identity(self) -> Sequence[bytes] | None:
        """That of the pictures."""
        return self.source.identity()


class HalvedPairs(PairSource):
    """Pictures that hold a pair side by side, as the authors of Pix2Pix publish theirs.

    Args:
        source: Pictures of even width.
    """

    def __init__(self, source: ImageSource):
        self.source = source

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        image = self.source[index][0]
        middle, odd = divmod(image.shape[1], 2)
        if odd or not middle:
            raise DataError(
                f"Picture {index} is {image.shape[1]} pixels wide. Expected a pair side by side, so an even width."
            )
        return image[:, :middle], image[:, middle:]

    def subset(self, indices: Sequence[int] | np.ndarray) -> "HalvedPairs":
        """The pairs at these positions, in this order."""
        return HalvedPairs(self.source.subset(indices))

    def identity(self) -> Sequence[bytes] | None:
        """That of the pictures."""
        return self.source.identity()


class SwappedPairs(PairSource):
    """The pairs of another source, the second picture first.

    Args:
        source: The pairs.
    """

    def __init__(self, source: PairSource):
        self.source = source

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        first, second = self.source[index]
        return second, first

    def subset(self, indices: Sequence[int] | np.ndarray) -> "SwappedPairs":
        """The pairs at these positions, in this order."""
        return SwappedPairs(self.source.subset(indices))

    def identity(self) -> Sequence[bytes] | None:
        """That of the pairs."""
        return self.source.identity()


class OneOfPairs(ImageSource):
    """One picture of every pair, as pictures of one class.

    Args:
        pairs: The pairs.
        place: 0 for the first picture, 1 for the second.
    """

    def __init__(self, pairs: PairSource, place: int):
        super().__init__(np.zeros(len(pairs), np.int64), ("picture",))
        self.pairs, self.place = pairs, place

    @property
    def shape(self) -> None:
        """None: the pictures are not looked at to find out."""
        return None

    def image(self, index: int) -> np.ndarray:
        """One picture, uint8 ``(height, width, channels)``."""
        return self.pairs[index][self.place]

    def subset(self, indices: Sequence[int] | np.ndarray) -> "OneOfPairs":
        """The pictures at these positions, in this order."""
        return OneOfPairs(self.pairs.subset(indices), self.place)

    def identity(self) -> Sequence[bytes] | None:
        """That of the pairs."""
        return self.pairs.identity()


@dataclass(frozen=True)
class Edges:
    """Make the pair of a picture's edges, black on white, and the picture.

    ``|(s_x * y, s_y * y)| >= threshold``, with Sobel's kernels and the picture's luma ``y`` from 0 to 1, scaled so that
    a step from black to white gives 1. The border is continued.

    Attributes:
        threshold: From which magnitude on a pixel is an edge.
    """

    threshold: float = 0.5

    def __call__(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Edges and picture, uint8 of the same shape."""
        luma = with_channels(image, 1)[..., 0].astype(np.float64) / 255
        edges = np.where(sobel_magnitude(luma) >= self.threshold, 0, 255).astype(np.uint8)
        return np.repeat(edges[..., np.newaxis], image.shape[-1], axis=-1), image


@dataclass(frozen=True)
class Shrunken:
    """Make the pair of a smaller copy and the picture.

    Antialiased bicubic reduction, as Ledig et al., 2017, section 3.1 make theirs (https://arxiv.org/abs/1609.04802).

    Attributes:
        factor: How many times smaller.
    """

    factor: int

    def __call__(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Small and large picture."""
        height, width = image.shape[:2]
        if height % self.factor or width % self.factor:
            raise UsageError(f"The size must be a multiple of factor={self.factor}. Received {height} by {width}.")
        return bicubic(image, (height // self.factor, width // self.factor)), image


@dataclass(frozen=True)
class Chalked:
    """Make the pair of a picture, light on dark, and its drawing in yellow chalk on a blue board.

    ``board + (chalk - board) * y`` with the picture's luma ``y`` from 0 to 1.
    """

    # What is light stays light: the translation to dark on light has, within a digit's outline, a twin that swaps its
    # strokes and its holes. Both domains look right then and the way back is exact, so nothing tells the two apart.

    def __call__(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Picture and drawing, of the same shape."""
        luma = with_channels(image, 1).astype(np.float64) / 255
        board, chalk = np.array(BOARD, np.float64), np.array(CHALK, np.float64)
        drawn = np.rint(board + (chalk - board) * luma).astype(np.uint8)
        return image, with_channels(drawn, image.shape[-1])


def sobel_magnitude(luma: np.ndarray) -> np.ndarray:
    """Length of Sobel's gradient: ``(height, width)`` to the same, 1 at an upright step from 0 to 1."""
    padded = np.pad(luma, 1, mode="edge")
    smooth = padded[:-2] + 2 * padded[1:-1] + padded[2:]  # down the columns
    across = smooth[:, 2:] - smooth[:, :-2]
    smooth = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]  # along the rows
    down = smooth[2:] - smooth[:-2]
    return np.hypot(across, down) / 4


def bicubic(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bring a uint8 image ``(height, width, channels)`` to ``size``, bicubic, with antialiasing where it shrinks."""
    return to_array(to_picture(image).resize((size[1], size[0]), Image.Resampling.BICUBIC))


@dataclass(frozen=True)
class PreparePair:
    """Bring both pictures of a pair to the wanted sizes and channels.

    Attributes:
        sizes: Height and width of either.
        channels: 1, 3 or 4, of both.
    """

    sizes: tuple[tuple[int, int], tuple[int, int]]
    channels: int

    def __call__(self, pair: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Two uint8 images of any size in, of the wanted sizes out."""
        first, second = (
            resized(with_channels(image, self.channels), size) for image, size in zip(pair, self.sizes, strict=True)
        )
        return first, second


@dataclass(frozen=True)
class FlipPair:
    """Mirror left and right in half of the cases.

    Attributes:
        aligned: Both pictures together; otherwise each by its own chance.
    """

    aligned: bool = True

    def __call__(self, pair: tuple[np.ndarray, np.ndarray], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Two uint8 images in and out."""
        chances = rng.random(2) < 0.5
        first, second = (
            image[:, ::-1] if chances[0 if self.aligned else place] else image for place, image in enumerate(pair)
        )
        return first, second


def stack_pairs(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """A list of pairs to two batches."""
    return np.stack([first for first, _ in pairs]), np.stack([second for _, second in pairs])


def picture_of(element: tuple[np.ndarray, int]) -> np.ndarray:
    """The picture of a picture and its label."""
    return element[0]
