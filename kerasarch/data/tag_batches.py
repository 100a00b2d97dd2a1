"""Tagged sentences as a tagger learns them: batches of like length, with a label for each word."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasarch.data.conll import TaggedSentences
from kerasarch.data.packing import IGNORED
from kerasarch.data.padded_batches import PaddedBatches, width_of
from kerasarch.data.tag_readers import TagReader


class TagBatches(PaddedBatches):
    """Batches of tagged sentences; batch ``i`` of epoch ``e`` depends only on the seed, ``e`` and ``i``.

    ``batches[i]`` is ``(inputs, {"logits": labels})``: what the reader gives and int32 ``(B, T)``, which is -100 where
    no word begins; losses of single tokens pass over it.

    Args:
        sentences: The sentences.
        labels: The tags, in the order of the logits.
        reader: What reads the sentences.
        batch: Sentences of a batch.
        shuffle: Whether the order is another one in every epoch.
        seed: Of the order, and of what the reader draws.
    """

    def __init__(
        self,
        sentences: TaggedSentences,
        labels: Sequence[str],
        reader: TagReader,
        *,
        batch: int,
        shuffle: bool = True,
        seed: int = 0,
    ):
        self.sentences, self.reader = sentences, reader
        self._rows = [reader.read(words) for words in sentences.words]
        numbers = {label: number for number, label in enumerate(labels)}
        self._labels = [[numbers[tag] for tag in tags] for tags in sentences.tags]
        lengths = [len(row.ids) for row in self._rows]
        super().__init__(lengths, batch=batch, longest=reader.length, shuffle=shuffle, seed=seed)

    def rows(self, places: np.ndarray, epoch: int) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return the batch of the sentences at these places."""
        rows = [self._rows[place] for place in places]
        width = width_of(self.widths, max(len(row.ids) for row in rows))
        targets = np.full((len(rows), width), IGNORED, "int32")
        for target, place, row in zip(targets, places, rows, strict=True):
            for label, there in zip(self._labels[place], row.places, strict=True):
                if there is not None:
                    target[there] = label
        draw = np.random.default_rng([self.seed, epoch, int(places[0])]) if self.shuffle else None
        return self.reader.inputs(rows, width, draw), {"logits": targets}
