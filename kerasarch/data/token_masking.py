"""Tokens that are hidden for a model to guess: what masked language models learn from."""

import dataclasses
import itertools
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasarch.data.packing import IGNORED
from kerasarch.data.resumable import ResumableDataset
from kerasarch.data.tokenizers import Tokenizer
from kerasarch.errors import DataError, UsageError

HIDDEN, RANDOM = 0.8, 0.1
"""Shares of the chosen tokens that become the mask, and another token; the rest stays as it is."""
_INNER = re.compile(r"\w\w")


@dataclasses.dataclass(frozen=True)
class TokenMasking:
    """How tokens are hidden.

    Of the tokens that may be chosen, each (or each word) is chosen with the same probability; of the chosen tokens 80 %
    become the mask, 10 % another token, 10 % stay as they are: Devlin et al., 2019, section 3.1
    (https://arxiv.org/abs/1810.04805). Draws are made anew whenever a text is read, as by Liu et al., 2019, section 4.1
    (https://arxiv.org/abs/1907.11692). Other tokens are drawn from all but the special ones, which the public code
    draws too.

    Attributes:
        mask: Number of the mask.
        vocabulary: Tokens that there are.
        special: Tokens that are neither chosen nor drawn.
        share: Probability to be chosen.

    Raises:
        UsageError: The share is not between 0 and 1, or there are only special tokens.
    """

    mask: int
    vocabulary: int
    special: tuple[int, ...] = ()
    share: float = 0.15

    def __post_init__(self) -> None:
        """Check the share and that there is something to draw."""
        if not 0 < self.share < 1:
            raise UsageError(f"The share of tokens to guess must be above 0 and below 1. Received {self.share}.")
        if len(self.ordinary) == 0:
            raise UsageError(f"All {self.vocabulary} tokens are special. There is nothing to guess.")

    @property
    def ordinary(self) -> np.ndarray:
        """The tokens that are not special."""
        return np.setdiff1d(np.arange(self.vocabulary), (*self.special, self.mask))

    def __call__(
        self, ids: np.ndarray, draw: np.random.Generator, words: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Hide tokens.

        Args:
            ids: ``(N, T)``.
            draw: Where the draws come from.
            words: Number of the word of each token, ``(N, T)``, to choose words as a whole; None to choose tokens.

        Returns:
            Tokens as the model reads them, and those that it is to guess, -100 for the others: int32, ``(N, T)``.
        """
        if words is None:
            chosen = draw.random(ids.shape) < self.share
        else:
            rows = np.broadcast_to(np.arange(len(ids))[:, None], ids.shape)
            _, numbers = np.unique(np.stack([rows.ravel(), words.ravel()]), axis=1, return_inverse=True)
            chosen = (draw.random(ids.size) < self.share)[numbers.ravel()].reshape(ids.shape)
        chosen &= ~np.isin(ids, (*self.special, self.mask))
        fate = draw.random(ids.shape)
        others = self.ordinary[draw.integers(len(self.ordinary), size=ids.shape)]
        read = np.where(chosen & (fate < HIDDEN), self.mask, ids)
        read = np.where(chosen & (fate >= HIDDEN) & (fate < HIDDEN + RANDOM), others, read)
        return read.astype("int32"), np.where(chosen, ids, IGNORED).astype("int32")


def masking_of(tokenizer: Tokenizer, *, share: float = 0.15) -> TokenMasking:
    """Return how the tokens of a tokenizer are hidden.

    Args:
        tokenizer: One with a mask.
        share: Probability to be chosen.

    Raises:
        UsageError: It has no mask.
    """
    if "mask" not in tokenizer.special:
        raise UsageError(f"A {type(tokenizer).__name__} without a mask cannot hide tokens. Choose one of pieces.")
    return TokenMasking(
        tokenizer.special["mask"], len(tokenizer), tuple(sorted(set(tokenizer.special.values()))), share
    )


def word_numbers(text: str, offsets: Sequence[tuple[int, int]]) -> np.ndarray:
    """Number the words that tokens are parts of.

    A token goes on with the word of the one before it where a letter or digit stands on both sides of its beginning.

    Args:
        text: The text.
        offsets: Where each token begins and ends, as `kerasarch.data.Tokenizer.locate` says.

    Returns:
        ``(tokens,)``, rising from 0.
    """
    begins = [start == 0 or _INNER.match(text, start - 1) is None for start, _ in offsets]
    # Several tokens of one character, its bytes, are one word
    same = [0, *(first == second for (first, _), (second, _) in itertools.pairwise(offsets))]
    numbers = np.cumsum(np.array(begins, bool) & ~np.array(same[: len(begins)], bool))
    return (numbers - numbers[:1]).astype("int64") if len(numbers) else numbers.astype("int64")


class MaskedPassages(ResumableDataset):
    """Batches of passages of running text with hidden tokens; they depend only on the seed, the epoch and the index.

    ``passages[i]`` is ``(inputs, {"logits": targets})``, what ``fit`` takes for an encoder with the head
    ``"masked_lm"``; ``inputs`` are ``input_ids (B, T)``, all passages whole, so that no mask of padding is needed.
    Passages run over the ends of sentences and documents: Liu et al., 2019, section 4.2, FULL-SENTENCES
    (https://arxiv.org/abs/1907.11692).

    Args:
        tokens: The running text, ``(N,)``.
        tokenizer: Puts special tokens around each passage.
        masking: How tokens are hidden.
        length: Tokens of a passage, special ones included.
        batch: Passages of a batch.
        steps: Batches of an epoch, at random places; None for passages side by side, the last batch filled up with ones
            without targets, each with the same tokens hidden in every epoch.
        words: Number of the word of each token, ``(N,)``, to hide words as a whole; None for single tokens.
        seed: Of places and hidden tokens.

    Raises:
        DataError: The text is shorter than a passage.
    """

    def __init__(
        self,
        tokens: Any,
        tokenizer: Tokenizer,
        masking: TokenMasking,
        *,
        length: int,
        batch: int,
        steps: int | None = None,
        words: Any = None,
        seed: int = 0,
    ):
        self.tokens, self.masking, self.size, self.seed = np.asarray(tokens, "int32"), masking, batch, seed
        self.words = None if words is None else np.asarray(words)
        frame = np.array(tokenizer.frame([-1])[0])
        self.own = int(np.flatnonzero(frame == -1)[0])
        self.frame, self.inner = frame, length - len(frame) + 1
        if self.inner < 1 or len(self.tokens) < self.inner:
            raise DataError(
                f"A passage of {length} tokens needs as many. Received {len(self.tokens)}; take a shorter context or "
                f"more text."
            )
        self.random = steps is not None
        self.places = np.arange(0, len(self.tokens) - self.inner + 1, self.inner)
        super().__init__(-(-len(self.places) // batch) if steps is None else steps)

    def batch(self, epoch: int, index: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Batch ``index`` of an epoch, wherever the position stands."""
        draw = np.random.default_rng([self.seed, epoch if self.random else 0, index])
        if self.random:
            places = draw.integers(len(self.tokens) - self.inner + 1, size=self.size)
        else:
            places = self.places[index * self.size : (index + 1) * self.size]
        ids = self.passages(np.resize(places, self.size))
        words = None
        if self.words is not None:
            words = self._framed(self.words[self._spread(np.resize(places, self.size))], special=-1)
        read, targets = self.masking(ids, draw, words)
        targets[len(places) :] = IGNORED
        return {"input_ids": read}, {"logits": targets}

    def passages(self, places: np.ndarray) -> np.ndarray:
        """Return the passages that begin at these places, with special tokens and nothing hidden: ``(N, T)``."""
        return self._framed(self.tokens[self._spread(places)])

    def _spread(self, places: np.ndarray) -> np.ndarray:
        return places[:, None] + np.arange(self.inner)

    def _framed(self, inner: np.ndarray, special: int | None = None) -> np.ndarray:
        around = self.frame if special is None else np.full_like(self.frame, special)
        before, behind = around[: self.own], around[self.own + 1 :]
        rows = len(inner)
        return np.concatenate([np.tile(before, (rows, 1)), inner, np.tile(behind, (rows, 1))], axis=1).astype("int32")


class HiddenOneByOne(ResumableDataset):
    """A few passages, each as many times as it has tokens, another one hidden each time.

    What pseudo-perplexity is measured on: Salazar et al., 2020, eq. 1 (https://arxiv.org/abs/1910.14659).

    Args:
        passages: Tokens with special ones, ``(N, T)``.
        masking: Whose mask hides them; special tokens are not guessed.
        batch: Rows of a batch; the last one is filled up with rows without targets.
    """

    def __init__(self, passages: np.ndarray, masking: TokenMasking, *, batch: int):
        self.passages, self.masking, self.size = passages, masking, batch
        self.places = np.argwhere(~np.isin(passages, (*masking.special, masking.mask)))
        super().__init__(-(-len(self.places) // batch))

    def batch(self, epoch: int, index: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Batch ``index``."""
        places = self.places[index * self.size : (index + 1) * self.size]
        chosen = np.resize(places, (self.size, 2))
        ids = self.passages[chosen[:, 0]].copy()
        targets = np.full_like(ids, IGNORED)
        rows = np.arange(self.size)
        targets[rows, chosen[:, 1]] = ids[rows, chosen[:, 1]]
        ids[rows, chosen[:, 1]] = self.masking.mask
        targets[len(places) :] = IGNORED
        return {"input_ids": ids}, {"logits": targets}
