"""Waves to spelled words: a spectrogram, and a network of convolutions and recurrent layers behind it.

Papers: Amodei et al., 2016, "Deep Speech 2" (https://arxiv.org/abs/1512.02595), for spelling with connectionist
temporal classification; Park et al., 2019, "SpecAugment" (https://arxiv.org/abs/1904.08779). There are no public
checkpoints.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal, get_args

import keras
from keras import ops

from kerasarch.errors import UsageError
from kerasarch.layers.log_mel_spectrogram import LogMelSpectrogram
from kerasarch.layers.spectrogram_masking import SpectrogramMasking
from kerasarch.models.configured import ConfiguredModel, as_config
from kerasarch.models.crnn import CRNN, CRNNConfig
from kerasarch.models.family import choose
from kerasarch.models.named_inputs import named_inputs, shape_of_first

INPUTS = ("waves", "lengths")
Output = Literal["letters", "words", "classes"]
SPACE = " "


@dataclasses.dataclass(frozen=True)
class SpeechRecognizerConfig:
    """Sizes and details.

    Attributes:
        words: The words that are told apart.
        output: ``"letters"``: the network spells words; ``"words"``: each word is a label of its own; ``"classes"``:
            one word a recording, of the mean over all frames, without alignment.
        rate: Numbers a second.
        bands: Of the spectrogram.
        window: Numbers of a frame, even.
        step: Numbers from a frame to the next.
        widths: Channels of each convolution.
        kernels: Frames and bands that each kernel spans.
        strides: Steps of each convolution in frames and bands.
        units: Of the recurrent layers, in each direction.
        depth: Recurrent layers.
        kind: ``"gru"``, ``"lstm"`` or ``"rnn"``.
        dropout: Rate between them and before the head.
        masked_bands: Bands that a mask covers in training, at most.
        masked_frames: Frames that a mask covers in training, at most.
    """

    words: tuple[str, ...] = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    output: Output = "letters"
    rate: int = 8000
    bands: int = 40
    window: int = 256
    step: int = 80
    widths: tuple[int, ...] = (32, 32)
    kernels: tuple[tuple[int, int], ...] = ((5, 5), (3, 5))
    strides: tuple[tuple[int, int], ...] = ((2, 2), (1, 2))
    units: int = 96
    depth: int = 2
    kind: Literal["gru", "lstm", "rnn"] = "gru"
    dropout: float = 0.2
    masked_bands: int = 8
    masked_frames: int = 10

    def __post_init__(self) -> None:
        """Check the values."""
        if len(set(self.words)) != len(self.words) or len(self.words) < 2 or not all(self.words):
            raise UsageError(f"words must be two or more, all different. Received {', '.join(self.words) or 'none'}.")
        if self.output not in get_args(Output):
            raise UsageError(f"output must be one of {', '.join(get_args(Output))}. Received {self.output!r}.")

    @property
    def symbols(self) -> tuple[str, ...]:
        """What each label but the blank, which is 0, stands for: ``symbols[label - 1]``."""
        if self.output == "letters":
            return tuple(sorted({SPACE, *"".join(self.words)}))
        return self.words

    @property
    def between(self) -> int | None:
        """The label between two words; None where there is none."""
        return self.symbols.index(SPACE) + 1 if self.output == "letters" else None

    def spelling(self, word: str) -> tuple[int, ...]:
        """Return the labels of a word."""
        parts = word if self.output == "letters" else (word,)
        return tuple(self.symbols.index(part) + 1 for part in parts)

    def text(self, labels: Sequence[int]) -> str:
        """Return what labels spell, words with a space between."""
        return ("" if self.output == "letters" else SPACE).join(self.symbols[label - 1] for label in labels)


VARIANTS = {"speech_recognizer": SpeechRecognizerConfig()}


@keras.saving.register_keras_serializable(package="kerasarch")
class SpeechRecognizer(ConfiguredModel):
    """Waves to the logits of letters, words or classes; it trains on spellings without alignment.

    `LogMelSpectrogram`, in training `SpectrogramMasking`, then a `CRNN`, whose loss is its own: ``compile`` needs an
    optimizer alone. With ``output="classes"`` the logits of all frames are averaged, and the loss is the cross-entropy.

    Args:
        config: The config, or its fields as a dictionary.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        B batch, N numbers, V labels: ``waves (B, N)``, alone, or with ``lengths (B,)``, how many numbers each recording
        has, in a list or dictionary. A dictionary comes out: ``logits (B, T, V)`` and ``lengths (B,)``, how many of the
        T belong to each recording; or with ``output="classes"`` ``logits (B, words)``. ``fit`` takes labels ``(B, L)``
        in which 0 fills up, or classes ``(B,)``.

    Raises:
        UsageError: An input has an unknown name.
    """

    family = "speech_recognizer"

    def __init__(self, config: SpeechRecognizerConfig | dict[str, Any], **kwargs: Any):
        config = as_config(SpeechRecognizerConfig, config)
        super().__init__(config, **kwargs)
        own: dict[str, Any] = {"dtype": self.dtype_policy}
        self.spectrogram = LogMelSpectrogram(
            config.rate, bands=config.bands, window=config.window, step=config.step, name="spectrogram", **own
        )
        self.masking = SpectrogramMasking(config.masked_bands, config.masked_frames, name="masking", **own)
        names = [field.name for field in dataclasses.fields(CRNNConfig) if hasattr(config, field.name)]
        sizes: dict[str, Any] = {name: getattr(config, name) for name in names}
        classes = len(config.symbols) + (config.output != "classes")
        self.network = CRNN(CRNNConfig(features=config.bands, classes=classes, **sizes), name="network", **own)

    def build(self, input_shape: Any = None) -> None:
        """Build the children; their sizes do not depend on the inputs."""
        self.spectrogram.build((None, None))
        self.masking.build((None, None, self.config.bands))
        self.network.build()

    def input_tensors(self, input_shape: Sequence[int] | None = None) -> Any:
        """Return a Keras tensor like that which the model is called with, to follow a call without numbers.

        Args:
            input_shape: The count of numbers alone, ``(N,)``.

        Raises:
            UsageError: None is given.
        """
        if input_shape is None:
            raise UsageError(f"{self.name}: takes recordings of any length. Give one, such as {self.config.rate}.")
        return keras.KerasTensor((None, *input_shape), "float32", name="waves")

    def call(self, inputs: Any, training: bool | None = None) -> dict[str, Any]:  # (B, N), or that and (B,)
        """Return logits and lengths by name."""
        waves, lengths = named_inputs(self.name, inputs, INPUTS)
        count = ops.shape(waves)[1]
        lengths = ops.full_like(ops.cast(waves[:, 0], "int32"), count) if lengths is None else lengths
        frames = self.spectrogram.frames(ops.cast(lengths, "int32"))
        mask = ops.arange(self.spectrogram.frames(count), dtype="int32")[None] < frames[:, None]
        x = self.spectrogram(waves, there=mask)
        x = self.masking(x, there=mask, training=training)
        found = self.network({"frames": x, "frame_mask": mask}, training=training)
        if self.config.output != "classes":
            return found
        logits, kept = found["logits"], found["lengths"]
        there = ops.cast(ops.arange(ops.shape(logits)[1], dtype="int32")[None] < kept[:, None], logits.dtype)
        total = ops.sum(logits * there[..., None], axis=1)
        return {"logits": total / ops.cast(kept, logits.dtype)[:, None]}

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the mean loss of a batch, and what layers have added.

        Args:
            x: Not looked at.
            y: Labels ``(B, L)``, in which 0 fills up, or classes ``(B,)``.
            y_pred: What ``call`` gives.
            sample_weight: ``(B,)``; None for all the same.
            training: Not looked at.
        """
        if self.config.output != "classes":
            return self.network.compute_loss(y=y, y_pred=y_pred, sample_weight=sample_weight)
        logits = ops.cast(y_pred["logits"], "float32")
        losses = ops.sparse_categorical_crossentropy(ops.cast(y, "int32"), logits, from_logits=True)
        return ops.mean(losses if sample_weight is None else losses * ops.cast(sample_weight, losses.dtype))

    def compute_output_shape(self, input_shape: Any) -> dict[str, Any]:
        """Return the shapes by name."""
        batch, count = shape_of_first(input_shape, INPUTS[0])
        if self.config.output == "classes":
            return {"logits": (batch, len(self.config.words))}
        frames = None if count is None else self.spectrogram.frames(count)
        return self.network.compute_output_shape((batch, frames, self.config.bands))


def speech_recognizer(
    variant: str | SpeechRecognizerConfig = "speech_recognizer",
    *,
    name: str = "speech_recognizer",
    dtype: Any = None,
    **overrides: Any,
) -> SpeechRecognizer:
    """Build a recogniser with fresh weights.

    Args:
        variant: A name in the table, or a config.
        name: Name of the model.
        dtype: Dtype policy; None for the global one.
        **overrides: Fields of the config to replace.

    Raises:
        UsageError: No such variant or field.
    """
    model = SpeechRecognizer(choose(VARIANTS, variant, overrides), name=name, dtype=dtype)
    model.build()
    return model
