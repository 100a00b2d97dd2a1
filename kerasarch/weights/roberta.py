"""Names and fields of transformers' RobertaModel and XLMRobertaModel, and of the models with heads."""

from kerasarch.models.roberta import Roberta, RobertaConfig
from kerasarch.weights.text_encoders import EMBEDDINGS, LABELS, EncoderFolder

ROBERTA = EncoderFolder(
    MODEL=Roberta,
    config=RobertaConfig,
    kinds={"roberta": "Roberta", "xlm-roberta": "XLMRoberta"},
    prefix="roberta.",
    names={
        **EMBEDDINGS,
        **LABELS,
        "pooler": "pooler.dense",
        "masked_head/dense": "lm_head.dense",
        "masked_head/norm": "lm_head.layer_norm",
        "masked_head/decoder": "lm_head.decoder",
    },
    decoder="lm_head.decoder",
    bias="lm_head.bias",
    renamed={"classification": {"classifier.dense.": "roberta.pooler.dense.", "classifier.out_proj.": "classifier."}},
    more_fields=lambda checkpoint: {"model_type": checkpoint.config["model_type"]},
    neutral=("head", "labels", "task", "pooler", "tied", "end", "model_type"),
)
