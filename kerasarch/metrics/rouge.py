"""ROUGE: how much of a reference a text has, by rows of words and by the longest common subsequence.

Lin, 2004, "ROUGE: A Package for Automatic Evaluation of Summaries", sections 2 and 3
(https://aclanthology.org/W04-1013). Words are rows of letters and digits, letters made small. They are not stemmed,
which the original package does when asked to, and no words are left out.
"""

import dataclasses
import re
from collections import Counter
from collections.abc import Sequence

from kerasarch.errors import UsageError

KINDS = ("rouge1", "rouge2", "rougeL")
_WORDS = re.compile(r"[^\W_]+")


@dataclasses.dataclass(frozen=True)
class Overlap:
    """What two texts have in common.

    Attributes:
        precision: Share of the text's that is in the reference.
        recall: Share of the reference's that is in the text.
        f1: The harmonic mean of both.
    """

    precision: float
    recall: float
    f1: float


def words(text: str) -> list[str]:
    """Return the words of a text: rows of letters and digits, small."""
    return _WORDS.findall(text.lower())


def rouge_n(text: str, reference: str, n: int) -> Overlap:
    """Count the rows of n words that both have, each as often as both have it: section 2, eq. 1, and its counterpart.

    Args:
        text: What is judged.
        reference: What it should be.
        n: Words of a row, 1 or more.

    Raises:
        UsageError: n is below 1.
    """
    if n < 1:
        raise UsageError(f"ROUGE-N counts rows of n words. Received n={n}; expected 1 or more.")
    found, wanted = (_rows(words(one), n) for one in (text, reference))
    return _overlap((found & wanted).total(), found.total(), wanted.total())


def rouge_l(text: str, reference: str) -> Overlap:
    """Measure the longest row of words that both have in this order, others between them: section 3.1, eq. 2 to 4.

    Precision and recall count alike in the mean.

    Args:
        text: What is judged.
        reference: What it should be.
    """
    found, wanted = words(text), words(reference)
    return _overlap(common_subsequence(found, wanted), len(found), len(wanted))


def rouge(texts: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    """Return the mean F1 of each kind in per cent: ``rouge1``, ``rouge2``, ``rougeL``.

    Args:
        texts: What is judged.
        references: One for each.

    Raises:
        UsageError: There is nothing to judge, or there are not as many references.
    """
    if not texts or len(texts) != len(references):
        raise UsageError(
            f"ROUGE needs a text or more, and a reference for each. Received {len(texts)} and {len(references)}."
        )
    pairs = list(zip(texts, references, strict=True))
    scores = {
        "rouge1": [rouge_n(*pair, 1).f1 for pair in pairs],
        "rouge2": [rouge_n(*pair, 2).f1 for pair in pairs],
        "rougeL": [rouge_l(*pair).f1 for pair in pairs],
    }
    return {kind: 100 * sum(scores[kind]) / len(pairs) for kind in KINDS}


def common_subsequence(first: Sequence[str], second: Sequence[str]) -> int:
    """Return how many words the longest row has that is in both, in this order."""
    lengths = [0] * (len(second) + 1)  # of the words of the first so far, and of the first words of the second
    for word in first:
        before = 0  # the length before this word, one place to the left
        for place, other in enumerate(second, 1):
            before, lengths[place] = (
                lengths[place],
                (before + 1 if word == other else max(lengths[place], lengths[place - 1])),
            )
    return lengths[-1]


def _rows(found: list[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(found[place : place + n]) for place in range(len(found) - n + 1))


def _overlap(common: int, found: int, wanted: int) -> Overlap:
    if not common:
        return Overlap(0.0, 0.0, 0.0)
    precision, recall = common / found, common / wanted
    return Overlap(precision, recall, 2 * precision * recall / (precision + recall))
