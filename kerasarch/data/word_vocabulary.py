"""Words and their characters as numbers, for models that read whole words."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from kerasarch.errors import WeightsError

FILE = "words.json"
PADDING, UNKNOWN = 0, 1
"""Numbers of what fills up and of what is not known, in words and in characters."""
CHARACTERS = 16
"""Characters of a word that are read, at most."""


class WordVocabulary:
    """Numbers of words, in small letters, and of their characters.

    Args:
        words: The words, from number 2 on.
        characters: The characters, from number 2 on.
        rare: Words that were seen once, which training may take for unknown ones.
    """

    def __init__(self, words: Sequence[str], characters: Sequence[str], rare: Iterable[str] = ()):
        self.words, self.characters = tuple(words), tuple(characters)
        self._words = {word: number for number, word in enumerate(self.words, 2)}
        self._characters = {character: number for number, character in enumerate(self.characters, 2)}
        self.rare = frozenset(self._words[word] for word in rare)

    @classmethod
    def learn(cls, sentences: Iterable[Sequence[str]], size: int) -> "WordVocabulary":
        """Take the most frequent words of sentences, and all characters.

        Args:
            sentences: The sentences' words.
            size: Words at most.
        """
        counts: Counter[str] = Counter()
        characters: set[str] = set()
        for words in sentences:
            counts.update(word.lower() for word in words)
            characters.update(*words)
        chosen = sorted(counts, key=lambda word: (-counts[word], word))[:size]
        return cls(chosen, sorted(characters), [word for word in chosen if counts[word] == 1])

    @property
    def sizes(self) -> tuple[int, int]:
        """How many numbers there are for words, and for characters."""
        return len(self.words) + 2, len(self.characters) + 2

    def numbers(self, words: Sequence[str]) -> list[int]:
        """Return the numbers of words."""
        return [self._words.get(word.lower(), UNKNOWN) for word in words]

    def spelling(self, words: Sequence[str]) -> np.ndarray:
        """Return the numbers of the words' characters, of long words the first and last: int32 ``(words, 16)``."""
        found = np.full((len(words), CHARACTERS), PADDING, "int32")
        half = CHARACTERS // 2
        for row, word in zip(found, words, strict=True):
            kept = word if len(word) <= CHARACTERS else word[:half] + word[-half:]
            row[: len(kept)] = [self._characters.get(character, UNKNOWN) for character in kept]
        return found

    def write(self, folder: str | Path) -> Path:
        """Write ``words.json``; the folder is made if missing.

        Returns:
            The folder.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        rare = [self.words[number - 2] for number in sorted(self.rare)]
        fields = {"words": self.words, "characters": self.characters, "rare": rare}
        (folder / FILE).write_text(json.dumps(fields, ensure_ascii=False) + "\n", encoding="utf-8")
        return folder

    @classmethod
    def read(cls, folder: str | Path) -> "WordVocabulary":
        """Read what `write` wrote.

        Raises:
            WeightsError: The file is missing or damaged.
        """
        path = Path(folder) / FILE
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise WeightsError(f"{path} cannot be read ({error}). Train the tagger again.") from error
