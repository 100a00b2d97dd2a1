"""Windows of a long row of tokens, for models that say what comes next."""

from typing import Any

import numpy as np

from kerasarch.data.resumable import ResumableDataset
from kerasarch.errors import DataError


class TokenWindows(ResumableDataset):
    """Batches of windows at random places; batch ``i`` of epoch ``e`` depends only on the seed, ``e`` and ``i``.

    ``windows[i]`` is ``(ids, {"logits": targets})``, int32 ``(batch, length)`` each, the targets one place further on:
    what ``keras.Model.fit`` takes for a model with an output of that name.

    Args:
        tokens: The row, ``(N,)``.
        length: Tokens of a window.
        batch: Windows of a batch.
        steps: Batches of an epoch.
        seed: Of the places.

    Raises:
        DataError: The row is shorter than a window and the token after it.
    """

    def __init__(self, tokens: Any, *, length: int, batch: int, steps: int, seed: int = 0):
        super().__init__(steps)
        self.tokens = _row(tokens, length)
        self.length, self.size, self.seed = length, batch, seed

    def batch(self, epoch: int, index: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Batch ``index`` of an epoch, wherever the position stands."""
        draw = np.random.default_rng([self.seed, epoch, index])
        return _windows(self.tokens, draw.integers(len(self.tokens) - self.length, size=self.size), self.length)


class TokenPassages(ResumableDataset):
    """A row of tokens in windows side by side: what a loss is measured on.

    What is left over at the end, fewer tokens than a window has, is left out; the last batch may be smaller.

    Args:
        tokens: The row, ``(N,)``.
        length: Tokens of a window.
        batch: Windows of a batch.

    Raises:
        DataError: The row is shorter than a window and the token after it.
    """

    def __init__(self, tokens: Any, *, length: int, batch: int):
        self.tokens = _row(tokens, length)
        self.length, self.size = length, batch
        self.places = np.arange(0, len(self.tokens) - length, length)
        super().__init__(-(-len(self.places) // batch))

    def batch(self, epoch: int, index: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Batch ``index``: ``(ids, {"logits": targets})``."""
        return _windows(self.tokens, self.places[index * self.size : (index + 1) * self.size], self.length)


def _row(tokens: Any, length: int) -> np.ndarray:
    row = np.asarray(tokens, "int32")
    if row.ndim != 1 or len(row) < length + 1:
        raise DataError(
            f"A window of {length} tokens and the one after it need {length + 1}. Received {row.size} tokens; take a "
            f"shorter context or more text."
        )
    return row


def _windows(tokens: np.ndarray, places: np.ndarray, length: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    windows = tokens[places[:, None] + np.arange(length + 1)]
    return np.ascontiguousarray(windows[:, :-1]), {"logits": np.ascontiguousarray(windows[:, 1:])}
