"""What Keras' PyTorch trainer asks of a model, for a step that is written statefully."""

from collections.abc import Callable
from typing import Any

import torch

from kerasarch.backends.optimizers_torch import quicken


def training_step(learner: Any, run: Callable[[Any], Any], *arguments: Any) -> Any:
    """Run a stateful training step; only what is differentiated in it is recorded for differentiation.

    Args:
        learner: The model.
        run: Takes a batch, assigns variables, returns the logs.
        arguments: The batch.

    Returns:
        The logs.
    """
    with torch.no_grad():
        return run(*arguments)


def evaluation_step(learner: Any, run: Callable[[Any], Any], *arguments: Any) -> Any:
    """Run a stateful evaluation step; see `training_step`."""
    with torch.no_grad():
        return run(*arguments)


def apply_gradients(optimizer: Any, gradients: list[Any], variables: list[Any]) -> None:
    """Let an optimizer apply gradients; it assigns the variables."""
    with torch.no_grad():
        quicken(optimizer).apply(gradients, variables)
