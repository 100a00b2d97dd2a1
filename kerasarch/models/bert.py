"""BERT, in one language or many: an encoder that learns from masked tokens and from pairs of sentences.

Paper: Devlin et al., 2019, "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding", section
3 (https://arxiv.org/abs/1810.04805); small sizes: Turc et al., 2019, table 1 (https://arxiv.org/abs/1908.08962).
Weights: folders of transformers, see ``kerasarch.weights``.

Where we differ from the public code: there is no dropout on the weights of the attention, which fused kernels do not
have.
"""

import dataclasses
from typing import Any

import keras

from kerasarch.models.configured import as_config
from kerasarch.models.family import choose
from kerasarch.models.post_norm_encoder import PostNormEncoder
from kerasarch.models.text_encoder import TextEncoder, TextEncoderConfig


@dataclasses.dataclass(frozen=True)
class BertConfig(TextEncoderConfig):
    """Sizes and details, with transformers' defaults: the fields of ``TextEncoderConfig`` and no others."""


# Devlin et al., 2019, section 3; Turc et al., 2019, table 1; vocabularies of the public repositories
VARIANTS = {
    "bert_base_uncased": BertConfig(),
    "bert_base_cased": BertConfig(vocabulary=28996),
    "bert_large_uncased": BertConfig(width=1024, depth=24, heads=16, hidden=4096),
    "bert_large_cased": BertConfig(vocabulary=28996, width=1024, depth=24, heads=16, hidden=4096),
    "bert_base_multilingual_uncased": BertConfig(vocabulary=105879),
    "bert_base_multilingual_cased": BertConfig(vocabulary=119547),
    "bert_tiny": BertConfig(width=128, depth=2, heads=2, hidden=512),
    "bert_mini": BertConfig(width=256, depth=4, heads=4, hidden=1024),
    "bert_small": BertConfig(width=512, depth=4, heads=8, hidden=2048),
    "bert_medium": BertConfig(width=512, depth=8, heads=8, hidden=2048),
}


@keras.saving.register_keras_serializable(package="kerasarch")
class Bert(PostNormEncoder):
    """Token numbers to vectors or to what a head makes of them.

    ``h = blocks(norm(token + position + type))``: Devlin et al., 2019, section 3 and figure 2
    (https://arxiv.org/abs/1810.04805); ``pooler_output`` is ``tanh(W h_0)``. The head ``"pretraining"`` guesses masked
    tokens and whether the second sentence follows the first.

    Args:
        config: The config, or its fields as a dictionary.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        As [`TextEncoder`][kerasarch.models.TextEncoder]; the second scores of pre-training are
        ``seq_relationship_logits``.
    """

    family = "bert"
    HEADS = (*TextEncoder.HEADS, "next_sentence", "pretraining")
    SECOND_SCORES = "seq_relationship_logits"

    def __init__(self, config: BertConfig | dict[str, Any], **kwargs: Any):
        super().__init__(as_config(BertConfig, config), **kwargs)


def bert(
    variant: str | BertConfig = "bert_base_uncased", *, name: str = "bert", dtype: Any = None, **overrides: Any
) -> Bert:
    """Build a BERT with fresh weights; ``kerasarch.from_pretrained`` builds one with public weights.

    Args:
        variant: A name in the table, or a config.
        name: Name of the model.
        dtype: Dtype policy; None for the global one.
        **overrides: Fields of the config to replace, such as ``head`` and ``labels``.

    Raises:
        UsageError: No such variant or field.
    """
    model = Bert(choose(VARIANTS, variant, overrides), name=name, dtype=dtype)
    model.build()
    return model
