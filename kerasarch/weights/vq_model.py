"""Names and fields of diffusers' VQModel."""

from collections.abc import Mapping
from typing import Any

from kerasarch.errors import WeightsError
from kerasarch.models import VQModel, VQModelConfig
from kerasarch.weights import autoencoder_kl
from kerasarch.weights.autoencoder_kl import IGNORED_FIELDS, read_fields, write_fields

MODEL = VQModel
CLASS_NAME = "VQModel"
_FIELDS = {
    "in_channels": "channels",
    "out_channels": "output_channels",
    "block_out_channels": "widths",
    "layers_per_block": "depth",
    "mid_block_add_attention": "middle_attention",
    "act_fn": "activation",
    "latent_channels": "latent",
    "norm_num_groups": "groups",
    "num_vq_embeddings": "codes",
    "vq_embed_dim": "code_width",
    "lookup_from_codebook": "lookup",
    "sample_size": "sample_size",
    "scaling_factor": "scaling_factor",
}
_NORMS = {"group": False, "spatial": True}


def read_config(given: Mapping[str, Any], origin: str) -> VQModelConfig:
    """Return the config that the fields of config.json describe.

    Raises:
        WeightsError: A field is unknown, or has a value that is not built here.
    """
    kind = given.get("norm_type", "group")
    if kind not in _NORMS:
        raise WeightsError(f"{origin}: norm_type {kind!r} is not built here. Known are {', '.join(_NORMS)}.")
    rest = {name: value for name, value in given.items() if name != "norm_type"}
    return VQModelConfig(**read_fields(rest, origin, _FIELDS, IGNORED_FIELDS), spatial=_NORMS[kind])


def write_config(config: VQModelConfig) -> dict[str, Any]:
    """Return the fields of config.json."""
    return {**write_fields(config, _FIELDS), "norm_type": "spatial" if config.spatial else "group"}


def tensor_name(path: str) -> str:
    """Return the name of the tensor that belongs to a variable, given by its path within the model."""
    return "quantize.embedding.weight" if path == "quantizer/codebook" else autoencoder_kl.tensor_name(path)
