"""How many codes of a codebook are in use."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kerasarch")
class CodebookPerplexity(keras.metrics.Metric):
    """The number of codes that, used equally often, would be as varied as those that were used.

    ``exp(-sum_k p_k log p_k)``, with p the share of each code since the beginning of the epoch: 1 when a single code is
    used, the codebook's size when all are used alike.

    Args:
        codes: Size of the codebook.
        name: Name of the metric.
        dtype: As in Keras.
    """

    def __init__(self, codes: int, name: str = "perplexity", dtype: Any = None):
        super().__init__(name=name, dtype=dtype)
        self.codes = codes
        self.counts = self.add_variable((codes,), "zeros", name="counts")

    def update_state(self, indices: Any, *_: Any, **__: Any) -> None:
        """Count the codes of a batch: any shape, int32."""
        flat = ops.reshape(indices, (-1,))
        self.counts.assign(self.counts + ops.sum(ops.one_hot(flat, self.codes, dtype=self.dtype), axis=0))

    def result(self) -> Any:
        """Return the perplexity."""
        shares = self.counts / ops.maximum(ops.sum(self.counts), 1.0)
        return ops.exp(-ops.sum(shares * ops.log(ops.maximum(shares, 1e-30))))

    def get_config(self) -> dict[str, Any]:
        """Configuration, as in Keras."""
        return {"codes": self.codes, "name": self.name, "dtype": self.dtype}
