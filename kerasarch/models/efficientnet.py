"""EfficientNet: one small network, scaled in width, depth and picture size at once.

Paper: Tan and Le, 2019 (https://arxiv.org/abs/1905.11946), table 1; the scaled networks are those of the authors' code
(https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet). The padding is TensorFlow's and epsilon is
1e-3, as there; ``padding="symmetric", epsilon=1e-5`` is PyTorch's version. Weights: see ``kerasarch.weights``.
"""

import dataclasses
import math
from typing import Any

from kerasarch.errors import ShapeError, UsageError
from kerasarch.layers import ConvNorm, MBConv
from kerasarch.models.family import choose, classifier, pretrained
from kerasarch.models.mobilenet_v2 import divisible
from kerasarch.models.network import Network
from kerasarch.models.preprocessing import IMAGENET, Preprocessing

# Tan and Le, 2019, table 1: expansion, channels, blocks, stride of the first block, kernel
STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)


@dataclasses.dataclass(frozen=True)
class EfficientNetConfig:
    """Sizes and details of an EfficientNet.

    Attributes:
        stages: Expansion, channels, blocks, stride of the first block, kernel size.
        stem_width: Channels of the first convolution.
        top_width: Channels of the last convolution.
        resolution: Height and width in pixels for which the network is made.
        squeeze: Channels of squeeze-and-excitation, as a share of a block's input channels.
        dropout: Rate before the head.
        stochastic_depth: Rate at which training leaves out a block's branch, times the block's number, from 0, over the
            number of blocks.
        activation: After every convolution but the projections.
        padding: ``"same"``, ``"symmetric"``, or ``"even"``: for pictures whose size halves to even numbers.
        symmetric_blocks: Numbers of the blocks, from 0, that pad symmetrically under ``"even"``.
        momentum: Share of the old value in the moving statistics.
        epsilon: Added to the variance.
    """

    stages: tuple[tuple[int, int, int, int, int], ...] = STAGES
    stem_width: int = 32
    top_width: int = 1280
    resolution: int = 224
    squeeze: float = 0.25
    dropout: float = 0.2
    stochastic_depth: float = 0.2
    activation: str = "silu"
    padding: str = "same"
    symmetric_blocks: tuple[int, ...] = ()
    momentum: float = 0.99
    epsilon: float = 1e-3

    def __post_init__(self) -> None:
        object.__setattr__(self, "stages", tuple(tuple(int(value) for value in row) for row in self.stages))
        object.__setattr__(self, "symmetric_blocks", tuple(int(number) for number in self.symmetric_blocks))
        if not self.stages or any(len(row) != 5 or min(row) < 1 for row in self.stages):
            raise UsageError(
                "stages must have expansion, channels, blocks, stride and kernel, all positive, in every row. "
                f"Received stages={self.stages}."
            )

    @classmethod
    def scaled(cls, width: float, depth: float, **fields: Any) -> "EfficientNetConfig":
        """Return table 1's network with more channels and blocks.

        Channels are rounded to a multiple of 8, blocks upwards.

        Args:
            width: Factor of the channels.
            depth: Factor of the blocks.
            **fields: The other fields.
        """
        stages = tuple(
            (expansion, divisible(channels * width), math.ceil(blocks * depth), stride, kernel)
            for expansion, channels, blocks, stride, kernel in STAGES
        )
        ends = {"stem_width": divisible(32 * width), "top_width": divisible(1280 * width)}
        return cls(**{"stages": stages, **ends, **fields})

    def blocks(self) -> list[tuple[int, int, dict[str, Any]]]:
        """Return stage and place in it, from 1, of every block, with its sizes as arguments of ``MBConv``."""
        total = sum(row[2] for row in self.stages)
        listed: list[tuple[int, int, dict[str, Any]]] = []
        for stage, (expansion, channels, blocks, first, kernel) in enumerate(self.stages, start=1):
            for place in range(1, blocks + 1):
                number = len(listed)
                sizes = {
                    "filters": channels,
                    "expansion": expansion,
                    "kernel": kernel,
                    "stride": first if place == 1 else 1,
                    "padding": "symmetric" if number in self.symmetric_blocks else self.padding,
                    "stochastic_depth": self.stochastic_depth * number / total,
                }
                listed.append((stage, place, sizes))
        return listed


# Width, depth, resolution, dropout: ``efficientnet_params`` in efficientnet_builder.py of the authors' code
VARIANTS: dict[str, EfficientNetConfig] = {
    "efficientnet_b0": EfficientNetConfig.scaled(1.0, 1.0, resolution=224, dropout=0.2),
    "efficientnet_b1": EfficientNetConfig.scaled(1.0, 1.1, resolution=240, dropout=0.2),
    "efficientnet_b2": EfficientNetConfig.scaled(1.1, 1.2, resolution=260, dropout=0.3),
    "efficientnet_b3": EfficientNetConfig.scaled(1.2, 1.4, resolution=300, dropout=0.3),
    "efficientnet_b4": EfficientNetConfig.scaled(1.4, 1.8, resolution=380, dropout=0.4),
    "efficientnet_b5": EfficientNetConfig.scaled(1.6, 2.2, resolution=456, dropout=0.4),
    "efficientnet_b6": EfficientNetConfig.scaled(1.8, 2.6, resolution=528, dropout=0.5),
    "efficientnet_b7": EfficientNetConfig.scaled(2.0, 3.1, resolution=600, dropout=0.5),
}


def efficientnet(
    variant: str | EfficientNetConfig = "efficientnet_b0",
    *,
    classes: int | None = 1000,
    input_shape: tuple[int | None, ...] | None = None,
    weights: str | None = None,
    preprocessing: Preprocessing | None = None,
    name: str | None = None,
    **overrides: Any,
) -> Network:
    """Build an EfficientNet.

    ```python
    model = kerasarch.models.efficientnet("efficientnet_b0", classes=10, weights="imagenet")
    ```

    Args:
        variant: A name in ``VARIANTS``, or a config.
        classes: Outputs of the head, which gives logits; None or 0 leaves the pooled features.
        input_shape: Height, width, channels, in this order also under ``channels_first``; height and width may be None.
            None takes three channels at the variant's resolution.
        weights: None for random ones, ``"imagenet"``, or any source of ``kerasarch.from_pretrained``. The source's
            details (``DETAILS`` of ``kerasarch.weights.efficientnet``) win over the variant's, but must agree with
            what is in ``overrides``; a head of another number of classes stays fresh.
        preprocessing: How pictures are prepared, recorded in the model. None takes what the weights expect, or
            ``IMAGENET``.
        name: Name of the model; the variant's by default.
        **overrides: Fields of [`EfficientNetConfig`][kerasarch.models.efficientnet.EfficientNetConfig] to replace.

    Returns:
        A functional model with the groups ``stem``, ``stage1`` ... ``stage7``, ``top``, ``head``.

    Raises:
        UsageError: No such variant or field.
        ShapeError: The input shape is not usable.
        WeightsError: The weights do not fit.
    """
    config = choose(VARIANTS, variant, overrides)
    name = name or (variant if isinstance(variant, str) else "efficientnet")
    if input_shape is None:
        input_shape = (config.resolution, config.resolution, 3)
    arguments: dict[str, Any] = {"classes": classes, "input_shape": input_shape, "name": name}
    if weights is not None:
        return pretrained(
            "efficientnet", weights, config, preprocessing=preprocessing, fixed=tuple(overrides), **arguments
        )
    for size in tuple(input_shape)[:2]:
        if size is not None:
            _sizes(config, size, name)
    return classifier(
        "efficientnet", config, _body, preprocessing=preprocessing or IMAGENET, dropout=config.dropout, **arguments
    )


def _sizes(config: EfficientNetConfig, size: int, name: str) -> list[int]:
    """Return the height (or width) that enters the stem and each block, and the last map's.

    Raises:
        ShapeError: Nothing is left of it, which only ``"even"`` padding does.
    """
    sizes = [size]
    for stride, padding in [(2, config.padding), *((row["stride"], row["padding"]) for _, _, row in config.blocks())]:
        sizes.append(sizes[-1] // stride if padding == "even" else -(-sizes[-1] // stride))
        if sizes[-1] < 1:
            raise ShapeError(
                f"{name}: nothing is left of {size} pixels in height or width with padding='even'. "
                "Use larger pictures or padding='same'."
            )
    return sizes


def odd_blocks(config: EfficientNetConfig) -> tuple[int, ...]:
    """Return the numbers of the striding blocks that receive maps of an odd size at the config's resolution.

    There TensorFlow's rule pads symmetrically, elsewhere one pixel less at the top and the left.
    """
    sizes = _sizes(config, config.resolution, "efficientnet")[1:]
    blocks = [row for _, _, row in config.blocks()]
    return tuple(number for number, row in enumerate(blocks) if row["stride"] == 2 and sizes[number] % 2)


def _body(config: EfficientNetConfig, x: Any) -> Any:
    """Convolutions: ``(B, H, W, C) -> (B, H / 32, W / 32, top)``."""
    common: dict[str, Any] = {
        "activation": config.activation,
        "momentum": config.momentum,
        "epsilon": config.epsilon,
    }
    x = ConvNorm(config.stem_width, 3, stride=2, padding=config.padding, name="stem_conv", **common)(x)
    for stage, place, sizes in config.blocks():
        x = MBConv(squeeze=config.squeeze, name=f"stage{stage}_block{place}", **sizes, **common)(x)
    return ConvNorm(config.top_width, 1, name="top_conv", **common)(x)
