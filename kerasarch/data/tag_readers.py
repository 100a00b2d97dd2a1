"""Sentences of words as a tagger reads them, and where in what it reads each word stands."""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerasarch.data.padded_batches import pad_rows
from kerasarch.data.text_batches import encoder_inputs
from kerasarch.data.tokenizers import Tokenizer, load_tokenizer
from kerasarch.data.word_vocabulary import FILE, PADDING, UNKNOWN, WordVocabulary


@dataclasses.dataclass(frozen=True)
class TagRow:
    """One sentence.

    Attributes:
        ids: Numbers of its tokens, or of its words.
        places: For each word the place of its first token; None where it has none, or was cut off.
        words: Its words.
    """

    ids: Sequence[int]
    places: Sequence[int | None]
    words: Sequence[str]


class TagReader(ABC):
    """Turns sentences into what a model is called with.

    Args:
        length: Tokens of a sentence at most.
    """

    def __init__(self, length: int):
        self.length = length

    @abstractmethod
    def read(self, words: Sequence[str]) -> TagRow:
        """Return a sentence's numbers."""

    @abstractmethod
    def inputs(self, rows: Sequence[TagRow], width: int, draw: np.random.Generator | None = None) -> dict[str, Any]:
        """Return rows as the model takes them, filled up to a width.

        Args:
            rows: The sentences.
            width: Tokens of a row.
            draw: In training: what is random comes from it.
        """

    @abstractmethod
    def write(self, folder: str | Path) -> Path:
        """Write the files that `load_tag_reader` reads; the folder is made if missing."""


class TokenTagReader(TagReader):
    """Reads words as the tokens of an encoder; a word's tag belongs to its first token.

    Devlin et al., 2019, section 5.3 (https://arxiv.org/abs/1810.04805).

    Args:
        tokenizer: The encoder's; words are put together with spaces.
        length: Tokens of a sentence at most, special ones included.
    """

    def __init__(self, tokenizer: Tokenizer, length: int):
        super().__init__(length)
        self.tokenizer = tokenizer
        marked = tokenizer.frame([-1])[0]  # the numbers of tokens are not negative
        self.before, self.around = marked.index(-1), len(marked) - 1

    def read(self, words: Sequence[str]) -> TagRow:
        """Return a sentence's tokens with special ones around."""
        ids, offsets = self.tokenizer.locate(" ".join(words))
        room = max(self.length - self.around, 0)
        places: list[int | None] = []
        start = token = 0
        for word in words:
            end = start + len(word)
            while token < len(ids) and offsets[token][1] <= start:
                token += 1
            inside = token < min(len(ids), room) and offsets[token][0] < end
            places.append(token + self.before if inside else None)
            start = end + 1
        return TagRow(self.tokenizer.frame(ids[:room])[0], places, words)

    def inputs(self, rows: Sequence[TagRow], width: int, draw: np.random.Generator | None = None) -> dict[str, Any]:
        """Return ``input_ids`` and ``attention_mask``, int32 ``(rows, width)``."""
        return encoder_inputs([row.ids for row in rows], width, self.tokenizer.padding)

    def write(self, folder: str | Path) -> Path:
        """Write the tokenizer, with the length as its own."""
        self.tokenizer.length = self.length
        return self.tokenizer.write(folder)


class WordTagReader(TagReader):
    """Reads whole words and their characters.

    Args:
        vocabulary: Numbers of words and characters.
        length: Words of a sentence at most.
        unknown: In training: how often a word that was seen once is taken for an unknown one, so that unknown ones mean
            something (Lample et al., 2016, section 4.3, https://arxiv.org/abs/1603.01360).
    """

    def __init__(self, vocabulary: WordVocabulary, length: int, unknown: float = 0.5):
        super().__init__(length)
        self.vocabulary, self.unknown = vocabulary, unknown

    def read(self, words: Sequence[str]) -> TagRow:
        """Return the numbers of a sentence's words."""
        kept = words[: self.length]
        places = [place if place < len(kept) else None for place in range(len(words))]
        return TagRow(self.vocabulary.numbers(kept), places, words)

    def inputs(self, rows: Sequence[TagRow], width: int, draw: np.random.Generator | None = None) -> dict[str, Any]:
        """Return ``word_ids``, int32 ``(rows, width)``, and ``character_ids``, int32 ``(rows, width, 16)``."""
        words = pad_rows([row.ids for row in rows], width, PADDING)
        if draw is not None and self.vocabulary.rare:
            seen_once = np.isin(words, list(self.vocabulary.rare))
            words = np.where(seen_once & (draw.random(words.shape) < self.unknown), UNKNOWN, words).astype("int32")
        spelling = [self.vocabulary.spelling(row.words[: min(len(row.ids), width)]) for row in rows]
        characters = np.stack([np.pad(one, ((0, width - len(one)), (0, 0))) for one in spelling])
        return {"word_ids": words, "character_ids": characters}

    def write(self, folder: str | Path) -> Path:
        """Write the vocabulary."""
        return self.vocabulary.write(folder)


def load_tag_reader(folder: str | Path, length: int) -> TagReader:
    """Read what `TagReader.write` wrote.

    Args:
        folder: The folder.
        length: Tokens or words of a sentence at most; fewer where the tokenizer says so.

    Raises:
        WeightsError: A file is missing or damaged.
        DependencyError: A package is missing.
    """
    if (Path(folder) / FILE).is_file():
        return WordTagReader(WordVocabulary.read(folder), length)
    tokenizer = load_tokenizer(folder)
    return TokenTagReader(tokenizer, min(length, tokenizer.length or length))
