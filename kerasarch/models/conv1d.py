"""A convolutional network for sequences: signals, sensors, series of measurements, of any length.

Paper: Wang, Yan & Oates, 2016, "Time Series Classification from Scratch with Deep Neural Networks"
(https://arxiv.org/abs/1611.06455), section II-B: convolution, batch normalisation, ReLU, and in front of the head the
average over all of the time.

Where we differ: each stage halves the time (``pool=1`` keeps it, as in the paper), and the widths grow by stage.
``fcn`` has the paper's widths, kernels and no pooling. There are no public checkpoints.
"""

import dataclasses
from typing import Any, Literal

import keras
from keras.layers import Activation, Conv1D, GlobalAveragePooling1D, MaxPooling1D

from kerasarch.errors import ShapeError, UsageError
from kerasarch.layers import BatchNormalization
from kerasarch.models.family import choose, classifier, pretrained
from kerasarch.models.network import Network

PADDINGS = ("same", "causal")


@dataclasses.dataclass(frozen=True)
class Conv1DConfig:
    """Sizes and details of a convolutional network for sequences.

    Attributes:
        widths: Output channels of each stage.
        kernels: Steps that the kernels of each stage span.
        depth: Convolutions in each stage.
        pool: By how much each stage shortens the sequence, taking the maximum and rounding up; 1 keeps its length.
        padding: ``"same"`` looks to both sides, ``"causal"`` to the past alone.
        norm: Whether batch normalisation follows each convolution.
        dropout: Rate before the head.
        activation: After each convolution.
        momentum: Share of the old value in the moving statistics.
        epsilon: Added to the variance.
    """

    widths: tuple[int, ...] = (32, 64, 128)
    kernels: tuple[int, ...] = (7, 5, 3)
    depth: int = 1
    pool: int = 2
    padding: Literal["same", "causal"] = "same"
    norm: bool = True
    dropout: float = 0.2
    activation: str = "relu"
    momentum: float = 0.9
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        for name in ("widths", "kernels"):
            object.__setattr__(self, name, tuple(int(value) for value in getattr(self, name)))
        if not self.widths or len(self.widths) != len(self.kernels) or min(self.widths + self.kernels) < 1:
            raise UsageError(
                f"widths and kernels must have one positive number a stage. Received widths={self.widths}, "
                f"kernels={self.kernels}."
            )
        if self.padding not in PADDINGS or min(self.depth, self.pool) < 1 or not 0.0 <= self.dropout < 1.0:
            raise UsageError(
                f"padding must be one of {', '.join(PADDINGS)}, depth and pool positive, dropout in [0, 1). Received "
                f"padding={self.padding!r}, depth={self.depth}, pool={self.pool}, dropout={self.dropout}."
            )


VARIANTS: dict[str, Conv1DConfig] = {
    "conv1d": Conv1DConfig(),
    # Wang, Yan & Oates, 2016, section II-B: 128, 256, 128 channels, kernels of 8, 5, 3 steps
    "fcn": Conv1DConfig(widths=(128, 256, 128), kernels=(8, 5, 3), pool=1, dropout=0.0),
}


def conv1d(
    variant: str | Conv1DConfig = "conv1d",
    *,
    classes: int | None = 10,
    input_shape: tuple[int | None, ...] = (None, 1),
    weights: str | None = None,
    preprocessing: None = None,
    name: str | None = None,
    **overrides: Any,
) -> Network:
    """Build a convolutional network for sequences.

    ```python
    model = kerasarch.models.conv1d(classes=5, input_shape=(None, 3))  # three sensors, any length
    ```

    The average over time counts every step: sequences in one batch have one length.

    Args:
        variant: A name in ``VARIANTS``, or a config.
        classes: Outputs of the head, which gives logits; None or 0 leaves the averaged features.
        input_shape: Steps and channels, in this order whatever the data format; the steps may be None.
        weights: None for random ones, or a file of such a model that was saved before.
        preprocessing: None, as every builder has this argument: it is for pictures.
        name: Name of the model; the variant's by default.
        **overrides: Fields of [`Conv1DConfig`][kerasarch.models.conv1d.Conv1DConfig] to replace.

    Returns:
        A functional model with the groups ``stem`` (the first convolution), ``stage1``, ``stage2``, ..., ``head``.

    Raises:
        UsageError: No such variant or field.
        ShapeError: The input shape is not usable.
        WeightsError: The weights do not fit.
    """
    config = choose(VARIANTS, variant, overrides)
    name = name or (variant if isinstance(variant, str) else "conv1d")
    if preprocessing is not None:
        raise UsageError(
            f"{name}: sequences have no preprocessing of pictures. Received {preprocessing}; leave it out."
        )
    shape = tuple(input_shape)
    arguments: dict[str, Any] = {"classes": classes, "input_shape": shape, "name": name}
    if weights is not None:
        return pretrained("conv1d", weights, config, fixed=tuple(overrides), **arguments)
    if len(shape) != 2 or shape[1] is None or any(size is not None and size < 1 for size in shape):
        raise ShapeError(
            f"{name}: input_shape must be (steps, channels), positive; steps may be None. Received {shape}. "
            f"For pictures use models.cnn."
        )
    inputs = keras.Input(shape, name="sequence")
    return classifier("conv1d", config, _body, inputs=inputs, preprocessing=None, dropout=config.dropout, **arguments)


def _body(config: Conv1DConfig, x: Any) -> Any:
    """Stages and the average over time: ``(B, T, C) -> (B, width)``."""
    for stage, (width, kernel) in enumerate(zip(config.widths, config.kernels, strict=True), start=1):
        for index in range(1, config.depth + 1):
            # The very first convolution and its normalisation are a group of their own.
            group, number = ("stem", "") if stage == index == 1 else (f"stage{stage}", str(index))
            x = Conv1D(
                width,
                kernel,
                padding=config.padding,
                data_format="channels_last",
                use_bias=not config.norm,
                kernel_initializer="he_normal",
                name=f"{group}_conv{number}",
            )(x)
            if config.norm:
                norm = {"momentum": config.momentum, "epsilon": config.epsilon}
                x = BatchNormalization(name=f"{group}_norm{number}", **norm)(x)
            x = Activation(config.activation, name=f"stage{stage}_activation{index}")(x)
        if config.pool > 1:
            x = MaxPooling1D(config.pool, padding="same", data_format="channels_last", name=f"stage{stage}_pool")(x)
    return GlobalAveragePooling1D(data_format="channels_last", name="head_pool")(x)
