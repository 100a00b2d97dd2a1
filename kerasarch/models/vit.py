"""ViT, the vision transformer: a picture as a sequence of patches.

Paper: Dosovitskiy et al., 2020, "An Image is Worth 16x16 Words" (https://arxiv.org/abs/2010.11929), base, large and
huge; tiny and small are those of Steiner et al., 2021 (https://arxiv.org/abs/2106.10270), table 2. Weights: see
``kerasarch.weights``.

Where we differ: the layer with tanh between the class token and the head, which the paper has in pre-training alone, is
there only in models without a head, as the pooler of Hugging Face's.
"""

import dataclasses
from typing import Any, Literal

import keras

from kerasarch.errors import UsageError
from kerasarch.layers import Conv2D, PatchTokens, TokenPooling, TransformerEncoderBlock
from kerasarch.models.family import choose, classifier, pretrained, require_size
from kerasarch.models.network import Network
from kerasarch.models.preprocessing import INCEPTION, Preprocessing


@dataclasses.dataclass(frozen=True)
class ViTConfig:
    """Sizes and details of a vision transformer.

    Attributes:
        patch: Side of a patch in pixels.
        width: Channels of a token.
        depth: Blocks.
        heads: Heads of the attention.
        expansion: Hidden units of a feed-forward network, as a multiple of the width.
        image_size: Height and width in pixels of the pictures for whose patches positions are learned; the builder sets
            it to the input's, where that is known. Pictures of another size get interpolated positions.
        class_token: Whether there is a class token in front of the patches.
        pooling: What the head sees: ``"token"``, the class token, or ``"mean"``, the mean of the patches.
        pooled_norm: The last normalisation is behind the pooling, not before it.
        token_positions: The tokens in front have positions too.
        bias: Queries, keys and values have biases.
        layer_scale: Initial value of learned factors at the end of each residual branch; None for none.
        pooler: Width of a linear map with tanh behind the pooling, in a model without a head; 0 for none.
        activation: Of the feed-forward networks, a name that ``FeedForward`` knows.
        epsilon: Added to the variance.
        dropout: Rate behind the positions and every linear map but those to queries, keys and values.
        stochastic_depth: Share of the examples that the last block's branches leave out in training; it grows linearly
            from 0 at the first block.
    """

    patch: int = 16
    width: int = 768
    depth: int = 12
    heads: int = 12
    expansion: float = 4.0
    image_size: tuple[int, int] = (224, 224)
    class_token: bool = True
    pooling: Literal["token", "mean"] = "token"
    pooled_norm: bool = False
    token_positions: bool = True
    bias: bool = True
    layer_scale: float | None = None
    pooler: int = 0
    activation: str = "gelu"
    epsilon: float = 1e-6
    dropout: float = 0.0
    stochastic_depth: float = 0.0

    def __post_init__(self) -> None:
        size = (self.image_size, self.image_size) if isinstance(self.image_size, int) else self.image_size
        object.__setattr__(self, "image_size", tuple(int(side) for side in size))
        if min(self.patch, self.width, self.depth, self.heads) < 1 or self.width % self.heads:
            raise UsageError(
                f"patch, width, depth and heads must be positive and the width a multiple of heads. Received "
                f"patch={self.patch}, width={self.width}, depth={self.depth}, heads={self.heads}."
            )
        if self.pooling not in ("token", "mean") or (self.pooling == "token" and not self.class_token):
            raise UsageError(
                f"pooling must be 'token', which needs a class token, or 'mean'. "
                f"Received pooling={self.pooling!r}, class_token={self.class_token}."
            )


# Steiner et al., 2021, table 2
_TINY: dict[str, Any] = {"width": 192, "depth": 12, "heads": 3}
_SMALL: dict[str, Any] = {"width": 384, "depth": 12, "heads": 6}
# Dosovitskiy et al., 2020, table 1
_BASE: dict[str, Any] = {"width": 768, "depth": 12, "heads": 12}
_LARGE: dict[str, Any] = {"width": 1024, "depth": 24, "heads": 16}
_HUGE: dict[str, Any] = {"width": 1280, "depth": 32, "heads": 16}

VARIANTS: dict[str, ViTConfig] = {
    "vit_tiny_patch8": ViTConfig(**_TINY, patch=8),
    "vit_tiny_patch14": ViTConfig(**_TINY, patch=14),
    "vit_tiny_patch16": ViTConfig(**_TINY, patch=16),
    "vit_tiny_patch32": ViTConfig(**_TINY, patch=32),
    "vit_small_patch8": ViTConfig(**_SMALL, patch=8),
    "vit_small_patch14": ViTConfig(**_SMALL, patch=14),
    "vit_small_patch16": ViTConfig(**_SMALL, patch=16),
    "vit_small_patch32": ViTConfig(**_SMALL, patch=32),
    "vit_base_patch8": ViTConfig(**_BASE, patch=8),
    "vit_base_patch14": ViTConfig(**_BASE, patch=14),
    "vit_base_patch16": ViTConfig(**_BASE, patch=16),
    "vit_base_patch32": ViTConfig(**_BASE, patch=32),
    "vit_large_patch8": ViTConfig(**_LARGE, patch=8),
    "vit_large_patch14": ViTConfig(**_LARGE, patch=14),
    "vit_large_patch16": ViTConfig(**_LARGE, patch=16),
    "vit_large_patch32": ViTConfig(**_LARGE, patch=32),
    "vit_huge_patch8": ViTConfig(**_HUGE, patch=8),
    "vit_huge_patch14": ViTConfig(**_HUGE, patch=14),
    "vit_huge_patch16": ViTConfig(**_HUGE, patch=16),
    "vit_huge_patch32": ViTConfig(**_HUGE, patch=32),
    # For pictures of 32 pixels, which patches of 4 make 64 tokens
    "vit_tiny_patch4": ViTConfig(**_TINY, patch=4, image_size=(32, 32)),
    "vit_small_patch4": ViTConfig(**_SMALL, patch=4, image_size=(32, 32)),
}


def vit(
    variant: str | ViTConfig = "vit_base_patch16",
    *,
    classes: int | None = 1000,
    input_shape: tuple[int | None, ...] | None = None,
    weights: str | None = None,
    preprocessing: Preprocessing | None = None,
    name: str | None = None,
    **overrides: Any,
) -> Network:
    """Build a ViT.

    ```python
    model = kerasarch.models.vit("vit_base_patch16", classes=10, weights="hf:google/vit-base-patch16-224-in21k")
    large = kerasarch.models.vit("vit_base_patch16", input_shape=(384, 384, 3), weights="./vit-of-224-pixels")
    ```

    Args:
        variant: A name in ``VARIANTS``, or a config.
        classes: Outputs of the head, which gives logits; None or 0 leaves the pooled features.
        input_shape: Height, width, channels, in this order also under ``channels_first``; height and width may be
            None. None takes the config's ``image_size`` and three channels. What is left of a picture behind its last
            whole patch is not seen.
        weights: None for random ones, or any source of ``kerasarch.from_pretrained``. The source's details
            (``DETAILS`` of ``kerasarch.weights.vit``) win over the variant's, but must agree with what is in
            ``overrides``; positions are interpolated where the size differs; a head of another number of classes stays
            fresh.
        preprocessing: How pictures are prepared, recorded in the model. None takes what the weights expect, or
            ``INCEPTION``.
        name: Name of the model; the variant's by default.
        **overrides: Fields of [`ViTConfig`][kerasarch.models.vit.ViTConfig] to replace.

    Returns:
        A functional model with the groups ``stem``, ``stage1`` (the first block) ... ``stage12``, ``top``, ``head``.

    Raises:
        UsageError: No such variant or field.
        ShapeError: The input shape is not usable.
        WeightsError: The weights do not fit.
    """
    config = choose(VARIANTS, variant, overrides)
    name = name or (variant if isinstance(variant, str) else "vit")
    config, shape = fit_to_input(config, input_shape, name)
    arguments: dict[str, Any] = {"classes": classes, "input_shape": shape, "name": name}
    if weights is not None:
        return pretrained("vit", weights, config, preprocessing=preprocessing, fixed=tuple(overrides), **arguments)

    def body(config: ViTConfig, x: Any) -> Any:
        return pool(config, encode(config, x), with_pooler=not classes)

    preprocessing = preprocessing or INCEPTION
    return classifier("vit", config, body, preprocessing=preprocessing, dropout=config.dropout, **arguments)


def fit_to_input(config: Any, input_shape: tuple[int | None, ...] | None, name: str) -> tuple[Any, tuple]:
    """Return the config for this input, and the input's shape.

    Args:
        config: A ``ViTConfig``.
        input_shape: Height, width, channels, or None for what the config says.
        name: Name of the model, for messages.

    Raises:
        ShapeError: A picture has not one whole patch.
    """
    shape = (*config.image_size, 3) if input_shape is None else tuple(input_shape)
    require_size(name, shape, config.patch)
    if len(shape) == 3 and shape[0] and shape[1]:
        config = dataclasses.replace(config, image_size=shape[:2])
    return config, shape


def grid_of(config: ViTConfig) -> tuple[int, int]:
    """Return the rows and columns of patches for which there are positions."""
    return config.image_size[0] // config.patch, config.image_size[1] // config.patch


def encode(config: ViTConfig, x: Any, *, distillation_token: bool = False) -> Any:
    """Stem and blocks: ``(B, H, W, C) -> (B, prefix + H // patch * (W // patch), width)``.

    Args:
        config: Sizes and details.
        x: Pictures.
        distillation_token: Whether there is one behind the class token.
    """
    x = Conv2D(config.width, config.patch, strides=config.patch, name="stem_patches")(x)  # (B, rows, columns, D)
    x = PatchTokens(
        grid_of(config),
        class_token=config.class_token,
        distillation_token=distillation_token,
        token_positions=config.token_positions,
        name="stem_tokens",
    )(x)  # (B, T, D)
    if config.dropout:
        x = keras.layers.Dropout(config.dropout, name="stem_dropout")(x)
    for index in range(config.depth):
        x = TransformerEncoderBlock(
            config.heads,
            hidden=round(config.width * config.expansion),
            activation=config.activation,
            bias=config.bias,
            dropout=config.dropout,
            layer_scale=config.layer_scale,
            stochastic_depth=config.stochastic_depth * index / max(1, config.depth - 1),
            epsilon=config.epsilon,
            name=f"stage{index + 1}_block",
        )(x)
    return x if config.pooled_norm else keras.layers.LayerNormalization(epsilon=config.epsilon, name="top_norm")(x)


def pool(config: ViTConfig, x: Any, *, with_pooler: bool) -> Any:
    """From tokens to what the head sees: ``(B, T, D) -> (B, D)``.

    Args:
        config: Sizes and details.
        x: Tokens.
        with_pooler: Whether the config's pooler is wanted.
    """
    token = 0 if config.pooling == "token" else None
    x = TokenPooling(token, skip=int(config.class_token), name="head_pool")(x)
    if config.pooled_norm:
        x = keras.layers.LayerNormalization(epsilon=config.epsilon, name="head_norm")(x)
    if config.pooler and with_pooler:
        x = keras.layers.Dense(config.pooler, activation="tanh", name="head_pooler")(x)
    return x
