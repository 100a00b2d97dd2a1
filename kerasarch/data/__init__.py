"""Data: sources addressed by a short string, splits, augmentation and batches.

The names are imported on first use, so that a decoding process, which imports only the modules that it needs, loads
neither Keras nor a backend.
"""

import importlib
from typing import TYPE_CHECKING, Any

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


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}. It has: {', '.join(__all__)}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
