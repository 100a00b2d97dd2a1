"""Tensors of vision transformers that are not ours but for name and order of axes: fused maps, other positions."""

import dataclasses
import math
import re
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from kerasarch.errors import WeightsError
from kerasarch.layers.patch_tokens import resize_positions
from kerasarch.models import ViTConfig
from kerasarch.models.vit import grid_of
from kerasarch.weights.checkpoint import Checkpoint


def adapt(checkpoint: Checkpoint, model: keras.Model, config: ViTConfig) -> Checkpoint:
    """Return the checkpoint with queries, keys and values apart, and with positions for the model's pictures.

    Args:
        checkpoint: The checkpoint.
        model: The model, whose grid of patches decides.
        config: The config that goes with the checkpoint.

    Raises:
        WeightsError: The positions are not those of the pictures that the checkpoint says it is for.
    """
    tensors = dict(checkpoint.tensors)
    if checkpoint.layout == "timm":
        tensors = _split_fused(tensors)
    names = {"timm": "pos_embed", "huggingface": "embeddings.position_embeddings", "kerasarch": "stem_tokens/0"}
    end = names.get(checkpoint.layout, "")
    name = next((name for name in tensors if name == end or name.endswith(f".{end}")), None)
    if name is not None:
        tokens = model.get_layer("stem_tokens")
        front = tokens.prefix if tokens.token_positions else 0
        patches = tensors[name].shape[1] - front
        given = _file_grid(checkpoint, patches, tokens.grid)
        if given[0] * given[1] != patches:
            raise WeightsError(
                f"{checkpoint.origin}: tensor {name} has positions of {patches} patches. Expected {given[0]} x "
                f"{given[1]} of them, as the config's picture and patch sizes say; correct the config."
            )
        if given != tokens.grid:
            resized = resize_positions(keras.ops.convert_to_tensor(tensors[name]), front, given, tokens.grid)
            tensors[name] = np.asarray(keras.ops.convert_to_numpy(resized))
    return dataclasses.replace(checkpoint, tensors=tensors)


def _split_fused(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    split: dict[str, np.ndarray] = {}
    for name, tensor in tensors.items():
        fused = re.fullmatch(r"(blocks\.\d+\.attn\.)qkv\.(weight|bias)", name)
        scale = re.fullmatch(r"(blocks\.\d+\.)gamma_([12])", name)  # as DeiT III's own files have it
        if fused:
            for part, value in zip(("query", "key", "value"), np.split(np.asarray(tensor), 3), strict=True):
                split[f"{fused[1]}{part}.{fused[2]}"] = value
        elif scale:
            split[f"{scale[1]}ls{scale[2]}.gamma"] = tensor
        else:
            split[name] = tensor
    return split


def _file_grid(checkpoint: Checkpoint, patches: int, wanted: tuple[int, int]) -> tuple[int, int]:
    """Return the rows and columns of the patches for which the file has positions."""
    if checkpoint.layout == "huggingface":
        size, patch = checkpoint.config.get("image_size", 224), checkpoint.config.get("patch_size", 16)
        height, width = (size, size) if isinstance(size, int) else size
        patch = patch if isinstance(patch, int) else patch[0]
        return height // patch, width // patch
    if checkpoint.layout == "kerasarch" and checkpoint.config:
        return grid_of(ViTConfig(**_known(checkpoint.config["architecture"]["config"])))
    if checkpoint.layout == "timm" and checkpoint.preprocessing is not None:
        patch = checkpoint.tensors["patch_embed.proj.weight"].shape[-1]
        height, width = (side // patch for side in checkpoint.preprocessing.size)
        if height * width == patches:
            return height, width
    if patches == wanted[0] * wanted[1]:
        return wanted
    side = math.isqrt(max(0, patches))
    if side * side != patches:
        raise WeightsError(
            f"{checkpoint.origin}: {patches} positions of patches are no square, so their rows are unknown."
        )
    return side, side


def _known(fields: Mapping[str, Any]) -> dict[str, Any]:
    names = {field.name for field in dataclasses.fields(ViTConfig)}
    return {name: value for name, value in fields.items() if name in names}
