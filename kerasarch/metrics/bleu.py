"""BLEU: how many of a translation's words and of their rows of up to four the reference has."""

import dataclasses
from collections.abc import Sequence

from kerasarch.errors import DependencyError, UsageError


@dataclasses.dataclass(frozen=True)
class Bleu:
    """The score of a set of translations.

    Attributes:
        score: From 0 to 100.
        precisions: In percent, of rows of one to four words.
        brevity: Factor for translations that are shorter than the references, at most 1.
        signature: How it was computed, as sacrebleu writes it.
    """

    score: float
    precisions: tuple[float, ...]
    brevity: float
    signature: str


def bleu(translations: Sequence[str], references: Sequence[str], *, lower: bool = False) -> Bleu:
    """Score translations of whole sentences, as text, by ``sacrebleu``.

    ``min(1, exp(1 - r / c)) (p_1 p_2 p_3 p_4) ** (1 / 4)`` over all sentences together: Papineni et al., 2002
    (https://aclanthology.org/P02-1040), with the words of mteval-v13a: Post, 2018 (https://arxiv.org/abs/1804.08771).

    Args:
        translations: What is scored.
        references: One for each.
        lower: Whether capital letters count as small ones.

    Raises:
        DependencyError: The package ``sacrebleu`` is missing.
        UsageError: There is nothing to score, or there are not as many references.
    """
    if not translations or len(translations) != len(references):
        raise UsageError(
            f"BLEU needs a translation or more, and a reference for each. Received {len(translations)} translations "
            f"and {len(references)} references."
        )
    require_sacrebleu()
    from sacrebleu.metrics.bleu import BLEU

    metric = BLEU(lowercase=lower, tokenize="13a")
    found = metric.corpus_score(list(translations), [list(references)])
    precisions = tuple(float(value) for value in found.precisions)
    return Bleu(float(found.score), precisions, float(found.bp), str(metric.get_signature()))


def require_sacrebleu() -> None:
    """Refuse at once what would fail after training.

    Raises:
        DependencyError: The package ``sacrebleu`` is missing.
    """
    try:
        import sacrebleu  # noqa: F401
    except ImportError as error:
        raise DependencyError("BLEU needs the package sacrebleu: pip install 'kerasarch[text]'.") from error
