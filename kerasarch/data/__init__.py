"""Data: sources addressed by a short string, splits, augmentation and batches.

The names are imported on first use, so that a decoding process, which imports only the modules that it needs, loads
neither Keras nor a backend.
"""

from typing import TYPE_CHECKING

from kerasarch.lazy import lazy_names

if TYPE_CHECKING:
    from kerasarch.data.augment import Augmentation
    from kerasarch.data.batching import Batches, batches
    from kerasarch.data.load import load_images
    from kerasarch.data.resumable import ResumableDataset
    from kerasarch.data.source import ArrayImages, ImageSource
    from kerasarch.data.splits import ImageSplits

_HOMES = {
    "ArrayImages": "source",
    "Augmentation": "augment",
    "Batches": "batching",
    "ImageSource": "source",
    "ImageSplits": "splits",
    "ResumableDataset": "resumable",
    "batches": "batching",
    "load_images": "load",
}

__all__ = [
    "ArrayImages",
    "Augmentation",
    "Batches",
    "ImageSource",
    "ImageSplits",
    "ResumableDataset",
    "batches",
    "load_images",
]

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
