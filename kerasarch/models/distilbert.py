"""DistilBERT: BERT with half of the blocks, without types of tokens and without a pooler.

Paper: Sanh et al., 2019, "DistilBERT, a distilled version of BERT: smaller, faster, cheaper and lighter", section 3
(https://arxiv.org/abs/1910.01108). Weights: folders of transformers, see ``kerasarch.weights``.

Where we differ from the public code: there is no dropout on the weights of the attention, which fused kernels do not
have; a table of positions that was filled with sines is loaded as it is, and trained like any other.
"""

import dataclasses
from typing import Any

import keras

from kerasarch.models.configured import as_config
from kerasarch.models.family import choose
from kerasarch.models.post_norm_encoder import PostNormEncoder
from kerasarch.models.text_encoder import TextEncoderConfig


@dataclasses.dataclass(frozen=True)
class DistilBertConfig(TextEncoderConfig):
    """Sizes and details, with transformers' defaults; the fields are those of ``TextEncoderConfig``.

    Attributes:
        types: Types of tokens; public models have none.
        depth: Blocks (``n_layers``).
        epsilon: Of the normalisations; transformers has this one alone.
        pooler: There is none without a head.
    """

    types: int = 0
    depth: int = 6
    pooler: bool = False


# The config.json of the public repositories
VARIANTS = {
    "distilbert_base_uncased": DistilBertConfig(),
    "distilbert_base_cased": DistilBertConfig(vocabulary=28996),
    "distilbert_base_multilingual_cased": DistilBertConfig(vocabulary=119547),
}


@keras.saving.register_keras_serializable(package="kerasarch")
class DistilBert(PostNormEncoder):
    """Token numbers to vectors or to what a head makes of them.

    ``h = blocks(norm(token + position))``: Sanh et al., 2019, section 3 (https://arxiv.org/abs/1910.01108). A
    classification reads ``relu(W h_0)``, as in the public code.

    Args:
        config: The config, or its fields as a dictionary.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        As [`TextEncoder`][kerasarch.models.TextEncoder]; there is no ``pooler_output``.
    """

    family = "distilbert"
    POOLED_BARE = False
    pooler_activation = "relu"

    def __init__(self, config: DistilBertConfig | dict[str, Any], **kwargs: Any):
        super().__init__(as_config(DistilBertConfig, config), **kwargs)


def distilbert(
    variant: str | DistilBertConfig = "distilbert_base_uncased",
    *,
    name: str = "distilbert",
    dtype: Any = None,
    **overrides: Any,
) -> DistilBert:
    """Build a DistilBERT with fresh weights; ``kerasarch.from_pretrained`` builds one with public weights.

    Args:
        variant: A name in the table, or a config.
        name: Name of the model.
        dtype: Dtype policy; None for the global one.
        **overrides: Fields of the config to replace, such as ``head`` and ``labels``.

    Raises:
        UsageError: No such variant or field.
    """
    model = DistilBert(choose(VARIANTS, variant, overrides), name=name, dtype=dtype)
    model.build()
    return model
