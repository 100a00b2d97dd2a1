"""Learning WordPiece vocabularies that are the same each time.

The trainer of the package ``tokenizers`` numbers pieces within words in the order of a hash table, another in each
run, and equal counts are decided by number. Here the letters within words stand for themselves while pairs are merged,
as signs that no text has, so that every order is that of the letters.
"""

from collections.abc import Iterable, Sequence
from typing import Any

INNER = 0xF0000
"""The first of the signs, of the planes for private use, that letters within words become."""
PREFIX = "##"


def learn_word_pieces(package: Any, pieces: Any, texts: Iterable[str], size: int, special: Sequence[str]) -> Any:
    """Return a WordPiece model of ``tokenizers``, learned from texts by merging the most frequent pairs.

    Args:
        package: The package.
        pieces: A tokenizer with the normaliser and the rules that part words.
        texts: What to learn from.
        size: Tokens at most, special ones included.
        special: Special tokens, the first of the vocabulary; the unknown one is ``[UNK]``.
    """
    lines = [_words(pieces, text) for text in texts]
    letters = sorted({letter for words in lines for word in words for letter in word[1:]})
    marks = {letter: chr(INNER + number) for number, letter in enumerate(letters)}
    plain = {mark: letter for letter, mark in marks.items()}
    merged = package.Tokenizer(package.models.BPE())
    merged.pre_tokenizer = package.pre_tokenizers.WhitespaceSplit()
    trainer = package.trainers.BpeTrainer(vocab_size=size, special_tokens=list(special), show_progress=False)
    marked = (" ".join(word[0] + "".join(marks[letter] for letter in word[1:]) for word in words) for words in lines)
    merged.train_from_iterator(marked, trainer)
    vocabulary = {}
    for token, number in merged.get_vocab().items():
        if token not in special:
            token = (PREFIX if token[0] in plain else "") + "".join(plain.get(letter, letter) for letter in token)
        vocabulary[token] = number
    return package.models.WordPiece(vocabulary, unk_token="[UNK]", continuing_subword_prefix=PREFIX)


def _words(pieces: Any, text: str) -> list[str]:
    normal = pieces.normalizer.normalize_str(text)
    return [word for word, _ in pieces.pre_tokenizer.pre_tokenize_str(normal) if max(word) < chr(INNER)]
