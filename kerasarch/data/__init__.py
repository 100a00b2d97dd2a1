"""Data: sources addressed by a short string, splits, augmentation and batches.

The names are imported on first use, so that a decoding process, which imports only the modules that it needs, loads
neither Keras nor a backend.
"""

from typing import TYPE_CHECKING

from kerasarch.lazy import lazy_names

if TYPE_CHECKING:
    from kerasarch.data.augment import Augmentation
    from kerasarch.data.batching import Batches, batches
    from kerasarch.data.captions import CaptionedPictures, load_captioned, read_captions
    from kerasarch.data.load import load_images
    from kerasarch.data.pair_folders import read_domains, read_pairs, read_pictures
    from kerasarch.data.pair_sources import MadePairs, PairSource, StoredPairs, SwappedPairs
    from kerasarch.data.pairs import PairBatches, pair_batches, unpaired_batches
    from kerasarch.data.resumable import ResumableDataset
    from kerasarch.data.source import ArrayImages, ImageSource
    from kerasarch.data.splits import ImageSplits

_HOMES = {
    "ArrayImages": "source",
    "Augmentation": "augment",
    "Batches": "batching",
    "CaptionedPictures": "captions",
    "ImageSource": "source",
    "ImageSplits": "splits",
    "MadePairs": "pair_sources",
    "PairBatches": "pairs",
    "PairSource": "pair_sources",
    "ResumableDataset": "resumable",
    "StoredPairs": "pair_sources",
    "SwappedPairs": "pair_sources",
    "batches": "batching",
    "load_captioned": "captions",
    "load_images": "load",
    "pair_batches": "pairs",
    "read_captions": "captions",
    "read_domains": "pair_folders",
    "read_pairs": "pair_folders",
    "read_pictures": "pair_folders",
    "unpaired_batches": "pairs",
}

__all__ = [
    "ArrayImages",
    "Augmentation",
    "Batches",
    "CaptionedPictures",
    "ImageSource",
    "ImageSplits",
    "MadePairs",
    "PairBatches",
    "PairSource",
    "ResumableDataset",
    "StoredPairs",
    "SwappedPairs",
    "batches",
    "load_captioned",
    "load_images",
    "pair_batches",
    "read_captions",
    "read_domains",
    "read_pairs",
    "read_pictures",
    "unpaired_batches",
]

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
