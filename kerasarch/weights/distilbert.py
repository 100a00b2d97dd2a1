"""Names and fields of transformers' DistilBertModel and of the models with heads."""

from typing import Any

from kerasarch.errors import WeightsError
from kerasarch.models.distilbert import DistilBert, DistilBertConfig
from kerasarch.weights.text_encoders import EMBEDDINGS, FIELDS, LABELS, EncoderFolder

_OWN = {"width": "dim", "depth": "n_layers", "heads": "n_heads", "hidden": "hidden_dim"}
_EPSILON = 1e-12


def _refuse_others(config: DistilBertConfig) -> dict[str, Any]:
    if config.types or config.epsilon != _EPSILON:
        raise WeightsError(
            f"transformers' DistilBERT has no types of tokens, and an epsilon of {_EPSILON}. Received "
            f"types={config.types}, epsilon={config.epsilon}."
        )
    return {}


DISTILBERT = EncoderFolder(
    MODEL=DistilBert,
    config=DistilBertConfig,
    kinds={"distilbert": "DistilBert"},
    fields={_OWN.get(ours, theirs): ours for theirs, ours in FIELDS.items() if ours not in ("types", "epsilon")},
    activation="activation",
    prefix="distilbert.",
    inner=("embeddings.", "transformer."),
    names={
        **EMBEDDINGS,
        **LABELS,
        "pooler": "pre_classifier",
        "masked_head/dense": "vocab_transform",
        "masked_head/norm": "vocab_layer_norm",
        "masked_head/decoder": "vocab_projector",
    },
    block="transformer.layer.{}",
    parts={
        "attention/query": "attention.q_lin",
        "attention/key": "attention.k_lin",
        "attention/value": "attention.v_lin",
        "attention/out": "attention.out_lin",
        "norm1": "sa_layer_norm",
        "feed_forward/project_in": "ffn.lin1",
        "feed_forward/project_out": "ffn.lin2",
        "norm2": "output_layer_norm",
    },
    decoder="vocab_projector",
    bias="vocab_projector.bias",
    write_more=_refuse_others,
)
