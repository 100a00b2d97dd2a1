"""Names and fields of transformers' DebertaV2Model, which version 3 has too, and of the models with heads."""

from typing import Any

from kerasarch.errors import WeightsError
from kerasarch.models.deberta_v2 import DebertaV2, DebertaV2Config
from kerasarch.weights.checkpoint import Checkpoint
from kerasarch.weights.deberta import (
    DISENTANGLED_FIELDS,
    NAMES,
    NEUTRAL,
    UNNEEDED,
    DisentangledFolder,
    read_disentangled,
    write_disentangled,
)
from kerasarch.weights.text_encoders import BERT_PARTS


def _read(checkpoint: Checkpoint) -> dict[str, Any]:
    given, origin = checkpoint.config, checkpoint.origin
    heads = given.get("num_attention_heads", DebertaV2Config.heads)
    width = given.get("hidden_size", DebertaV2Config.width)
    if given.get("attention_head_size", width // heads) != width // heads:
        raise WeightsError(f"{origin}: attention_head_size={given['attention_head_size']} is not built here.")
    buckets = given.get("position_buckets", -1)
    norms = [part.strip() for part in given.get("norm_rel_ebd", "none").lower().split("|")]
    return {
        **read_disentangled(checkpoint),
        "buckets": buckets if buckets > 0 else None,
        "distance_norm": "layer_norm" in norms,
        "convolution": max(given.get("conv_kernel_size", 0), 0),
    }


def _write(config: DebertaV2Config) -> dict[str, Any]:
    return {
        **write_disentangled(config),
        "position_buckets": config.buckets or -1,
        "norm_rel_ebd": "layer_norm" if config.distance_norm else "none",
        "conv_kernel_size": config.convolution,
    }


DEBERTA_V2 = DisentangledFolder(
    MODEL=DebertaV2,
    config=DebertaV2Config,
    kinds={"deberta-v2": "DebertaV2"},
    fields={
        **DISENTANGLED_FIELDS,
        "share_att_key": "shared",
        "conv_groups": "convolution_groups",
        "conv_act": "convolution_activation",
    },
    prefix="deberta.",
    inner=("embeddings.", "encoder."),
    names={
        **NAMES,
        "distance_norm": "encoder.LayerNorm",
        "convolution/convolution": "encoder.conv.conv",
        "convolution/norm": "encoder.conv.LayerNorm",
    },
    parts={
        **BERT_PARTS,
        "attention/query": "attention.self.query_proj",
        "attention/key": "attention.self.key_proj",
        "attention/value": "attention.self.value_proj",
        "attention/distance_key": "attention.self.pos_key_proj",
        "attention/distance_query": "attention.self.pos_query_proj",
    },
    decoder="cls.predictions.decoder",
    bias="cls.predictions.bias",
    more_fields=_read,
    write_more=_write,
    unneeded=UNNEEDED,
    neutral=NEUTRAL,
)
