"""Pictures of captions, drawn with a diffusion model that reads them itself."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from kerasarch.errors import UsageError
from kerasarch.generation.diffusion_sampler import DiffusionSampler
from kerasarch.models.clip_tokenizer import CLIPTokenizer


@keras.saving.register_keras_serializable(package="kerasarch")
class CaptionSampler(DiffusionSampler):
    """Draws pictures of captions; where none are given, of the classes' names.

    Args:
        network: Called as ``network([x, times, ids])``, such as `kerasarch.models.CaptionedUNet`.
        *args: As for `DiffusionSampler`; the empty caption stands for none where some were hidden.
        tokenizer: What turns captions into token numbers, or its parts, as a file holds them.
        classes: Captions that are drawn in turn where none are asked for.
        hidden: Whether captions were hidden from the network at times, which guidance needs; else nothing stands for
            none.
        **kwargs: As for `DiffusionSampler`, without ``null``.

    Raises:
        UsageError: As for `DiffusionSampler`, or there are no captions.
    """

    def __init__(
        self,
        network: keras.Model,
        *args: Any,
        tokenizer: CLIPTokenizer | dict[str, Any],
        classes: Sequence[str],
        hidden: bool = True,
        **kwargs: Any,
    ):
        if not classes:
            raise UsageError("classes: a CaptionSampler needs captions to draw where none are asked for.")
        reader = tokenizer if isinstance(tokenizer, CLIPTokenizer) else CLIPTokenizer(**tokenizer)
        self._reader = (reader,)  # Keras would turn its dictionaries into its own
        kwargs["null"] = reader("")["input_ids"][0].tolist() if hidden else None
        super().__init__(network, *args, classes=classes, **kwargs)

    @property
    def tokenizer(self) -> CLIPTokenizer:
        """What turns captions into token numbers."""
        return self._reader[0]

    def draw(
        self,
        count: int,
        seed: int,
        labels: Sequence[int] | np.ndarray | None = None,
        *,
        captions: Sequence[str] | None = None,
        **how: Any,
    ) -> np.ndarray:
        """Draw pictures.

        Args:
            count: How many.
            seed: Same seed, same pictures; a longer draw begins with those of a shorter one.
            labels: Numbers of the sampler's captions, repeated in turn; None for each in turn.
            captions: Captions of one's own, repeated in turn, in place of labels.
            **how: As for `DiffusionSampler.draw`.

        Returns:
            uint8, ``(count, height, width, channels)``.

        Raises:
            UsageError: Both labels and captions are given, or no caption.
        """
        if captions is None:
            return self.draw_under(count, seed, self.ids_of(self.labels_for(count, labels)), **how)
        if labels is not None or not captions:
            raise UsageError(f"Give labels or captions, one at least. Received labels={labels}, captions={captions}.")
        ids = self.tokenizer(list(captions))["input_ids"]
        return self.draw_under(count, seed, ids[np.arange(count) % len(ids)], **how)

    def ids_of(self, labels: Any) -> np.ndarray:
        """Return the token numbers ``(N, T)`` of the sampler's captions with these numbers ``(N,)``."""
        assert self.class_names is not None
        return self.tokenizer(self.class_names)["input_ids"][np.asarray(labels)]

    def get_config(self) -> dict[str, Any]:
        """Return the networks and the attributes as plain values."""
        config = super().get_config()
        hidden = config.pop("null") is not None  # which captions stand for none follows from the tokenizer
        reader = self.tokenizer
        parts = {
            "vocabulary": reader.vocabulary,
            "merges": reader.merges,
            "length": reader.length,
            **{role: token.content for role, token in reader.special.items()},
        }
        return {**config, "tokenizer": parts, "hidden": hidden}
