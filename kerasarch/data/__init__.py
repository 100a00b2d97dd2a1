"""Data: sources addressed by a short string, splits, augmentation and batches.

The names are imported on first use, so that a decoding process, which imports only the modules that it needs, loads
neither Keras nor a backend.
"""

from typing import TYPE_CHECKING

from kerasarch.lazy import lazy_names

if TYPE_CHECKING:
    from kerasarch.data.answer_windows import AnswerBatches, AnswerWindows, question_windows
    from kerasarch.data.augment import Augmentation
    from kerasarch.data.back_translation import Paraphrases, back_translate
    from kerasarch.data.batching import Batches, batches
    from kerasarch.data.captions import CaptionedPictures, load_captioned, read_captions
    from kerasarch.data.conll import TaggedSentences, TagSplits, load_conll, read_conll
    from kerasarch.data.corpus import Corpus, load_corpus
    from kerasarch.data.labelled_texts import LabelledTexts, TextSplits, load_labelled_texts
    from kerasarch.data.length_buckets import LengthBuckets
    from kerasarch.data.load import load_images
    from kerasarch.data.packing import PackedBatches, PackedRows, first_fit, pack
    from kerasarch.data.pair_folders import read_domains, read_pairs, read_pictures
    from kerasarch.data.pair_sources import MadePairs, PairSource, StoredPairs, SwappedPairs
    from kerasarch.data.pairs import PairBatches, pair_batches, unpaired_batches
    from kerasarch.data.parallel_text import ParallelSplits, ParallelText, load_parallel_text
    from kerasarch.data.questions import Question, QuestionSplits, load_questions, read_squad
    from kerasarch.data.recording_sources import load_recordings
    from kerasarch.data.recordings import MadeRecordings, Recordings, RecordingSplits
    from kerasarch.data.resumable import ResumableDataset
    from kerasarch.data.series import Series, load_series
    from kerasarch.data.series_windows import SeriesWindows
    from kerasarch.data.source import ArrayImages, ImageSource
    from kerasarch.data.span_corruption import CorruptedSpans, SpanCorruption, restored
    from kerasarch.data.splits import ImageSplits
    from kerasarch.data.synonyms import Synonyms, read_synonyms, synonyms_of, wordnet_synonyms
    from kerasarch.data.tag_batches import TagBatches
    from kerasarch.data.tag_readers import TokenTagReader, WordTagReader
    from kerasarch.data.text_augment import SentenceShuffle, TextChanges, WordDropout
    from kerasarch.data.text_batches import TextBatches
    from kerasarch.data.token_masking import HiddenOneByOne, MaskedPassages, TokenMasking, masking_of, word_numbers
    from kerasarch.data.token_windows import TokenPassages, TokenWindows
    from kerasarch.data.tokenizers import (
        ByteTokenizer,
        CharacterTokenizer,
        MarianTokenizer,
        PieceTokenizer,
        SentencePieceTokenizer,
        Tokenizer,
        load_tokenizer,
    )
    from kerasarch.data.wave_batches import WaveAugmentation, WaveBatches
    from kerasarch.data.wave_files import read_wave
    from kerasarch.data.word_vocabulary import WordVocabulary

_HOMES = {
    "AnswerBatches": "answer_windows",
    "AnswerWindows": "answer_windows",
    "ArrayImages": "source",
    "Augmentation": "augment",
    "Batches": "batching",
    "ByteTokenizer": "tokenizers",
    "CaptionedPictures": "captions",
    "CharacterTokenizer": "tokenizers",
    "Corpus": "corpus",
    "CorruptedSpans": "span_corruption",
    "HiddenOneByOne": "token_masking",
    "ImageSource": "source",
    "ImageSplits": "splits",
    "LabelledTexts": "labelled_texts",
    "LengthBuckets": "length_buckets",
    "MadePairs": "pair_sources",
    "MadeRecordings": "recordings",
    "MarianTokenizer": "tokenizers",
    "MaskedPassages": "token_masking",
    "PackedBatches": "packing",
    "PackedRows": "packing",
    "PairBatches": "pairs",
    "PairSource": "pair_sources",
    "ParallelSplits": "parallel_text",
    "ParallelText": "parallel_text",
    "Paraphrases": "back_translation",
    "PieceTokenizer": "tokenizers",
    "Question": "questions",
    "QuestionSplits": "questions",
    "RecordingSplits": "recordings",
    "Recordings": "recordings",
    "ResumableDataset": "resumable",
    "SentencePieceTokenizer": "tokenizers",
    "SentenceShuffle": "text_augment",
    "Series": "series",
    "SeriesWindows": "series_windows",
    "SpanCorruption": "span_corruption",
    "StoredPairs": "pair_sources",
    "SwappedPairs": "pair_sources",
    "Synonyms": "synonyms",
    "TagBatches": "tag_batches",
    "TagSplits": "conll",
    "TaggedSentences": "conll",
    "TextBatches": "text_batches",
    "TextChanges": "text_augment",
    "TextSplits": "labelled_texts",
    "TokenMasking": "token_masking",
    "TokenPassages": "token_windows",
    "TokenTagReader": "tag_readers",
    "TokenWindows": "token_windows",
    "Tokenizer": "tokenizers",
    "WaveAugmentation": "wave_batches",
    "WaveBatches": "wave_batches",
    "WordDropout": "text_augment",
    "WordTagReader": "tag_readers",
    "WordVocabulary": "word_vocabulary",
    "back_translate": "back_translation",
    "batches": "batching",
    "first_fit": "packing",
    "load_captioned": "captions",
    "load_conll": "conll",
    "load_corpus": "corpus",
    "load_images": "load",
    "load_labelled_texts": "labelled_texts",
    "load_parallel_text": "parallel_text",
    "load_questions": "questions",
    "load_recordings": "recording_sources",
    "load_series": "series",
    "load_tokenizer": "tokenizers",
    "masking_of": "token_masking",
    "pack": "packing",
    "pair_batches": "pairs",
    "question_windows": "answer_windows",
    "read_captions": "captions",
    "read_conll": "conll",
    "read_domains": "pair_folders",
    "read_pairs": "pair_folders",
    "read_pictures": "pair_folders",
    "read_squad": "questions",
    "read_synonyms": "synonyms",
    "read_wave": "wave_files",
    "restored": "span_corruption",
    "synonyms_of": "synonyms",
    "unpaired_batches": "pairs",
    "word_numbers": "token_masking",
    "wordnet_synonyms": "synonyms",
}

__all__ = [
    "AnswerBatches",
    "AnswerWindows",
    "ArrayImages",
    "Augmentation",
    "Batches",
    "ByteTokenizer",
    "CaptionedPictures",
    "CharacterTokenizer",
    "Corpus",
    "CorruptedSpans",
    "HiddenOneByOne",
    "ImageSource",
    "ImageSplits",
    "LabelledTexts",
    "LengthBuckets",
    "MadePairs",
    "MadeRecordings",
    "MarianTokenizer",
    "MaskedPassages",
    "PackedBatches",
    "PackedRows",
    "PairBatches",
    "PairSource",
    "ParallelSplits",
    "ParallelText",
    "Paraphrases",
    "PieceTokenizer",
    "Question",
    "QuestionSplits",
    "RecordingSplits",
    "Recordings",
    "ResumableDataset",
    "SentencePieceTokenizer",
    "SentenceShuffle",
    "Series",
    "SeriesWindows",
    "SpanCorruption",
    "StoredPairs",
    "SwappedPairs",
    "Synonyms",
    "TagBatches",
    "TagSplits",
    "TaggedSentences",
    "TextBatches",
    "TextChanges",
    "TextSplits",
    "TokenMasking",
    "TokenPassages",
    "TokenTagReader",
    "TokenWindows",
    "Tokenizer",
    "WaveAugmentation",
    "WaveBatches",
    "WordDropout",
    "WordTagReader",
    "WordVocabulary",
    "back_translate",
    "batches",
    "first_fit",
    "load_captioned",
    "load_conll",
    "load_corpus",
    "load_images",
    "load_labelled_texts",
    "load_parallel_text",
    "load_questions",
    "load_recordings",
    "load_series",
    "load_tokenizer",
    "masking_of",
    "pack",
    "pair_batches",
    "question_windows",
    "read_captions",
    "read_conll",
    "read_domains",
    "read_pairs",
    "read_pictures",
    "read_squad",
    "read_synonyms",
    "read_wave",
    "restored",
    "synonyms_of",
    "unpaired_batches",
    "word_numbers",
    "wordnet_synonyms",
]

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
