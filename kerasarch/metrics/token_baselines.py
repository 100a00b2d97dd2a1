"""What simple counts say of the next token: what a language model has to beat."""

import numpy as np


def unigram_loss(train: np.ndarray, test: np.ndarray, vocabulary: int) -> float:
    """Mean negative log-likelihood of tokens by how often each occurs, one added to every count.

    Args:
        train: Tokens that are counted, ``(N,)``.
        test: Tokens that are judged, ``(M,)``.
        vocabulary: Tokens that there are.

    Returns:
        Nats a token.
    """
    counts = np.bincount(train, minlength=vocabulary) + 1.0
    return float(-np.log(counts / counts.sum())[test].mean())


def bigram_loss(train: np.ndarray, test: np.ndarray, vocabulary: int) -> float:
    """Mean negative log-likelihood of tokens by how often each follows the one before it.

    The counts are smoothed towards how often a token occurs at all: ``p(b | a) = (n(a, b) + s p(b)) / (n(a) + s)``, the
    strength s being 1 (a Dirichlet prior: MacKay and Peto, 1995, https://doi.org/10.1017/S1351324900000218).

    Args:
        train: Tokens that are counted, ``(N,)``.
        test: Tokens that are judged, ``(M,)``, M at least 2.
        vocabulary: Tokens that there are.

    Returns:
        Nats a token, over all but the first.
    """
    train, test = np.asarray(train, np.int64), np.asarray(test, np.int64)
    single = np.bincount(train, minlength=vocabulary) + 1.0
    single /= single.sum()
    before = np.bincount(train[:-1], minlength=vocabulary)
    pairs, counts = np.unique(train[:-1] * vocabulary + train[1:], return_counts=True)
    wanted = test[:-1] * vocabulary + test[1:]
    place = np.minimum(np.searchsorted(pairs, wanted), len(pairs) - 1)
    joint = np.where(pairs[place] == wanted, counts[place], 0)
    return float(-np.log((joint + single[test[1:]]) / (before[test[:-1]] + 1)).mean())
