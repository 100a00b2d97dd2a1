"""How well a model translates over the course of training."""

from collections.abc import Callable, Sequence
from typing import Any

import keras

from kerasarch.metrics.bleu import bleu
from kerasarch.training.weight_averages import with_averages


class WatchTranslations(keras.callbacks.Callback):
    """Translates after each epoch, adds ``val_bleu`` to the logs, and keeps some translations for the report.

    It works with the averages of the weights where the optimizer keeps some. What it keeps is part of the run's
    checkpoint.

    Args:
        translate: Texts to translations.
        sources: What is translated.
        references: The right translations.
        kept: Translations that are kept of each epoch, the first ones.
    """

    def __init__(
        self,
        translate: Callable[[Sequence[str]], list[str]],
        sources: Sequence[str],
        references: Sequence[str],
        kept: int = 4,
    ):
        super().__init__()
        self.translate, self.sources, self.references, self.kept = translate, sources, references, kept
        self.texts: list[tuple[int, list[str]]] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Translate and score."""
        with with_averages(self.model):
            found = self.translate(self.sources)
        if logs is not None:
            logs["val_bleu"] = bleu(found, self.references).score
        self.texts.append((epoch + 1, found[: self.kept]))
