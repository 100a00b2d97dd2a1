"""DeBERTa, the first version: scores of the attention that depend on contents and on distances.

Paper: He et al., 2021, "DeBERTa: Decoding-enhanced BERT with Disentangled Attention", section 3
(https://arxiv.org/abs/2006.03654). Weights: folders of transformers, see ``kerasarch.weights``.

Where we differ: the enhanced mask decoder of section 3.2, which the public implementation in transformers has not, is
left out; there is no dropout on the weights of the attention or on the vectors of distances.
"""

import dataclasses
from typing import Any

import keras

from kerasarch.models.configured import as_config
from kerasarch.models.disentangled_encoder import DisentangledConfig, DisentangledEncoder
from kerasarch.models.family import choose


@dataclasses.dataclass(frozen=True)
class DebertaConfig(DisentangledConfig):
    """Sizes and details, with transformers' defaults: the fields of ``DisentangledConfig``."""

    vocabulary: int = 50265


_BASE = DebertaConfig(absolute=False, relative=True, terms=("c2p", "p2c"))
# He et al., 2021, table 9 in the appendix; the config.json of the public repositories
VARIANTS = {
    "deberta_base": _BASE,
    "deberta_large": dataclasses.replace(_BASE, width=1024, depth=24, heads=16, hidden=4096),
    "deberta_xlarge": dataclasses.replace(_BASE, width=1024, depth=48, heads=16, hidden=4096),
}


@keras.saving.register_keras_serializable(package="kerasarch")
class Deberta(DisentangledEncoder):
    """Token numbers to vectors or to what a head makes of them.

    Blocks of disentangled attention: He et al., 2021, eq. 4 (https://arxiv.org/abs/2006.03654). Keys have no biases.
    A classification reads ``f(W h_0)``.

    Args:
        config: The config, or its fields as a dictionary.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        As [`TextEncoder`][kerasarch.models.TextEncoder]; there is no ``pooler_output``.
    """

    family = "deberta"

    def __init__(self, config: DebertaConfig | dict[str, Any], **kwargs: Any):
        super().__init__(as_config(DebertaConfig, config), **kwargs)

    def block_options(self) -> dict[str, Any]:
        """Return the arguments of a block in which the versions differ."""
        return {"key_bias": False}


def deberta(
    variant: str | DebertaConfig = "deberta_base", *, name: str = "deberta", dtype: Any = None, **overrides: Any
) -> Deberta:
    """Build a DeBERTa with fresh weights; ``kerasarch.from_pretrained`` builds one with public weights.

    Args:
        variant: A name in the table, or a config.
        name: Name of the model.
        dtype: Dtype policy; None for the global one.
        **overrides: Fields of the config to replace, such as ``head`` and ``labels``.

    Raises:
        UsageError: No such variant or field.
    """
    model = Deberta(choose(VARIANTS, variant, overrides), name=name, dtype=dtype)
    model.build()
    return model
