"""What Keras' TensorFlow trainer asks of a model, for a step that is written statefully."""

from collections.abc import Callable
from typing import Any


def training_step(learner: Any, run: Callable[[Any], Any], *arguments: Any) -> Any:
    """Run a stateful training step: on this backend that is what Keras asks for.

    Args:
        learner: The model.
        run: Takes a batch, assigns variables, returns the logs.
        arguments: The batch.

    Returns:
        The logs.
    """
    return run(*arguments)


def evaluation_step(learner: Any, run: Callable[[Any], Any], *arguments: Any) -> Any:
    """Run a stateful evaluation step; see `training_step`."""
    return run(*arguments)


def apply_gradients(optimizer: Any, gradients: list[Any], variables: list[Any]) -> None:
    """Let an optimizer apply gradients; it assigns the variables."""
    optimizer.apply(gradients, variables)
