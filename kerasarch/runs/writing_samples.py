"""What a language model writes over the course of training."""

from collections.abc import Callable
from typing import Any

import keras

SHOWN = 5


class WritingSamples(keras.callbacks.Callback):
    """Keeps what a model writes before training, after some epochs and at the end; part of the run's checkpoint.

    Args:
        write: Returns a text.
        shown: Texts at most, 2 at least.
    """

    def __init__(self, write: Callable[[], str], shown: int = SHOWN):
        super().__init__()
        self.write, self.shown = write, max(shown, 2)
        self.texts: list[tuple[int, str]] = []

    def on_train_begin(self, logs: Any = None) -> None:
        """Keep what the untrained model writes."""
        if not self.texts:
            self.texts.append((0, self.write()))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Keep a text where it is time for one."""
        epochs = self.params["epochs"]
        wanted = {round(epochs * place / (self.shown - 1)) for place in range(1, self.shown)}
        if epoch + 1 in wanted and epoch + 1 > self.texts[-1][0]:
            self.texts.append((epoch + 1, self.write()))
