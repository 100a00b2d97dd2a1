"""LeNet-5: the convolutional network that read cheques.

Paper: LeCun, Bottou, Bengio & Haffner, 1998, "Gradient-Based Learning Applied to Document Recognition", section II-B
and fig. 2 (https://doi.org/10.1109/5.726791).

The version here is the one that textbooks print, 61,706 parameters. It differs from the paper's, which has 60,000:

- The averages S2 and S4 have no trainable coefficient and bias, and no squashing of their own;
  ``subsampling="trainable"`` brings all three.
- C3 reads all maps of S2, not those that table I chooses.
- The output is a linear layer that gives logits for the cross-entropy, not distances to drawn characters; the
  activation is a plain ``tanh``.

The digits of 28x28 pixels lie in the paper's field of 32x32: that is ``border=2``. C5 is a convolution over the whole
map in the paper; here it is a dense layer, which is the same, behind an average over a grid of 5x5 windows, so that
pictures of other sizes go in; for 28 pixels it changes nothing. There are no public checkpoints.
"""

import dataclasses
from typing import Any, Literal

from keras.layers import Activation, AveragePooling2D, Dense, Flatten, ZeroPadding2D

from kerasarch.errors import UsageError
from kerasarch.layers import AdaptiveAveragePooling2D, Conv2D, TrainableSubsampling
from kerasarch.models.family import choose, classifier, pretrained, require_size
from kerasarch.models.network import Network
from kerasarch.models.preprocessing import Preprocessing

# Mean and deviation of MNIST's training pictures
MNIST = Preprocessing(size=(28, 28), mean=(0.1307,), std=(0.3081,))


@dataclasses.dataclass(frozen=True)
class LeNetConfig:
    """Sizes and details of a LeNet.

    Attributes:
        widths: Output channels of the two convolutions, C1 and C3.
        hidden: Units of the hidden layers, C5 and F6.
        kernel: Height and width of the kernels in pixels.
        border: Pixels of zeros around the picture; 0 for pictures of 32x32.
        grid: Height and width of the grid of averages that the hidden layers see.
        subsampling: ``"average"`` of 2x2 pixels, or ``"trainable"``: the paper's, with a coefficient and a bias a map
            and an activation.
        activation: After each convolution and hidden layer.
    """

    widths: tuple[int, ...] = (6, 16)
    hidden: tuple[int, ...] = (120, 84)
    kernel: int = 5
    border: int = 2
    grid: int = 5
    subsampling: Literal["average", "trainable"] = "average"
    activation: str = "tanh"

    def __post_init__(self) -> None:
        for name in ("widths", "hidden"):
            object.__setattr__(self, name, tuple(int(value) for value in getattr(self, name)))
        if self.subsampling not in ("average", "trainable") or self.border < 0:
            raise UsageError(
                f"subsampling must be 'average' or 'trainable' and border 0 or more. Received "
                f"subsampling={self.subsampling!r}, border={self.border}."
            )
        if not self.widths or min(*self.widths, *self.hidden, self.kernel, self.grid) < 1:
            raise UsageError(
                f"widths, hidden, kernel and grid must be positive. Received widths={self.widths}, "
                f"hidden={self.hidden}, kernel={self.kernel}, grid={self.grid}."
            )

    @property
    def least(self) -> int:
        """Pixels of which the last average leaves one."""
        size = 1
        for _ in self.widths:
            size = 2 * size + self.kernel - 1
        return max(1, size - 2 * self.border)


VARIANTS: dict[str, LeNetConfig] = {
    # LeCun et al., 1998, fig. 2
    "lenet5": LeNetConfig(),
}


def lenet(
    variant: str | LeNetConfig = "lenet5",
    *,
    classes: int | None = 10,
    input_shape: tuple[int | None, ...] = (28, 28, 1),
    weights: str | None = None,
    preprocessing: Preprocessing | None = None,
    name: str | None = None,
    **overrides: Any,
) -> Network:
    """Build a LeNet-5.

    ```python
    model = kerasarch.models.lenet("lenet5", classes=10, input_shape=(28, 28, 1))
    ```

    Args:
        variant: A name in ``VARIANTS``, or a config.
        classes: Outputs of the head, which gives logits; None or 0 leaves what enters the head.
        input_shape: Height, width, channels, in this order also under ``channels_first``; height and width may be None.
        weights: None for random ones, or a file of such a model that was saved before.
        preprocessing: How pictures are prepared, recorded in the model. None is ``MNIST``: its mean and deviation.
        name: Name of the model; the variant's by default.
        **overrides: Fields of [`LeNetConfig`][kerasarch.models.lenet.LeNetConfig] to replace.

    Returns:
        A functional model with the groups ``stem`` (C1, S2), ``stage1`` (C3, S4), ``top`` (C5, F6), ``head``.

    Raises:
        UsageError: No such variant or field.
        ShapeError: The input shape is not usable.
        WeightsError: The weights do not fit.
    """
    config = choose(VARIANTS, variant, overrides)
    name = name or (variant if isinstance(variant, str) else "lenet")
    arguments: dict[str, Any] = {"classes": classes, "input_shape": input_shape, "name": name}
    if weights is not None:
        return pretrained("lenet", weights, config, preprocessing=preprocessing, fixed=tuple(overrides), **arguments)
    require_size(name, input_shape, config.least)
    return classifier("lenet", config, _body, preprocessing=preprocessing or MNIST, **arguments)


def _body(config: LeNetConfig, x: Any) -> Any:
    """Convolutions, averages and hidden layers: ``(B, H, W, C) -> (B, hidden)``."""
    if config.border:
        x = ZeroPadding2D(config.border, name="stem_pad")(x)
    for index, width in enumerate(config.widths):
        group = f"stage{index}" if index else "stem"
        x = Conv2D(width, config.kernel, name=f"{group}_conv")(x)
        x = Activation(config.activation, name=f"{group}_activation")(x)
        if config.subsampling == "trainable":
            x = TrainableSubsampling(2, activation=config.activation, name=f"{group}_pool")(x)
        else:
            x = AveragePooling2D(2, name=f"{group}_pool")(x)
    x = AdaptiveAveragePooling2D(config.grid, name="top_pool")(x)
    x = Flatten(name="top_flatten")(x)  # (B, grid * grid * width), channels last under either data format
    for index, units in enumerate(config.hidden, start=1):
        x = Dense(units, config.activation, name=f"top_fc{index}")(x)
    return x
