"""A trained classifier and what it needs to look at files: its classes and the size of its pictures."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerasarch.data.batching import images_for_keras
from kerasarch.data.decode import decode, with_channels
from kerasarch.data.folder import read_files
from kerasarch.data.pipeline import resized
from kerasarch.data.views import views
from kerasarch.errors import DataError, UsageError
from kerasarch.models import accept_raw_pixels
from kerasarch.runs.folder import RunFolder
from kerasarch.runs.parts import Parts
from kerasarch.runs.predictions import mean_probabilities


@dataclasses.dataclass(frozen=True)
class Classifier:
    """A classifier of picture files.

    Attributes:
        model: Takes pixels from 0 to 255 in Keras' layout, gives logits.
        classes: Their names, in the order of the logits.
        size: Height and width of its pictures.
        channels: 1, 3 or 4.
        interpolation: How pictures are brought to that size, as `kerasarch.data.batches` takes it.
    """

    model: Any
    classes: tuple[str, ...]
    size: tuple[int, int]
    channels: int
    interpolation: str = "bilinear"

    def prepared(self, image: np.ndarray) -> np.ndarray:
        """Bring a decoded picture to the size and channels of the model's, uint8."""
        return resized(with_channels(image, self.channels), self.size, self.interpolation)

    def for_keras(self, images: np.ndarray) -> np.ndarray:
        """Lay out prepared pictures ``(B, H, W, C)`` as the model takes them."""
        return images_for_keras(images, (0.0, 255.0))

    def probabilities(self, images: np.ndarray, *, tta: bool = False, mirror: bool = False) -> np.ndarray:
        """Return the probability of each class, ``(B, classes)``.

        Args:
            images: Prepared pictures.
            tta: Average over the crops of `kerasarch.data.views.views`.
            mirror: And over their mirror images.
        """
        shown = views(images, mirror=mirror, interpolation=self.interpolation) if tta else [images]
        return mean_probabilities(self.model, shown)


def classifier_of(model: Any, run: RunFolder | None = None) -> Classifier:
    """Make a model a classifier of files.

    Args:
        model: A functional model of one picture that gives logits: that of a run, which takes pixels as they are, or
            another, in front of which its preprocessing is put unless it is there.
        run: The run that it comes from, which knows the names of the classes.

    Raises:
        UsageError: It is no classifier of pictures.
    """
    tensors = getattr(model, "inputs", None) or []
    shape = getattr(model, "output_shape", None)
    if len(tensors) != 1 or len(tensors[0].shape) != 4 or not isinstance(shape, tuple) or len(shape) != 2:
        raise UsageError(f"{model.name} is no classifier of pictures: expected one picture in, a score a class out.")
    if run is None:
        model = accept_raw_pixels(model)
    sizes = tuple(model.inputs[0].shape)[1:]
    import keras

    if keras.config.image_data_format() == "channels_first":
        sizes = (*sizes[1:], sizes[0])
    height, width, channels = sizes
    if height is None or width is None:
        height, width = _size(model, run)
    preprocessing = getattr(model, "preprocessing", None)
    interpolation = preprocessing.interpolation if preprocessing is not None else "bilinear"
    return Classifier(model, _names(run, shape[1]), (int(height), int(width)), int(channels), interpolation)


def read_pictures(
    paths: Sequence[Path], *, strict: bool = False, skipped: Callable[[str], None] = lambda reason: None
) -> Iterator[tuple[Path, np.ndarray]]:
    """Decode files, and those of folders, one after the other.

    Args:
        paths: Files, and folders with pictures at any depth.
        strict: Stop at the first that cannot be read in a folder; otherwise it is left out.
        skipped: Told of each that is left out, and why.

    Yields:
        Path and uint8 pixels ``(H, W, C)``.

    Raises:
        UsageError: There is no such path.
        DataError: A file that was named is no picture, or a folder holds none.
    """
    for path in (path.expanduser() for path in paths):
        if path.is_dir():
            images, reasons = read_files(path, strict=strict)
            for reason in reasons:
                skipped(reason)
            for index in range(len(images)):
                yield Path(images.paths[index]), images.image(index)
        elif path.is_file():
            yield path, decode(path)
        else:
            raise UsageError(f"there is no file or folder {path}.")


def _size(model: Any, run: RunFolder | None) -> tuple[int, int]:
    """Size of the pictures of a model that takes any."""
    given = run.config.get("image_size", {}).get("value") if run is not None else None
    if given:
        return int(given), int(given)
    preprocessing = getattr(model, "preprocessing", None)
    if preprocessing is None:
        raise DataError(f"{model.name} takes pictures of any size and does not say which. Build it for one.")
    return preprocessing.size


def _names(run: RunFolder | None, count: int) -> tuple[str, ...]:
    found = Parts(run.path).read("confusion") if run is not None else []
    names = tuple(found[-1]["classes"]) if found else ()
    return names if len(names) == count else tuple(str(number) for number in range(count))
