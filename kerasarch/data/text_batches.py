"""Labelled texts as an encoder learns from them: tokens in batches of like length."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kerasarch.data.labelled_texts import LabelledTexts
from kerasarch.data.padded_batches import PaddedBatches, pad_rows, width_of
from kerasarch.data.tokenizers import Tokenizer

Change = Callable[[str, np.random.Generator], str]
"""Changes a text at random: another text from it and a generator of random numbers."""


def encode_texts(tokenizer: Tokenizer, texts: Sequence[str], length: int) -> list[list[int]]:
    """Return the tokens of each text with special ones around, cut to a length.

    Args:
        tokenizer: What reads them.
        texts: The texts.
        length: Tokens of a row at most, special ones included.
    """
    room = max(length - len(tokenizer.frame([])[0]), 0)
    return [tokenizer.frame(tokenizer.encode(text)[:room])[0] for text in texts]


def encoder_inputs(rows: Sequence[Sequence[int]], width: int, padding: int) -> dict[str, np.ndarray]:
    """Return rows as text encoders take them: ``input_ids`` and ``attention_mask``, int32 ``(rows, width)``."""
    mask = np.zeros((len(rows), width), "int32")
    for place, row in enumerate(rows):
        mask[place, : len(row)] = 1
    return {"input_ids": pad_rows(rows, width, padding), "attention_mask": mask}


class TextBatches(PaddedBatches):
    """Batches of labelled texts; batch ``i`` of epoch ``e`` depends only on the seed, ``e`` and ``i``.

    ``batches[i]`` is ``(inputs, {"logits": labels})``: `encoder_inputs` and int64 ``(B,)``, what ``fit`` takes for a
    text encoder with the head ``"classification"``.

    Args:
        texts: The texts.
        tokenizer: What reads them.
        batch: Texts of a batch.
        length: Tokens of a text at most; what is longer is cut.
        shuffle: Whether the order is another one in every epoch.
        change: Changes a text at random, another way in every epoch, such as `kerasarch.data.TextChanges`; None for
            the texts as they are.
        seed: Of the order and the changes.
    """

    def __init__(
        self,
        texts: LabelledTexts,
        tokenizer: Tokenizer,
        *,
        batch: int,
        length: int,
        shuffle: bool = True,
        change: Change | None = None,
        seed: int = 0,
    ):
        self.texts, self.tokenizer, self.length, self.change = texts, tokenizer, length, change
        self._rows = encode_texts(tokenizer, texts.texts, length)
        super().__init__([len(row) for row in self._rows], batch=batch, longest=length, shuffle=shuffle, seed=seed)
        if change is not None and self.widths[-1] < length:  # a changed text may be longer than all that there are
            self.widths = (*self.widths, length)

    def rows(self, places: np.ndarray, epoch: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Return the batch of the texts at these places, changed as in this epoch."""
        rows = [self._row(int(place), epoch) for place in places]
        width = width_of(self.widths, max(map(len, rows)))
        return encoder_inputs(rows, width, self.tokenizer.padding), {"logits": self.texts.labels[places]}

    def _row(self, place: int, epoch: int) -> Any:
        if self.change is None:
            return self._rows[place]
        draw = np.random.default_rng([self.seed, epoch, place])
        return encode_texts(self.tokenizer, [self.change(self.texts.texts[place], draw)], self.length)[0]
