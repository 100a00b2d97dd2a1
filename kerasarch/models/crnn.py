"""Convolutions and recurrent layers over spectrograms, which spell what is said.

Papers: Amodei et al., 2016, "Deep Speech 2" (https://arxiv.org/abs/1512.02595); for pictures of words Shi, Bai & Yao,
2015 (https://arxiv.org/abs/1507.05717).

Where we differ: layer normalisation over all channels of a frame stands behind each convolution, in place of batch
normalisation, so that a recording's result does not hang on how it is padded; there is none within the recurrent
layers. There are no public checkpoints.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

import keras
from keras import ops

from kerasarch.errors import ShapeError, UsageError
from kerasarch.layers.convolution import Conv2D
from kerasarch.layers.recurrent_stack import KINDS, RecurrentStack
from kerasarch.models.configured import ConfiguredModel, as_config
from kerasarch.models.ctc_loss import ctc_loss
from kerasarch.models.family import choose
from kerasarch.models.named_inputs import named_inputs, shape_of_first

INPUTS = ("frames", "frame_mask")


@dataclasses.dataclass(frozen=True)
class CRNNConfig:
    """Sizes and details.

    Attributes:
        features: Numbers of a frame, such as bands of a spectrogram.
        classes: Labels, the blank among them, which is 0.
        widths: Channels of each convolution.
        kernels: Frames and bands that each kernel spans, odd.
        strides: Steps of each convolution in frames and bands.
        units: Of the recurrent layers, in each direction.
        depth: Recurrent layers.
        kind: ``"gru"``, ``"lstm"`` or ``"rnn"``.
        bidirectional: Whether they read backwards too.
        dropout: Rate between them and before the head.
        epsilon: Added to the variance.
    """

    features: int = 80
    classes: int = 29
    widths: tuple[int, ...] = (32, 32)
    kernels: tuple[tuple[int, int], ...] = ((5, 5), (3, 5))
    strides: tuple[tuple[int, int], ...] = ((2, 2), (1, 2))
    units: int = 128
    depth: int = 2
    kind: Literal["gru", "lstm", "rnn"] = "gru"
    bidirectional: bool = True
    dropout: float = 0.0
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        """Check the values."""
        if not len(self.widths) == len(self.kernels) == len(self.strides):
            raise UsageError(
                "widths, kernels and strides must have one entry a convolution. Received "
                f"widths={self.widths}, kernels={self.kernels}, strides={self.strides}."
            )
        even = any(taps % 2 == 0 for kernel in self.kernels for taps in kernel)
        if even or self.classes < 2 or min(self.features, self.units, self.depth) < 1 or self.kind not in KINDS:
            raise UsageError(
                f"kernels must be odd, classes 2 or more, features, units and depth 1 or more, kind one of "
                f"{', '.join(KINDS)}. Received kernels={self.kernels}, classes={self.classes}, "
                f"features={self.features}, units={self.units}, depth={self.depth}, kind={self.kind!r}."
            )

    @property
    def step(self) -> int:
        """Frames that one output stands for."""
        step = 1
        for frames, _ in self.strides:
            step *= frames
        return step


VARIANTS = {
    "crnn": CRNNConfig(),
    # As OpenSeq2Seq had it for LibriSpeech: https://nvidia.github.io/OpenSeq2Seq/html/speech-recognition/deepspeech2.html
    "deep_speech_2": CRNNConfig(
        features=161,
        widths=(32, 32),
        kernels=((11, 41), (11, 21)),
        strides=((2, 2), (1, 2)),
        units=800,
        depth=5,
    ),
}


@keras.saving.register_keras_serializable(package="kerasarch")
class CRNN(ConfiguredModel):
    """Frames to the logits of labels, blank among them; it trains on labels without alignment.

    Convolutions over time and bands, recurrent layers over time, a linear head. The loss is
    [`ctc_loss`][kerasarch.models.ctc_loss]: ``compile`` needs an optimizer alone. ``fit`` takes labels ``(B, L)`` in
    which 0 fills up.

    Args:
        config: The config, or its fields as a dictionary.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        B batch, T frames, V classes: ``frames (B, T, features)``, alone, or with ``frame_mask (B, T)`` (1 where there
        is a frame, which is at the left) in a list or dictionary. A dictionary comes out: ``logits (B, T', V)``, T'
        being T over the strides of time, rounded up, and ``lengths (B,)``, how many of them belong to each recording.

    Raises:
        ShapeError: The frames have another number of features.
        UsageError: An input has an unknown name.
    """

    family = "crnn"

    def __init__(self, config: CRNNConfig | dict[str, Any], **kwargs: Any):
        config = as_config(CRNNConfig, config)
        super().__init__(config, **kwargs)
        own: dict[str, Any] = {"dtype": self.dtype_policy}
        self.convolutions = [
            Conv2D(width, kernel, strides=strides, data_format="channels_last", name=f"convolution{index}", **own)
            for index, (width, kernel, strides) in enumerate(
                zip(config.widths, config.kernels, config.strides, strict=True)
            )
        ]
        self.norms = [
            keras.layers.LayerNormalization(axis=(-2, -1), epsilon=config.epsilon, name=f"norm{index}", **own)
            for index in range(len(config.widths))
        ]
        self.recurrent = RecurrentStack(
            config.units,
            kind=config.kind,
            depth=config.depth,
            bidirectional=config.bidirectional,
            dropout=config.dropout,
            name="recurrent",
            **own,
        )
        self.drop = keras.layers.Dropout(config.dropout, name="drop", **own)
        self.head = keras.layers.Dense(config.classes, name="head", **own)

    def build(self, input_shape: Any = None) -> None:
        """Build the children; their sizes do not depend on the inputs."""
        bands, channels = self.config.features, 1
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            convolution.build((None, None, bands + convolution.kernel_size[1] - 1, channels))  # with zeros around
            bands, channels = -(-bands // convolution.strides[1]), convolution.filters
            norm.build((None, None, bands, channels))
        self.recurrent.build((None, None, bands * channels))
        self.head.build((None, None, self.recurrent.width))

    def input_tensors(self, input_shape: Sequence[int] | None = None) -> Any:
        """Return a Keras tensor like that which the model is called with, to follow a call without numbers.

        Args:
            input_shape: The number of frames alone, ``(T,)``.

        Raises:
            UsageError: None is given.
        """
        if input_shape is None:
            raise UsageError(f"{self.name}: takes recordings of any length. Give a number of frames, such as 100.")
        return keras.KerasTensor((None, *input_shape, self.config.features), "float32", name="frames")

    def call(self, inputs: Any, training: bool | None = None) -> dict[str, Any]:  # (B, T, F), or that and (B, T)
        """Return logits and their lengths by name."""
        x, mask = named_inputs(self.name, inputs, INPUTS)
        if x.shape[-1] != self.config.features:
            raise ShapeError(f"{self.name}: frames of {self.config.features} numbers. Received {x.shape[-1]}.")
        mask = ops.ones_like(x[..., 0], "bool") if mask is None else ops.cast(mask, "bool")
        x = ops.cast(x, self.compute_dtype)[..., None]
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = convolution(_surrounded(_without(x, mask), convolution.kernel_size))
            x = ops.relu(norm(x))
            mask = mask[:, :: convolution.strides[0]]
        x = ops.reshape(_without(x, mask), (*ops.shape(x)[:2], x.shape[2] * x.shape[3]))
        x = self.recurrent(x, mask=mask, training=training)
        logits = self.head(self.drop(x, training=training))
        return {"logits": logits, "lengths": ops.sum(ops.cast(mask, "int32"), axis=1)}

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the mean of [`ctc_loss`][kerasarch.models.ctc_loss] over a batch, and what layers have added.

        Args:
            x: Not looked at.
            y: Labels ``(B, L)``, in which 0 fills up.
            y_pred: What ``call`` gives.
            sample_weight: ``(B,)``; None for all the same.
            training: Not looked at.
        """
        labels = ops.cast(y, "int32")
        counts = ops.sum(ops.cast(labels != 0, "int32"), axis=1)
        losses = ctc_loss(labels, counts, y_pred["logits"], y_pred["lengths"])
        loss = ops.mean(losses if sample_weight is None else losses * ops.cast(sample_weight, losses.dtype))
        for own in self.losses:
            loss = loss + ops.cast(own, loss.dtype)
        return loss

    def compute_output_shape(self, input_shape: Any) -> dict[str, Any]:
        """Return the shapes by name."""
        batch, length, _ = shape_of_first(input_shape, INPUTS[0])
        if length is not None:
            length = -(-length // self.config.step)
        return {"logits": (batch, length, self.config.classes), "lengths": (batch,)}


def _without(x: Any, mask: Any) -> Any:
    """Return frames ``(B, T, bands, channels)``, zero where there is none, as a convolution sees it beyond the end."""
    return x * ops.cast(mask, x.dtype)[:, :, None, None]


def _surrounded(x: Any, kernel: tuple[int, int]) -> Any:
    """Return frames with as many zeros on each side, whatever the length: output t is about frame ``t stride``."""
    frames, bands = ((taps - 1) // 2 for taps in kernel)
    return ops.pad(x, ((0, 0), (frames, frames), (bands, bands), (0, 0)))


def crnn(variant: str | CRNNConfig = "crnn", *, name: str = "crnn", dtype: Any = None, **overrides: Any) -> CRNN:
    """Build a CRNN with fresh weights.

    Args:
        variant: A name in the table, or a config.
        name: Name of the model.
        dtype: Dtype policy; None for the global one.
        **overrides: Fields of the config to replace.

    Raises:
        UsageError: No such variant or field.
    """
    model = CRNN(choose(VARIANTS, variant, overrides), name=name, dtype=dtype)
    model.build()
    return model
