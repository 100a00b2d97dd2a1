"""One token for each character."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from kerasarch.data.tokenizers.tokenizer import Offsets, Tokenizer, write_config
from kerasarch.errors import DataError, UsageError


class CharacterTokenizer(Tokenizer):
    """One token for each character of an alphabet; no special tokens.

    Args:
        characters: The alphabet; the number of a character is its place.

    Raises:
        UsageError: A character is there twice, or none is.
    """

    def __init__(self, characters: str):
        if not characters or len(set(characters)) != len(characters):
            raise UsageError("A CharacterTokenizer needs one character or more, each of them once.")
        self.characters = characters
        self.special = {}
        self._numbers = {character: number for number, character in enumerate(characters)}

    @classmethod
    def learn(cls, texts: str | Iterable[str]) -> "CharacterTokenizer":
        """Take the characters that texts have, in the order of their code points.

        Args:
            texts: One text or several.
        """
        texts = [texts] if isinstance(texts, str) else texts
        return cls("".join(sorted(set().union(*(set(text) for text in texts)))))

    def __len__(self) -> int:
        """Return how many characters there are."""
        return len(self.characters)

    def encode(self, text: str) -> list[int]:
        """Return the characters' numbers.

        Raises:
            DataError: The alphabet lacks a character.
        """
        try:
            return [self._numbers[character] for character in text]
        except KeyError as error:
            more = f" and {len(self) - 60} more" if len(self) > 60 else ""
            raise DataError(
                f"The character {error.args[0]!r} is not among the {len(self)} that this tokenizer knows: "
                f"{self.characters[:60]!r}{more}. Leave it out of the text."
            ) from error

    def locate(self, text: str) -> tuple[list[int], Offsets]:
        """Return the characters' numbers and places."""
        return self.encode(text), [(place, place + 1) for place in range(len(text))]

    def decode(self, ids: Sequence[int], *, special: bool = False) -> str:
        """Return the text."""
        return "".join(self.characters[int(number)] for number in ids)

    def frame(self, ids: Sequence[int], pair: Sequence[int] | None = None) -> tuple[list[int], list[int]]:
        """Return the tokens as they are, one text behind the other."""
        pair = [] if pair is None else pair
        return [*ids, *pair], [0] * len(ids) + [1] * len(pair)

    def write(self, folder: str | Path) -> Path:
        """Write ``tokenizer_config.json``."""
        return write_config(folder, {"tokenizer_class": type(self).__name__, "characters": self.characters})
