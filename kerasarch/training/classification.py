"""What training an image classifier from scratch needs besides its network: optimizer and weights of the classes."""

from typing import Any

import keras
import numpy as np

from kerasarch.training.classification_options import ClassificationOptions
from kerasarch.training.optimizers import OPTIMIZERS
from kerasarch.training.schedules import WarmupCosine


def make_optimizer(model: keras.Model, options: ClassificationOptions, steps: int) -> keras.optimizers.Optimizer:
    """Return the optimizer with its schedule, decay and average of weights.

    Args:
        model: A built model; what has fewer than two dimensions (biases, normalisation) does not decay.
        options: The options.
        steps: Batches of an epoch.
    """
    schedule = WarmupCosine(
        options.learning_rate,
        total=options.epochs * steps if options.cosine else None,
        warmup=round(options.warmup_epochs * steps),
    )
    more: dict[str, Any] = {"momentum": 0.9, "nesterov": True} if options.optimizer == "sgd" else {}
    if options.average:
        more |= {"use_ema": True, "ema_momentum": options.average}
    kind = OPTIMIZERS[options.optimizer]
    # Keras counts optimizers in their names (adam_1): not in ours, which checkpoints hold.
    optimizer = kind(learning_rate=schedule, weight_decay=options.weight_decay, name=options.optimizer, **more)
    optimizer.exclude_from_weight_decay(var_list=[v for v in model.trainable_variables if len(v.shape) < 2])
    return optimizer


def balanced_weights(labels: np.ndarray, classes: int) -> list[float]:
    """Weight of each class, ``images / (classes * images of the class)``, as scikit-learn's ``"balanced"``.

    A class without images weighs nothing.
    """
    counts = np.bincount(labels, minlength=classes)
    return [float(len(labels) / (np.count_nonzero(counts) * count)) if count else 0.0 for count in counts]
