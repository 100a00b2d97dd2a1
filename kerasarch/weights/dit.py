"""Names and fields of diffusers' DiTTransformer2DModel."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from kerasarch.errors import WeightsError
from kerasarch.models import DiT, DiTConfig
from kerasarch.weights import unet_names
from kerasarch.weights.checkpoint import TORCH_NAMES

MODEL = DiT
CLASS_NAME = "DiTTransformer2DModel"
# What the class was called before diffusers 0.28, as in the public DiT folders
FORMER_NAME = "Transformer2DModel"
_ACTIVATIONS = ("gelu", "gelu-approximate", "geglu", "geglu-approximate", "swiglu", "linear-silu")
_FIELDS: unet_names.Fields = {
    "in_channels": ("channels", None),
    "out_channels": ("output_channels", None),
    "sample_size": ("sample_size", None),
    "patch_size": ("patch", None),
    "num_attention_heads": ("heads", None),
    "attention_head_dim": ("head_width", None),
    "num_layers": ("depth", None),
    "num_embeds_ada_norm": ("classes", None),
    "activation_fn": ("activation", {name: name for name in _ACTIVATIONS}),
    "attention_bias": ("bias", None),
    "dropout": ("dropout", None),
    "norm_elementwise_affine": ("affine", None),
    "norm_eps": ("epsilon", None),
}
_ONLY: dict[str, tuple[Any, ...]] = {
    "norm_type": ("ada_norm_zero",),
    "cross_attention_dim": (None,),
    "num_vector_embeds": (None,),
    "only_cross_attention": (False,),
    "double_self_attention": (False,),
    "use_linear_projection": (False,),
}
# Fields without an effect here: the softmax is always in float32; there is no group normalisation in a DiT
_IGNORED = ("upcast_attention", "norm_num_groups")
_LAYERS = {
    "patches": "pos_embed.proj",
    "modulation_out": "proj_out_1",
    "project_out": "proj_out_2",
}
_BLOCK_LAYERS = {
    "modulation": "norm1.linear",
    "attention/query": "attn1.to_q",
    "attention/key": "attn1.to_k",
    "attention/value": "attn1.to_v",
    "attention/out": "attn1.to_out.0",
    "norm3": "norm3",
    "feed_forward/project_in": "ff.net.0.proj",
    "feed_forward/project_out": "ff.net.2",
    "condition/time/linear1": "norm1.emb.timestep_embedder.linear_1",
    "condition/time/linear2": "norm1.emb.timestep_embedder.linear_2",
    "condition/labels": "norm1.emb.class_embedder.embedding_table",
}
_BLOCK = re.compile(r"block(\d+)/(.*)")
_COPY = re.compile(r"transformer_blocks\.(\d+)\.(norm1\.emb\..*)")


def read_config(given: Mapping[str, Any], origin: str) -> DiTConfig:
    """Return the config that the fields of config.json describe.

    Raises:
        WeightsError: A field is unknown, or has a value that is not built here.
    """
    given = {name: value for name, value in given.items() if name not in _IGNORED}
    return DiTConfig(**unet_names.read_fields(given, origin, _FIELDS, _ONLY))


def write_config(config: DiTConfig) -> dict[str, Any]:
    """Return the fields of config.json."""
    return {**unet_names.write_fields(config, _FIELDS), "norm_type": "ada_norm_zero"}


def tensor_name(path: str) -> str:
    """Return the name of the tensor that belongs to a variable, given by its path within the model."""
    layer, variable = path.rsplit("/", 1)
    ending = "weight" if variable == "embeddings" else TORCH_NAMES[variable]
    if layer in _LAYERS:
        return f"{_LAYERS[layer]}.{ending}"
    found = _BLOCK.fullmatch(layer)
    # An embedding that all blocks share is the first one's; the others' are copies of it.
    index, inner = (found[1], found[2]) if found else (0, layer)
    return f"transformer_blocks.{index}.{_BLOCK_LAYERS[inner]}.{ending}"


def select(config: DiTConfig, tensors: Mapping[str, np.ndarray], origin: str) -> dict[str, np.ndarray]:
    """Return the tensors that a model of this config takes: where embeddings are shared, those of the first block.

    Raises:
        WeightsError: They are to be shared and differ from block to block.
    """
    if not config.shared:
        return dict(tensors)
    kept = {}
    for name, tensor in tensors.items():
        found = _COPY.fullmatch(name)
        if not found or found[1] == "0":
            kept[name] = tensor
        elif not np.array_equal(tensor, tensors.get(f"transformer_blocks.0.{found[2]}", np.empty(0))):
            raise WeightsError(f"{origin}: {name} is not that of the first block. Build the model with shared=False.")
    return kept


def complete(config: DiTConfig, tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the tensors that a file holds: where embeddings are shared, a copy for each block."""
    full = dict(tensors)
    for name, tensor in tensors.items():
        found = _COPY.fullmatch(name)
        if found and config.shared:
            full.update({f"transformer_blocks.{index}.{found[2]}": tensor for index in range(config.depth)})
    return full
