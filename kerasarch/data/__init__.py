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
    from kerasarch.data.corpus import Corpus, load_corpus
    from kerasarch.data.labelled_texts import LabelledTexts, TextSplits, load_labelled_texts
    from kerasarch.data.load import load_images
    from kerasarch.data.pair_folders import read_domains, read_pairs, read_pictures
    from kerasarch.data.pair_sources import MadePairs, PairSource, StoredPairs, SwappedPairs
    from kerasarch.data.pairs import PairBatches, pair_batches, unpaired_batches
    from kerasarch.data.resumable import ResumableDataset
    from kerasarch.data.source import ArrayImages, ImageSource
    from kerasarch.data.splits import ImageSplits
    from kerasarch.data.token_windows import TokenPassages, TokenWindows
    from kerasarch.data.tokenizers import (
        ByteTokenizer,
        CharacterTokenizer,
        PieceTokenizer,
        SentencePieceTokenizer,
        Tokenizer,
        load_tokenizer,
    )

_HOMES = {
    "ArrayImages": "source",
    "Augmentation": "augment",
    "Batches": "batching",
    "ByteTokenizer": "tokenizers",
    "CaptionedPictures": "captions",
    "CharacterTokenizer": "tokenizers",
    "Corpus": "corpus",
    "ImageSource": "source",
    "ImageSplits": "splits",
    "LabelledTexts": "labelled_texts",
    "MadePairs": "pair_sources",
    "PairBatches": "pairs",
    "PairSource": "pair_sources",
    "PieceTokenizer": "tokenizers",
    "ResumableDataset": "resumable",
    "SentencePieceTokenizer": "tokenizers",
    "StoredPairs": "pair_sources",
    "SwappedPairs": "pair_sources",
    "TextSplits": "labelled_texts",
    "TokenPassages": "token_windows",
    "TokenWindows": "token_windows",
    "Tokenizer": "tokenizers",
    "batches": "batching",
    "load_captioned": "captions",
    "load_corpus": "corpus",
    "load_images": "load",
    "load_labelled_texts": "labelled_texts",
    "load_tokenizer": "tokenizers",
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
    "ByteTokenizer",
    "CaptionedPictures",
    "CharacterTokenizer",
    "Corpus",
    "ImageSource",
    "ImageSplits",
    "LabelledTexts",
    "MadePairs",
    "PairBatches",
    "PairSource",
    "PieceTokenizer",
    "ResumableDataset",
    "SentencePieceTokenizer",
    "StoredPairs",
    "SwappedPairs",
    "TextSplits",
    "TokenPassages",
    "TokenWindows",
    "Tokenizer",
    "batches",
    "load_captioned",
    "load_corpus",
    "load_images",
    "load_labelled_texts",
    "load_tokenizer",
    "pair_batches",
    "read_captions",
    "read_domains",
    "read_pairs",
    "read_pictures",
    "unpaired_batches",
]

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
