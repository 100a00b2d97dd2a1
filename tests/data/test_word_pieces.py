"""Learned pieces of words: the same each time, and those that merging the most frequent pairs gives."""

import itertools
from collections import Counter

import numpy as np
import pytest

from kerasarch.data import PieceTokenizer

pytest.importorskip("tokenizers")
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def merged(words, size):
    """Merge by the definition; of pairs that are as frequent the one whose parts have the lower numbers."""
    rows = {word: [word[0], *(f"##{letter}" for letter in word[1:])] for word in words}
    letters = {letter for row in rows.values() for letter in row}
    pieces = [*SPECIAL, *sorted(letters, key=lambda letter: (letter.startswith("##"), letter))]
    while len(pieces) < size:
        counts = Counter()
        for word, row in rows.items():
            for pair in itertools.pairwise(row):
                counts[pair] += words[word]
        if not counts:
            break
        best = min(counts, key=lambda pair: (-counts[pair], *map(pieces.index, pair)))
        whole = best[0] + best[1].removeprefix("##")
        if whole not in pieces:
            pieces.append(whole)
        for word, row in rows.items():
            place, found = 0, []
            while place < len(row):
                both = tuple(row[place : place + 2]) == best
                found.append(whole if both else row[place])
                place += 1 + both
            rows[word] = found
    return pieces


@pytest.mark.parametrize("size", [20, 45])
def test_by_the_definition(size):
    rng = np.random.default_rng(size)
    words = Counter({"".join(rng.choice(list("abc"), rng.integers(1, 7))): int(rng.integers(1, 9)) for _ in range(25)})
    lines = [word for word, count in words.items() for _ in range(count)]
    learned = PieceTokenizer.learn(lines, size=size, kind="wordpiece")
    vocabulary = learned.pieces.get_vocab()
    assert sorted(vocabulary, key=vocabulary.get) == merged(words, size)
    # Hash tables have another order each time; the pieces have not
    again = PieceTokenizer.learn(reversed(lines), size=size, kind="wordpiece")
    assert again.pieces.get_vocab() == vocabulary
    assert again.encode("abc") == learned.encode("abc")


def test_other_scripts_and_signs():
    learned = PieceTokenizer.learn(["Größe größer (groß)!", "日本語", "\U000f0001x"] * 3, size=200, kind="wordpiece")
    for text in ("größe", "(groß)!"):
        assert "[UNK]" not in learned.decode(learned.encode(text), special=True)
        assert learned.decode(learned.encode(text)).replace(" ", "") == text
    assert learned.special["mask"] == 4
    assert not any(max(piece) >= "\U000f0000" for piece in learned.pieces.get_vocab())
