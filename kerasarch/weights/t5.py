"""Names and fields of transformers' T5ForConditionalGeneration, MT5ForConditionalGeneration and bare models."""

import dataclasses
import re
from typing import Any

import numpy as np

from kerasarch.errors import WeightsError
from kerasarch.models.t5 import T5, T5Config
from kerasarch.weights.checkpoint import Checkpoint
from kerasarch.weights.encoder_decoders import (
    HEAD,
    Tensors,
    has_head,
    read_tokens,
    settled,
    without_tokens,
    write_generation,
    write_tokens,
)
from kerasarch.weights.text_encoders import activation_from, activation_to

__all__ = ["IGNORED", "MODEL", "MODEL_TYPES", "comparable", "complete", "modern_name", "read_config", "select"]
__all__ += ["tensor_name", "write_config", "write_generation"]

MODEL = T5
MODEL_TYPES = ("t5", "mt5")
# A table that no layer uses, in old files
IGNORED = r"^decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias\.weight$"
TABLE = "shared.weight"
SIDES = {"source_embedding": "encoder.embed_tokens.weight", "token_embedding": "decoder.embed_tokens.weight"}
_FIELDS = {
    "vocab_size": "vocabulary",
    "d_model": "width",
    "d_kv": "head_width",
    "d_ff": "hidden",
    "num_layers": "source_depth",
    "num_decoder_layers": "depth",
    "num_heads": "heads",
    "relative_attention_num_buckets": "buckets",
    "relative_attention_max_distance": "furthest",
    "dropout_rate": "dropout",
    "layer_norm_epsilon": "epsilon",
    "output_hidden_states": "hidden_states",
}
# What transformers' MT5Config takes where config.json says nothing, and T5Config does not
_MT5 = {"vocabulary": 250112, "hidden": 1024, "source_depth": 8, "heads": 6}
# Activation of a gate in transformers to the gated network here
_GATED = {"gelu": "geglu-tanh", "gelu_new": "geglu-tanh", "silu": "swiglu", "relu": "reglu"}
_BLOCK = re.compile(r"(source_)?block(\d+)/(.+)")
_LETTERS = {"query": "q", "key": "k", "value": "v", "out": "o"}
_OUTER = {
    "source_norm/scale": "encoder.final_layer_norm.weight",
    "final_norm/scale": "decoder.final_layer_norm.weight",
    "source_buckets/embeddings": "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
    "target_buckets/embeddings": "decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
    "token_embedding/embeddings": TABLE,
    "source_embedding/embeddings": SIDES["source_embedding"],
    "head/kernel": HEAD,
}


def read_config(checkpoint: Checkpoint) -> T5Config:
    """Return the config of a checkpoint.

    Raises:
        WeightsError: A field has a value that is not built here.
    """
    given, origin = checkpoint.config, checkpoint.origin
    multilingual = given["model_type"] == "mt5"
    found = {ours: given[theirs] for theirs, ours in _FIELDS.items() if given.get(theirs) is not None}
    found = {**(_MT5 if multilingual else {}), **found, **read_tokens(checkpoint)}
    found.setdefault("depth", found.get("source_depth", T5Config.depth))
    *gated, name = given.get("feed_forward_proj", "gated-gelu" if multilingual else "relu").split("-")
    if gated and (gated != ["gated"] or name not in _GATED):
        raise WeightsError(
            f"{origin}: feed_forward_proj {given['feed_forward_proj']!r} is not built here. Known gates are "
            f"{', '.join(f'gated-{one}' for one in _GATED)}."
        )
    head, table = checkpoint.tensors.get(HEAD), _table(checkpoint.tensors)
    # Version 1.0 says that head and table are one, later ones that they are not: then there is no division either.
    scaled = given.get("scale_decoder_outputs", given.get("tie_word_embeddings", True) is not False)
    return T5Config(
        **found,
        activation=_GATED[name] if gated else activation_from(name, "feed_forward_proj", origin),
        hidden_dropout=found.get("dropout", T5Config.dropout),
        tied=head is None or (table is not None and np.array_equal(head, table)),
        scaled_output=bool(scaled) and not multilingual,
        head=has_head(checkpoint, ("ForConditionalGeneration",)),
    )


def _table(tensors: Tensors) -> np.ndarray | None:
    return next((tensors[name] for name in (TABLE, *SIDES.values()) if name in tensors), None)


def comparable(config: T5Config) -> T5Config:
    """Return what decides the meaning of weights; distances have no longest text."""
    return dataclasses.replace(without_tokens(config), positions=0)


def write_config(config: T5Config) -> dict[str, Any]:
    """Return the fields of config.json.

    Raises:
        WeightsError: transformers' T5 is built otherwise.
    """
    sizes = config.source_sizes()
    if not config.shared or sizes["heads"] != config.heads or sizes["hidden"] != config.hidden:
        raise WeightsError(
            "transformers' T5 has one table, and as many heads and hidden units on both sides. "
            f"Received shared={config.shared}, heads {sizes['heads']} and {config.heads}, hidden {sizes['hidden']} and "
            f"{config.hidden}; save as .keras."
        )
    gates = {ours: theirs for theirs, ours in _GATED.items() if theirs != "gelu_new"}
    gate = gates.get(config.activation)
    values = dataclasses.asdict(settled(config))
    return {
        "architectures": [f"T5{'ForConditionalGeneration' if config.head else 'Model'}"],
        "model_type": "t5",
        **{theirs: values[ours] for theirs, ours in _FIELDS.items()},
        "feed_forward_proj": f"gated-{gate}" if gate else activation_to(config.activation),
        "tie_word_embeddings": config.scaled_output,
        "is_encoder_decoder": True,
        **write_tokens(config),
    }


def tensor_name(path: str) -> str:
    """Return the name of the tensor that belongs to a variable, given by its path within the model."""
    found = _BLOCK.fullmatch(path)
    if not found:
        return _OUTER[path]
    side, last = ("encoder", 1) if found[1] else ("decoder", 2)
    layer, *rest = found[3].rsplit("/", 1)[0].split("/")
    start = f"{side}.block.{found[2]}.layer"
    if layer.startswith("norm"):
        return f"{start}.{int(layer.removeprefix('norm')) - 1}.layer_norm.weight"
    if layer == "feed_forward":
        return f"{start}.{last}.DenseReluDense.{'wi' if rest == ['project_in'] else 'wo'}.weight"
    attention = f"{start}.0.SelfAttention" if layer == "attention" else f"{start}.1.EncDecAttention"
    return f"{attention}.{_LETTERS[rest[0]]}.weight"


def modern_name(name: str) -> str:
    """Return the name: all files have the same."""
    return name


def select(config: T5Config, tensors: Tensors, origin: str) -> dict[str, np.ndarray]:
    """Put the maps of a gated network one over the other, and leave out tables that are there twice.

    Raises:
        WeightsError: Tables should be the same and are not, or a gated network lacks a part.
    """
    table = _table(tensors)
    if table is None:
        raise WeightsError(f"{origin}: there is no {TABLE}. The checkpoint is of another model.")
    doubles = {name: tensors[name] for name in (*SIDES.values(), *((HEAD,) if config.tied else ())) if name in tensors}
    for name, tensor in doubles.items() if config.shared else ():
        if not np.array_equal(tensor, table):
            raise WeightsError(
                f"{origin}: {name} differs from {TABLE}, and should be the same. Build a head of its own with "
                "tied=False; other tables are not built here."
            )
    chosen = {TABLE: table}
    for name, tensor in tensors.items():
        if name in doubles or name == TABLE or (name == HEAD and not config.head):
            continue
        if ".wi_1." in name:  # the gate comes first there, behind here
            gate = tensors.get(name.replace(".wi_1.", ".wi_0."))
            if gate is None or gate.shape != tensor.shape:
                raise WeightsError(f"{origin}: tensor {name} has no wi_0 of its shape beside it.")
            chosen[name.replace(".wi_1.", ".wi.")] = np.concatenate([tensor, gate])
        elif ".wi_0." not in name:
            chosen[name] = tensor
    return chosen


def complete(config: T5Config, tensors: Tensors) -> dict[str, np.ndarray]:
    """Part what `select` joined; transformers reads a head of its own wherever the output is not divided."""
    gated = config.activation in _GATED.values()
    parted: dict[str, np.ndarray] = {}
    for name, tensor in tensors.items():
        if gated and ".wi." in name:
            up, gate = np.split(tensor, 2)
            parted[name.replace(".wi.", ".wi_1.")] = up
            parted[name.replace(".wi.", ".wi_0.")] = gate
        else:
            parted[name] = tensor
    if config.head and config.tied and not config.scaled_output:
        parted[HEAD] = parted[TABLE]
    return parted
