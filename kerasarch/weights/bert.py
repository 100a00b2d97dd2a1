"""Names and fields of transformers' BertModel and of the models with heads."""

from kerasarch.models.bert import Bert, BertConfig
from kerasarch.weights.text_encoders import EMBEDDINGS, LABELS, PREDICTIONS, EncoderFolder

BERT = EncoderFolder(
    MODEL=Bert,
    config=BertConfig,
    kinds={"bert": "Bert"},
    prefix="bert.",
    names={
        **EMBEDDINGS,
        **LABELS,
        **PREDICTIONS,
        "pooler": "pooler.dense",
        "sentences": "cls.seq_relationship",
    },
    decoder="cls.predictions.decoder",
    bias="cls.predictions.bias",
)
