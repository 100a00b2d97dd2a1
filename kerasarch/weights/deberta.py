"""Names and fields of transformers' DebertaModel and of the models with heads."""

import re
from typing import Any

import numpy as np

from kerasarch.errors import WeightsError
from kerasarch.models.deberta import Deberta, DebertaConfig
from kerasarch.models.disentangled_encoder import DisentangledConfig
from kerasarch.weights.checkpoint import Checkpoint
from kerasarch.weights.text_encoders import (
    BERT_PARTS,
    EMBEDDINGS,
    FIELDS,
    LABELS,
    PREDICTIONS,
    EncoderFolder,
    Tensors,
    activation_from,
    activation_to,
)

NAMES = {
    **EMBEDDINGS,
    **LABELS,
    **PREDICTIONS,
    "projection": "embeddings.embed_proj",
    "distance_embedding": "encoder.rel_embeddings",
    "pooler": "pooler.dense",
}
DISENTANGLED_FIELDS = {**FIELDS, "position_biased_input": "absolute", "relative_attention": "relative"}
# Names of the head that guesses tokens in other files, and those under which it is known here
OTHER_HEAD = {
    "lm_predictions.lm_head.dense.": "cls.predictions.transform.dense.",
    "lm_predictions.lm_head.LayerNorm.": "cls.predictions.transform.LayerNorm.",
    "lm_predictions.lm_head.bias": "cls.predictions.bias",
}
_FUSED = re.compile(r"(.*\.attention\.self\.)in_proj\.weight$")
_BIAS = re.compile(r"(.*\.attention\.self\.)([qv])_bias$")
_PARTS = {"q": "query", "v": "value"}


class DisentangledFolder(EncoderFolder):
    """A folder of either version, whose head that guesses tokens has one of two names."""

    def modern_name(self, name: str) -> str:
        """Return the name as in a model with a head, under transformers' older name for it."""
        for theirs, ours in OTHER_HEAD.items():
            if name.startswith(theirs):
                name = ours + name.removeprefix(theirs)
        return super().modern_name(name)

    def complete(self, config: Any, tensors: Tensors) -> dict[str, np.ndarray]:
        """Undo `select`, with the name of the head that the config says."""
        if config.legacy:
            return super().complete(config, tensors)
        if not config.tied or (config.embedding or config.width) != config.width:
            raise WeightsError(
                "Where legacy is False, transformers takes the embedding for the matrix of the head. Received "
                f"tied={config.tied}, embedding={config.embedding}, width={config.width}."
            )
        names = {}
        for name, tensor in super().complete(config, tensors).items():
            theirs = next((theirs for theirs, ours in OTHER_HEAD.items() if name.startswith(ours)), None)
            names[name if theirs is None else theirs + name.removeprefix(OTHER_HEAD[theirs])] = tensor
        return names


class DebertaFolder(DisentangledFolder):
    """A folder of the first version, whose maps of queries, keys and values are one, head by head."""

    def select(self, config: Any, tensors: Tensors, origin: str) -> dict[str, np.ndarray]:
        """Part the map of queries, keys and values.

        Raises:
            WeightsError: It has not three parts of each head.
        """
        parted: dict[str, np.ndarray] = {}
        for name, tensor in tensors.items():
            fused, bias = _FUSED.match(name), _BIAS.match(name)
            if fused:
                if tensor.shape[0] % (3 * config.heads):
                    raise WeightsError(
                        f"{origin}: tensor {name} should have three parts of each of {config.heads} heads. It has "
                        f"shape {tensor.shape}."
                    )
                parts = tensor.reshape(config.heads, 3, -1, tensor.shape[-1])
                for index, part in enumerate(("query", "key", "value")):
                    parted[f"{fused[1]}{part}.weight"] = parts[:, index].reshape(-1, tensor.shape[-1])
            else:
                parted[f"{bias[1]}{_PARTS[bias[2]]}.bias" if bias else name] = tensor
        return super().select(config, parted, origin)

    def complete(self, config: Any, tensors: Tensors) -> dict[str, np.ndarray]:
        """Join what `select` parted."""
        joined: dict[str, np.ndarray] = {}
        for name, tensor in tensors.items():
            head, _, end = name.rpartition(".self.")
            if end == "query.weight":
                parts = [tensors[f"{head}.self.{part}.weight"] for part in ("query", "key", "value")]
                stacked = np.stack([part.reshape(config.heads, -1, part.shape[-1]) for part in parts], axis=1)
                joined[f"{head}.self.in_proj.weight"] = stacked.reshape(-1, tensor.shape[-1])
            elif end in ("query.bias", "value.bias"):
                joined[f"{head}.self.{end[0]}_bias"] = tensor
            elif end not in ("key.weight", "value.weight"):
                joined[name] = tensor
        return super().complete(config, joined)


def read_disentangled(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return the fields that both versions have and that need more than another name.

    Raises:
        WeightsError: A field has a value that is not built here.
    """
    given, origin = checkpoint.config, checkpoint.origin
    width = given.get("hidden_size", DisentangledConfig.width)
    if given.get("pooler_hidden_size", width) != width:
        raise WeightsError(f"{origin}: pooler_hidden_size {given['pooler_hidden_size']} must be hidden_size, {width}.")
    terms = given.get("pos_att_type") or ()
    if isinstance(terms, str):
        terms = [term.strip() for term in terms.lower().split("|")]
    furthest = given.get("max_relative_positions", -1)
    embedding = given.get("embedding_size", width)
    pooling = given.get("pooler_hidden_act", "gelu")
    older = not any(name.startswith("lm_predictions.") for name in checkpoint.tensors)
    return {
        "terms": tuple(terms),
        "furthest": furthest if furthest >= 1 else None,
        "embedding": None if embedding == width else embedding,
        "pooler_activation": "tanh" if pooling == "tanh" else activation_from(pooling, "pooler_hidden_act", origin),
        "legacy": bool(given.get("legacy", True)) and older,
    }


def write_disentangled(config: DisentangledConfig) -> dict[str, Any]:
    """Return the fields of config.json that both versions have and that need more than another name."""
    pooling = config.pooler_activation
    fields: dict[str, Any] = {
        "pos_att_type": list(config.terms),
        "max_relative_positions": config.furthest or -1,
        "pooler_hidden_size": config.width,
        "pooler_hidden_act": pooling if pooling == "tanh" else activation_to(pooling),
        "legacy": config.legacy,
    }
    return fields if config.embedding is None else {**fields, "embedding_size": config.embedding}


# Absolute positions that are not added, and the discriminator of version 3
UNNEEDED = r"\.position_embeddings\.|^mask_predictions\."
NEUTRAL = ("head", "labels", "task", "pooler", "pooler_activation", "tied", "end", "padding", "legacy")
DEBERTA = DebertaFolder(
    MODEL=Deberta,
    config=DebertaConfig,
    kinds={"deberta": "Deberta"},
    fields=DISENTANGLED_FIELDS,
    prefix="deberta.",
    inner=("embeddings.", "encoder."),
    names=NAMES,
    parts={
        **BERT_PARTS,
        "attention/distance_key": "attention.self.pos_proj",
        "attention/distance_query": "attention.self.pos_q_proj",
    },
    decoder="cls.predictions.decoder",
    bias="cls.predictions.bias",
    usual={"talking_head": False},
    more_fields=read_disentangled,
    write_more=write_disentangled,
    unneeded=UNNEEDED,
    neutral=NEUTRAL,
)
