"""Whether an answer is one of those that people gave: exact match and overlap of words.

Rajpurkar et al., 2016, section 6.1 (https://arxiv.org/abs/1606.05250); without answers Rajpurkar et al., 2018
(https://arxiv.org/abs/1806.03822). What counts as equal is as in the evaluation script that the authors publish with
the data: letters made small, punctuation and the articles a, an and the left out, spaces as one.
"""

import re
import string
from collections import Counter
from collections.abc import Sequence

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalized_answer(text: str) -> str:
    """Return what of an answer is compared: small letters without punctuation, articles and spare spaces."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match(answer: str, accepted: Sequence[str]) -> float:
    """Return 1 where an answer is one of those that are accepted, else 0.

    Args:
        answer: The answer; empty for none.
        accepted: Answers that count as right; without one, no answer is right.
    """
    given = normalized_answer(answer)
    return float(any(given == right for right in _comparable(accepted)))


def token_f1(answer: str, accepted: Sequence[str]) -> float:
    """Return the harmonic mean of precision and recall of an answer's words, for the accepted answer that fits best.

    Args:
        answer: The answer; empty for none.
        accepted: Answers that count as right; without one, no answer is right.
    """
    words = normalized_answer(answer).split()
    return max(_overlap(words, right.split()) for right in _comparable(accepted))


def _comparable(accepted: Sequence[str]) -> list[str]:
    return [found for found in map(normalized_answer, accepted) if found] or [""]


def _overlap(given: list[str], right: list[str]) -> float:
    if not given or not right:
        return float(given == right)
    common = (Counter(given) & Counter(right)).total()
    return 2 * common / (len(given) + len(right))
