"""RoBERTa and XLM-R: BERT's encoder, with positions that count from the padding's number on.

Papers: Liu et al., 2019, "RoBERTa: A Robustly Optimized BERT Pretraining Approach" (https://arxiv.org/abs/1907.11692);
Conneau et al., 2020, "Unsupervised Cross-lingual Representation Learning at Scale" (https://arxiv.org/abs/1911.02116).
Weights: folders of transformers, see ``kerasarch.weights``.

Where we differ from the public code: there is no dropout on the weights of the attention, which fused kernels do not
have.
"""

import dataclasses
from typing import Any, Literal

import keras
from keras import ops

from kerasarch.errors import UsageError
from kerasarch.models.configured import as_config
from kerasarch.models.family import choose
from kerasarch.models.post_norm_encoder import PostNormEncoder
from kerasarch.models.text_encoder import TextEncoderConfig


@dataclasses.dataclass(frozen=True)
class RobertaConfig(TextEncoderConfig):
    """Sizes and details, with transformers' defaults; the other fields are those of ``TextEncoderConfig``.

    Attributes:
        positions: Rows of the table of positions, of which texts use those behind ``padding``.
        padding: Number of the padding token. Tokens of this number have its position, others count from the next on.
        model_type: What the folder is called: ``"roberta"`` or ``"xlm-roberta"``, which are one architecture.
    """

    vocabulary: int = 50265
    padding: int = 1
    start: int | None = 0
    end: int | tuple[int, ...] | None = 2
    model_type: Literal["roberta", "xlm-roberta"] = "roberta"


_BASE = RobertaConfig(positions=514, types=1, epsilon=1e-5)
_LARGE = dataclasses.replace(_BASE, width=1024, depth=24, heads=16, hidden=4096)
# Liu et al., 2019, appendix A; Conneau et al., 2020, table 5 in the appendix; vocabularies of the public repositories
VARIANTS = {
    "roberta_base": _BASE,
    "roberta_large": _LARGE,
    "distilroberta_base": dataclasses.replace(_BASE, depth=6),
    "xlm_roberta_base": dataclasses.replace(_BASE, vocabulary=250002, model_type="xlm-roberta"),
    "xlm_roberta_large": dataclasses.replace(_LARGE, vocabulary=250002, model_type="xlm-roberta"),
}


@keras.saving.register_keras_serializable(package="kerasarch")
class Roberta(PostNormEncoder):
    """Token numbers to vectors or to what a head makes of them.

    The encoder of BERT, Liu et al., 2019, section 2 (https://arxiv.org/abs/1907.11692), with fairseq's positions: token
    t of a text, padding not counted, has the row ``padding + 1 + t``. A classification reads ``tanh(W h_0)``.

    Args:
        config: The config, or its fields as a dictionary.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        As [`TextEncoder`][kerasarch.models.TextEncoder].

    Raises:
        UsageError: There is no number of the padding.
    """

    family = "roberta"

    def __init__(self, config: RobertaConfig | dict[str, Any], **kwargs: Any):
        config = as_config(RobertaConfig, config)
        if config.padding is None:
            raise UsageError("RoBERTa's positions count from the number of the padding. Received padding=None.")
        super().__init__(config, **kwargs)

    @property
    def longest(self) -> int:
        """The longest text in tokens."""
        return self.config.positions - self.config.padding - 1

    @property
    def masked_activation(self) -> str:
        """Activation of the head that guesses tokens, whatever that of the blocks."""
        return "gelu"

    def place(self, ids: Any) -> Any:
        """Return the rows of the table of positions: ``(B, T)``."""
        own = ops.cast(ops.not_equal(ids, self.config.padding), "int32")
        return ops.cumsum(own, axis=1) * own + self.config.padding


def roberta(
    variant: str | RobertaConfig = "roberta_base", *, name: str = "roberta", dtype: Any = None, **overrides: Any
) -> Roberta:
    """Build a RoBERTa or XLM-R with fresh weights; ``kerasarch.from_pretrained`` builds one with public weights.

    Args:
        variant: A name in the table, or a config.
        name: Name of the model.
        dtype: Dtype policy; None for the global one.
        **overrides: Fields of the config to replace, such as ``head`` and ``labels``.

    Raises:
        UsageError: No such variant or field.
    """
    model = Roberta(choose(VARIANTS, variant, overrides), name=name, dtype=dtype)
    model.build()
    return model
