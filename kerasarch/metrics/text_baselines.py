"""What a linear model of n-grams says of texts: what a network has to beat."""

from collections.abc import Sequence

import numpy as np

PENALTIES = (1.0, 4.0, 16.0)
"""Inverse strengths of the penalty that are tried on the validation texts."""


def ngram_probabilities(
    train: Sequence[str],
    labels: np.ndarray,
    validation: Sequence[str],
    validation_labels: np.ndarray,
    test: Sequence[str],
    classes: int,
) -> np.ndarray:
    """Return what a logistic regression on words and pairs of words says of texts.

    Counts c become ``(1 + log c) idf`` and rows are scaled to length 1: Wang and Manning, 2012, for n-grams as a strong
    baseline (https://aclanthology.org/P12-2018); the penalty is the best on the validation texts.

    Args:
        train: Texts to learn from.
        labels: Their classes, ``(N,)``.
        validation: Texts to choose the penalty by.
        validation_labels: Their classes.
        test: Texts to judge.
        classes: How many classes there are.

    Returns:
        Probabilities, ``(test texts, classes)``; 0 for a class that the training texts lack.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    counts = TfidfVectorizer(token_pattern=r"\w+|[^\w\s]", ngram_range=(1, 2), sublinear_tf=True)
    rows = counts.fit_transform(train)
    watched = counts.transform(validation)
    tried = [LogisticRegression(C=penalty, max_iter=1000).fit(rows, labels) for penalty in PENALTIES]
    best = max(tried, key=lambda model: float(np.mean(model.predict(watched) == validation_labels)))
    found = np.zeros((len(test), classes))
    found[:, best.classes_] = best.predict_proba(counts.transform(test))
    return found
