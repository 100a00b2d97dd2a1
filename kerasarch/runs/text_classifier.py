"""A trained classifier of texts: an encoder with its tokenizer, and what it says of texts."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasarch.data.text_batches import encode_texts, encoder_inputs
from kerasarch.data.tokenizers import Tokenizer
from kerasarch.runs.predictions import softmax
from kerasarch.runs.rows_by_length import run_by_length


@dataclasses.dataclass(frozen=True)
class TextClassifier:
    """A classifier of texts.

    Attributes:
        model: A `kerasarch.models.TextEncoder` with the head ``"classification"``, whose labels have names.
        tokenizer: What reads the texts; its ``length`` is the longest.
    """

    model: Any
    tokenizer: Tokenizer

    @property
    def classes(self) -> tuple[str, ...]:
        """Their names, in the order of the logits."""
        labels = self.model.config.labels
        return tuple(map(str, range(labels))) if isinstance(labels, int) else labels

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """Return the probability of each class, ``(texts, classes)``."""
        length = int(self.tokenizer.length or self.model.longest or max(map(len, texts), default=1) + 2)
        rows = encode_texts(self.tokenizer, texts, length)
        padding = self.tokenizer.padding
        outputs = run_by_length(
            self.model,
            [len(row) for row in rows],
            lambda places, width: encoder_inputs([rows[place] for place in places], width, padding),
        )
        return softmax(np.stack(outputs)) if outputs else np.zeros((0, len(self.classes)), np.float32)
