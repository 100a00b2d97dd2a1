"""Texts with spans taken out, and the spans: what T5 is pre-trained on."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasarch.data.resumable import ResumableDataset
from kerasarch.errors import DataError, UsageError


@dataclasses.dataclass(frozen=True)
class SpanCorruption:
    """How spans are taken out of texts.

    ``round(share n)`` of n tokens are taken out, in ``round(that / mean)`` spans, all divisions of both into spans
    being equally probable. In the place of each span stands a sentinel, the first one for the first span; what is to be
    written is each sentinel with its span behind it: Raffel et al., 2020, sections 3.1.4 and 3.3.3
    (https://arxiv.org/abs/1910.10683). As in the authors' code a text begins with tokens that stay and ends with a
    span, so that there is no sentinel behind the last one, which the paper's figure 2 has.

    Attributes:
        sentinels: Tokens that stand for the spans, in their order.
        end: Token that ends what is read and what is written; None for none.
        share: Of the tokens that are taken out.
        mean: Tokens of a span in the mean.

    Raises:
        UsageError: The share is not between 0 and 1, spans are shorter than a token, or there is no sentinel.
    """

    sentinels: tuple[int, ...]
    end: int | None = None
    share: float = 0.15
    mean: float = 3.0

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not 0 < self.share < 1 or self.mean < 1 or not self.sentinels:
            raise UsageError(
                f"Expected a share between 0 and 1, spans of 1 token or more in the mean, and sentinels. Received "
                f"{self.share}, {self.mean} and {len(self.sentinels)} sentinels."
            )

    def counts(self, tokens: int) -> tuple[int, int]:
        """Return how many tokens are taken out of so many, and in how many spans.

        Raises:
            UsageError: There are fewer than two tokens, or fewer sentinels than spans.
        """
        if tokens < 2:
            raise UsageError(f"Spans are taken out of texts of 2 tokens or more. Received {tokens}.")
        taken = min(max(round(tokens * self.share), 1), tokens - 1)
        spans = min(max(round(taken / self.mean), 1), taken, tokens - taken)
        if spans > len(self.sentinels):
            raise UsageError(
                f"{tokens} tokens have {spans} spans, and there are {len(self.sentinels)} sentinels. Take more of "
                f"them, or shorter texts."
            )
        return taken, spans

    def lengths(self, tokens: int) -> tuple[int, int]:
        """Return how many tokens are read and written of a text of so many, the end among them."""
        taken, spans = self.counts(tokens)
        end = self.end is not None
        return tokens - taken + spans + end, taken + spans + end

    def longest(self, length: int) -> int:
        """Return the tokens of the longest text of which at most so many are read.

        Raises:
            UsageError: There is none.
        """
        if length < self.lengths(2)[0]:
            raise UsageError(f"No text has {length} tokens left when spans are taken out. Give more.")
        tokens = 2
        while self.lengths(tokens + 1)[0] <= length:
            tokens += 1
        return tokens

    def __call__(self, ids: Sequence[int] | np.ndarray, draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Take spans out of a text.

        Args:
            ids: Its tokens, ``(n,)``.
            draw: Where the draws come from.

        Returns:
            What is read, and what is to be written: int32, as long as ``lengths`` says.
        """
        ids = np.asarray(ids, "int32")
        taken, spans = self.counts(len(ids))
        kept, gone = _parts(len(ids) - taken, spans, draw), _parts(taken, spans, draw)
        edges = np.concatenate([[0], np.cumsum(np.stack([kept, gone], axis=1).ravel())])
        read: list[np.ndarray] = []
        written: list[np.ndarray] = []
        for span, sentinel in enumerate(self.sentinels[:spans]):
            start, middle, stop = edges[2 * span : 2 * span + 3]
            read += [ids[start:middle], np.array([sentinel], "int32")]
            written += [np.array([sentinel], "int32"), ids[middle:stop]]
        last = [] if self.end is None else [np.array([self.end], "int32")]
        return np.concatenate(read + last), np.concatenate(written + last)


def restored(read: Sequence[int], written: Sequence[int], sentinels: Sequence[int]) -> list[int]:
    """Put spans back where their sentinels stand.

    Args:
        read: A text with sentinels, without its end.
        written: Each sentinel with its span behind it, without its end; what stands before the first is left out.
        sentinels: The sentinels.
    """
    spans: dict[int, list[int]] = {}
    current: list[int] = []
    for token in map(int, written):
        if token in sentinels:
            current = spans.setdefault(token, [])
        else:
            current.append(token)
    return [one for token in map(int, read) for one in (spans.get(token, []) if token in sentinels else [token])]


def _parts(count: int, parts: int, draw: np.random.Generator) -> np.ndarray:
    """Divide so many tokens into parts of one or more, all divisions being equally probable."""
    cuts = np.sort(draw.permutation(count - 1)[: parts - 1]) + 1
    return np.diff(np.concatenate([[0], cuts, [count]]))


class CorruptedSpans(ResumableDataset):
    """Batches of passages of running text with spans taken out; they depend only on the seed, the epoch and the index.

    ``batches[i]`` is ``({"source_ids", "source_mask", "target_ids"}, {"logits"})``, all of one shape: what ``fit``
    takes for a model that reads one text and writes another.

    Args:
        tokens: The running text, ``(N,)``.
        corruption: How spans are taken out.
        length: Tokens that are read, at most.
        batch: Passages of a batch.
        steps: Batches of an epoch, at random places; None for passages side by side, with the same spans in every
            epoch; what is left over at the end, fewer than a batch, is left out.
        start: Token that what is written begins with.
        seed: Of places and spans.

    Raises:
        DataError: The text is shorter than a passage, or than a batch of them where they stand side by side.
    """

    def __init__(
        self,
        tokens: Any,
        corruption: SpanCorruption,
        *,
        length: int,
        batch: int,
        steps: int | None = None,
        start: int = 0,
        seed: int = 0,
    ):
        self.tokens, self.corruption = np.asarray(tokens, "int32"), corruption
        self.inner, self.size, self.start_token, self.seed = corruption.longest(length), batch, start, seed
        self.random = steps is not None
        count = len(self.tokens) // self.inner // batch if steps is None else steps
        if len(self.tokens) < self.inner or not count:
            raise DataError(
                f"Passages of {self.inner} tokens, {batch} of them a batch: {len(self.tokens)} tokens are too few. "
                f"Take shorter passages, a smaller batch or more text."
            )
        super().__init__(count)

    def batch(self, epoch: int, index: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Batch ``index`` of an epoch, wherever the position stands."""
        draw = np.random.default_rng([self.seed, epoch if self.random else 0, index])
        if self.random:
            places = draw.integers(len(self.tokens) - self.inner + 1, size=self.size)
        else:
            places = (index * self.size + np.arange(self.size)) * self.inner
        pairs = [self.corruption(self.tokens[place : place + self.inner], draw) for place in places]
        source, after = (np.stack([pair[side] for pair in pairs]) for side in (0, 1))
        first = np.full((self.size, 1), self.start_token, "int32")
        target = np.concatenate([first, after[:, :-1]], axis=1)
        return {"source_ids": source, "source_mask": np.ones_like(source), "target_ids": target}, {"logits": after}
