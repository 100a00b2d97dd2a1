"""Names and fields of transformers' BloomForCausalLM and BloomModel."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from kerasarch.models.bloom import Bloom, BloomConfig
from kerasarch.weights.checkpoint import Checkpoint
from kerasarch.weights.decoder_names import PREFIX, DecoderNames, FusedMap, file_names, modern_name, read_fields
from kerasarch.weights.gpt2 import TIED, has_head, is_double

__all__ = ["IGNORED", "MODEL", "MODEL_TYPES", "comparable", "complete", "modern_name", "read_config", "select"]
__all__ += ["tensor_name", "write_config"]

MODEL = Bloom
MODEL_TYPES = ("bloom",)
IGNORED = r"(?!)"
_FIELDS = {
    "vocab_size": "vocabulary",
    "seq_length": "positions",
    "hidden_size": "width",
    "n_layer": "depth",
    "n_head": "heads",
    "layer_norm_epsilon": "epsilon",
    "apply_residual_connection_post_layernorm": "normalized_shortcut",
    "tie_word_embeddings": "tied",
    "bos_token_id": "start",
    "eos_token_id": "end",
    "output_hidden_states": "hidden_states",
}
# Other names of the same, which public folders have
_ALIASES = {"num_hidden_layers": "depth", "num_attention_heads": "heads", "n_embed": "width"}
_NAMES = DecoderNames(
    "h",
    {
        "norm1": "input_layernorm",
        "norm2": "post_attention_layernorm",
        "attention/query": "self_attention.query",
        "attention/key": "self_attention.key",
        "attention/value": "self_attention.value",
        "attention/out": "self_attention.dense",
        "feed_forward/project_in": "mlp.dense_h_to_4h",
        "feed_forward/project_out": "mlp.dense_4h_to_h",
    },
    {
        "token_embedding": "word_embeddings",
        "embedding_norm": "word_embeddings_layernorm",
        "final_norm": "ln_f",
    },
)
_FUSED = FusedMap("query_key_value", ("query", "key", "value"), by_head=True)
tensor_name = _NAMES.tensor_name


def read_config(checkpoint: Checkpoint) -> BloomConfig:
    """Return the config of a checkpoint."""
    found = read_fields(checkpoint, {**_FIELDS, **_ALIASES}, {})
    return BloomConfig(**found, head=has_head(checkpoint, PREFIX))


def comparable(config: BloomConfig) -> BloomConfig:
    """Return what decides the meaning of weights, without tokens and lengths that change nothing."""
    return dataclasses.replace(config, positions=0, start=None, end=None)


def write_config(config: BloomConfig) -> dict[str, Any]:
    """Return the fields of config.json."""
    values = dataclasses.asdict(config)
    return {
        "architectures": ["BloomForCausalLM" if config.head else "BloomModel"],
        "model_type": "bloom",
        **{theirs: values[ours] for theirs, ours in _FIELDS.items()},
    }


def select(config: BloomConfig, tensors: Mapping[str, np.ndarray], origin: str) -> dict[str, np.ndarray]:
    """Part the fused map of query, key and value, which stand together head by head, and leave a double head out."""
    double = TIED in tensors and is_double(config, tensors, f"{PREFIX}word_embeddings.weight", origin)
    kept = {name: tensor for name, tensor in tensors.items() if not (double and name == TIED)}
    return _FUSED.split(kept, config.heads, origin)


def complete(config: BloomConfig, tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Join what `select` parted; a model without head leaves the first part of names out."""
    return file_names(config, _FUSED.join(tensors, config.heads))
