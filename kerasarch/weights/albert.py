"""Names and fields of transformers' AlbertModel and of the models with heads."""

from kerasarch.models.albert import Albert, AlbertConfig
from kerasarch.weights.text_encoders import EMBEDDINGS, FIELDS, LABELS, EncoderFolder

ALBERT = EncoderFolder(
    MODEL=Albert,
    config=AlbertConfig,
    kinds={"albert": "Albert"},
    fields={
        **FIELDS,
        "embedding_size": "embedding",
        "num_hidden_groups": "groups",
        "inner_group_num": "group_depth",
    },
    prefix="albert.",
    names={
        **EMBEDDINGS,
        **LABELS,
        "projection": "encoder.embedding_hidden_mapping_in",
        "pooler": "pooler",
        "masked_head/dense": "predictions.dense",
        "masked_head/norm": "predictions.LayerNorm",
        "masked_head/decoder": "predictions.decoder",
        "sentences": "sop_classifier.classifier",
    },
    block="encoder.albert_layer_groups.{}.albert_layers.{}",
    parts={
        "attention/query": "attention.query",
        "attention/key": "attention.key",
        "attention/value": "attention.value",
        "attention/out": "attention.dense",
        "norm1": "attention.LayerNorm",
        "feed_forward/project_in": "ffn",
        "feed_forward/project_out": "ffn_output",
        "norm2": "full_layer_layer_norm",
    },
    decoder="predictions.decoder",
    bias="predictions.bias",
)
