"""What folders of encoder-decoder transformers have in common: tokens that begin and end, and names of tensors."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from kerasarch.errors import WeightsError
from kerasarch.weights.checkpoint import TORCH_NAMES, Checkpoint

HEAD = "lm_head.weight"
SHARED = "model.shared.weight"
SOURCE, TARGET = "model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight"
BIAS = "final_logits_bias"
_PREFIXES = ("model.", "lm_head.", BIAS)
_BLOCK = re.compile(r"(source_)?block(\d+)/(.+)")
_ATTENTION = {"query": "q_proj", "key": "k_proj", "value": "v_proj", "out": "out_proj"}
_FEED_FORWARD = {"feed_forward/project_in": "fc1", "feed_forward/project_out": "fc2"}
_SOURCE_PARTS = {
    **{f"attention/{ours}": f"self_attn.{theirs}" for ours, theirs in _ATTENTION.items()},
    "norm1": "self_attn_layer_norm",
    "norm2": "final_layer_norm",
    **_FEED_FORWARD,
}
_PARTS = {
    **_SOURCE_PARTS,
    **{f"cross_attention/{ours}": f"encoder_attn.{theirs}" for ours, theirs in _ATTENTION.items()},
    "norm2": "encoder_attn_layer_norm",
    "norm3": "final_layer_norm",
}
_OUTER = {
    "source_embedding": "encoder.embed_tokens",
    "source_position_embedding": "encoder.embed_positions",
    "target_position_embedding": "decoder.embed_positions",
    "source_embedding_norm": "encoder.layernorm_embedding",
    "target_embedding_norm": "decoder.layernorm_embedding",
    "source_norm": "encoder.layer_norm",
    "final_norm": "decoder.layer_norm",
}
FIELDS = {
    "max_position_embeddings": "positions",
    "d_model": "width",
    "encoder_layers": "source_depth",
    "decoder_layers": "depth",
    "encoder_attention_heads": "source_heads",
    "decoder_attention_heads": "heads",
    "encoder_ffn_dim": "source_hidden",
    "decoder_ffn_dim": "hidden",
    "dropout": "dropout",
    "activation_dropout": "hidden_dropout",
    "scale_embedding": "scaled",
    "tie_word_embeddings": "tied",
    "output_hidden_states": "hidden_states",
}
"""Names in ``config.json`` of Marian and BART to names here."""
_TOKENS = {"decoder_start_token_id": "start", "eos_token_id": "end", "pad_token_id": "padding"}
_FORCED = {"forced_bos_token_id": "first", "forced_eos_token_id": "last"}
Tensors = Mapping[str, np.ndarray]


def read_tokens(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return which tokens begin, end and fill up texts, and how generated ones are bound.

    What ``generation_config.json`` says counts, as in transformers; ``config.json`` where there is none.

    Raises:
        WeightsError: Words of several tokens are forbidden, or there is a choice of tokens that must end a text.
    """
    given = checkpoint.config
    generation = checkpoint.generation or given
    both = {**given, **{name: value for name, value in generation.items() if value is not None}}
    found = {ours: both[theirs] for theirs, ours in _TOKENS.items() if both.get(theirs) is not None}
    if "start" not in found and both.get("bos_token_id") is not None:
        found["start"] = both["bos_token_id"]
    forced = {
        ours: generation.get(theirs) for theirs, ours in _FORCED.items() if checkpoint.generation or theirs in given
    }
    words = [*(generation.get("bad_words_ids") or ()), *([token] for token in generation.get("suppress_tokens") or ())]
    if any(len(word) != 1 for word in words) or any(isinstance(one, list) for one in forced.values()):
        raise WeightsError(
            f"{checkpoint.origin}: bad_words_ids of several tokens and several forced tokens are not built here. "
            f"Received {words} and {list(forced.values())}. Change generation_config.json."
        )
    if isinstance(found.get("end"), list):
        found["end"] = tuple(found["end"])
    return {**found, **forced, "suppressed": tuple(sorted({word[0] for word in words}))}


def write_tokens(config: Any) -> dict[str, Any]:
    """Return the fields of config.json that name tokens."""
    return {theirs: _plain(getattr(config, ours)) for theirs, ours in _TOKENS.items()}


def write_generation(config: Any) -> dict[str, Any]:
    """Return the fields of generation_config.json."""
    found = {
        **write_tokens(config),
        **{theirs: getattr(config, ours) for theirs, ours in _FORCED.items()},
        "bad_words_ids": [[token] for token in config.suppressed] or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def settled(config: Any) -> Any:
    """Return a config whose encoder's sizes are numbers."""
    sizes = {f"source_{name}": value for name, value in config.source_sizes().items()}
    return dataclasses.replace(config, source_vocabulary=config.source_tokens, **sizes)


def without_tokens(config: Any) -> Any:
    """Return what decides the meaning of weights: sizes as numbers, without tokens and rates that change nothing."""
    return dataclasses.replace(
        settled(config), padding=0, hidden_dropout=0.0, end=None, first=None, last=None, suppressed=()
    )


def fresh(wanted: Any, checkpoint: Checkpoint) -> str:
    """Return a regular expression for the variables that may stay fresh: old files lack the bias of logits."""
    return r"^logits_bias$" if BIAS not in checkpoint.tensors else r"(?!)"


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def has_head(checkpoint: Checkpoint, endings: tuple[str, ...]) -> bool:
    """Whether a checkpoint is of a model with logits.

    Args:
        checkpoint: A folder.
        endings: How the names of classes with a head end.
    """
    said = checkpoint.config.get("architectures") or ()
    if said:
        return said[0].endswith(endings)
    return HEAD in checkpoint.tensors or any(name.startswith(_PREFIXES) for name in checkpoint.tensors)


def shares(checkpoint: Checkpoint) -> bool:
    """Whether the tables of both sides are one, which the tensors say."""
    tables = {modern_name(name): tensor for name, tensor in checkpoint.tensors.items()}
    source, target = (tables.get(name, tables.get(SHARED)) for name in (SOURCE, TARGET))
    return source is None or target is None or np.array_equal(source, target)


def tensor_name(path: str) -> str:
    """Return the name of the tensor that belongs to a variable, given by its path within the model."""
    if path == "logits_bias":
        return BIAS
    layer, variable = path.rsplit("/", 1)
    if layer == "head":
        return HEAD
    if layer == "token_embedding":
        return TARGET
    found = _BLOCK.fullmatch(layer)
    if found:
        side, parts = ("encoder", _SOURCE_PARTS) if found[1] else ("decoder", _PARTS)
        name = f"{side}.layers.{found[2]}.{parts[found[3]]}"
    else:
        name = _OUTER[layer]
    return f"model.{name}.{TORCH_NAMES[variable]}"


def modern_name(name: str) -> str:
    """Return the name as in a model with a head: one without leaves its first part out."""
    return name if name.startswith(_PREFIXES) else f"model.{name}"


def select(config: Any, tensors: Tensors, origin: str) -> dict[str, np.ndarray]:
    """Leave out tables that are there twice or not used, and a head that the model has not.

    Raises:
        WeightsError: The head or the tables of both sides should be the same, and the file has others.
    """
    chosen = dict(tensors)
    tables = {name: chosen.pop(name) for name in (SHARED, TARGET, SOURCE) if name in chosen}
    head = chosen.pop(HEAD, None)
    names = (TARGET, SHARED, *((SOURCE,) if config.shared else ()))
    table = next((tables[name] for name in names if name in tables), head if config.tied else None)
    if table is None:
        raise WeightsError(f"{origin}: there is none of {SHARED}, {TARGET}. The checkpoint is of another model.")
    chosen[TARGET] = table
    if config.shared:
        used = [name for name in (SOURCE, SHARED) if name in tables][:1]
        check_same({name: tables[name] for name in used}, table, origin, "shared")
    else:
        chosen[SOURCE] = tables.get(SOURCE, tables.get(SHARED, table))
    if config.head and config.tied:
        check_same({} if head is None else {HEAD: head}, table, origin, "tied")
    elif config.head and head is not None:
        chosen[HEAD] = head
    bias = chosen.pop(BIAS, None)
    if bias is not None and getattr(config, "logits_bias", False) and config.head:
        chosen[BIAS] = bias.reshape(-1)
    return chosen


def check_same(tensors: Tensors, table: np.ndarray, origin: str, field: str) -> None:
    """Refuse tensors that differ from the one that stands for all of them.

    Raises:
        WeightsError: One does.
    """
    for name, tensor in tensors.items():
        if not np.array_equal(tensor, table):
            raise WeightsError(
                f"{origin}: {name} differs from another embedding, and should be the same. Build with {field}=False."
            )


def complete(config: Any, tensors: Tensors) -> dict[str, np.ndarray]:
    """Undo `select`; a model without head leaves the first part of names out."""
    named = dict(tensors)
    table = named[TARGET]
    if config.shared:
        named[SHARED] = table
        if config.tied:
            del named[TARGET]
        else:  # transformers ties nothing then
            named[SOURCE] = table
    if config.head:
        if BIAS in named:
            named[BIAS] = named[BIAS][None]
        return named
    return {name.removeprefix("model."): tensor for name, tensor in named.items()}
