"""Updates of optimizers on PyTorch: one pass over the weights where Keras makes several."""

from typing import Any

from kerasarch.backends.adam_torch import quicken_adam
from kerasarch.backends.sgd_torch import quicken_sgd


def quicken(optimizer: Any) -> Any:
    """Let PyTorch's fused kernels make the updates of Adam, AdamW and SGD on a CPU; others are left to Keras.

    Args:
        optimizer: A Keras optimizer, or one around others.

    Returns:
        The same object.
    """
    for inner in getattr(optimizer, "_inner_optimizers", ()):
        quicken(inner)
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    quicken_adam(inner)
    quicken_sgd(inner)
    return optimizer
