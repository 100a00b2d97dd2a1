"""Which patches of a picture a vision transformer's head sees: through all blocks, and in the last block's heads."""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from kerasarch.errors import UsageError
from kerasarch.inspection.cut import inputs_of
from kerasarch.inspection.rollout import attention_rollout
from kerasarch.layers import PatchTokens, TokenPooling
from kerasarch.models import attention_maps, trace


@dataclasses.dataclass(frozen=True)
class PatchAttention:
    """How much of each patch is in the tokens that a head sees.

    Attributes:
        rolled: Through all blocks, by attention rollout: float32 ``(B, rows, columns)``.
        heads: In the last block alone, one map a head: float32 ``(B, heads, rows, columns)``.
        block: Name of the last block.
    """

    rolled: np.ndarray
    heads: np.ndarray
    block: str


def patch_attention(model: keras.Model, images: Any) -> PatchAttention:
    """Return how much of each patch of pictures is in the tokens that a vision transformer's head sees.

    These are the class token; or all tokens behind it, where the head sees their mean; or several, of which the mean is
    taken, as DeiT's two heads see a token each. What such a token takes of the tokens in front of the patches is left
    out, so that the shares of the patches sum to less than 1.

    Args:
        model: A functional model with blocks that have ``attention_weights``, a ``PatchTokens`` below them and a
            ``TokenPooling`` above, such as ViT and DeiT.
        images: Pictures as the model takes them.

    Returns:
        Maps with a place a patch of these pictures, also where positions were learned for another number of patches.

    Raises:
        UsageError: The model is no such one.
    """
    maps = attention_maps(model)
    stems = [(layer, tensor) for layer, tensor in trace(model) if isinstance(layer, PatchTokens)]
    seen = [_rows(layer) for layer, _ in trace(model) if isinstance(layer, TokenPooling)]
    if len(stems) != 1 or not seen:
        raise UsageError(
            f"{model.name}: expected a vision transformer with one PatchTokens and a TokenPooling, which say where the "
            f"patches are and what the head sees. Received {len(stems)} and {len(seen)} of them."
        )
    images = keras.ops.convert_to_numpy(images)
    stem, tokens = stems[0]
    rows, columns = _grid(model, stem, tokens, images.shape)
    blocks = [keras.ops.convert_to_numpy(found) for found in maps.predict(images, verbose=0)]

    def patches(weights: np.ndarray) -> np.ndarray:  # (..., T, T)
        shares = np.mean([take(weights) for take in seen], axis=0)[..., stem.prefix :]  # (..., rows * columns)
        return shares.reshape(*shares.shape[:-1], rows, columns).astype("float32")

    last = [layer.name for layer, _ in trace(model) if hasattr(layer, "attention_weights")][-1]
    return PatchAttention(patches(attention_rollout(blocks)), patches(blocks[-1]), last)


def _rows(pooling: TokenPooling) -> Callable[[np.ndarray], np.ndarray]:
    """Take of weights ``(..., T, T)`` what the pooled token has of each token, ``(..., T)``."""
    if pooling.token is None:
        return lambda weights: weights[..., pooling.skip :, :].mean(axis=-2)
    return lambda weights: weights[..., pooling.token, :]


def _grid(model: keras.Model, stem: PatchTokens, tokens: Any, shape: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns of patches in pictures of a shape."""
    node = stem._inbound_nodes[tokens._keras_history.node_index]
    patches = keras.Model(inputs_of(model), node.input_tensors[0]).compute_output_shape(shape)
    rows, columns = patches[2:] if stem.data_format == "channels_first" else patches[1:3]
    return rows, columns
