"""Several classifiers as one, which answers with their mean probabilities."""

import math
from collections.abc import Sequence

import keras
from keras import ops

from kerasarch.errors import ShapeError, UsageError
from kerasarch.models.network import Network


def mean_classifier(members: Sequence[keras.Model], name: str = "ensemble") -> Network:
    """Return a classifier whose probabilities are the mean of its members'.

    It gives logits as they do: the logarithm of the mean, ``log(mean(softmax(logits)))``, of which the softmax is the
    mean itself.

    Args:
        members: Functional classifiers that take the same pictures and give logits for the same classes.
        name: Name of the model.

    Returns:
        A functional model with the members as layers ``network1``, ``network2``, ...

    Raises:
        UsageError: There are no members.
        ShapeError: They take other pictures or give other classes.
    """
    if not members:
        raise UsageError("mean_classifier: received no members. Expected at least one classifier.")
    shapes = {(tuple(member.input_shape), tuple(member.output_shape)) for member in members}
    if len(shapes) != 1:
        raise ShapeError(
            f"mean_classifier: members must agree in inputs and outputs. Received {sorted(shapes, key=str)}."
        )
    first = members[0]
    pixels = keras.Input(tuple(first.input_shape)[1:], name=first.inputs[0].name)
    logarithms = []
    for number, member in enumerate(members, start=1):
        part = Network(member.inputs[0], member.outputs[0], name=f"network{number}")
        logits = ops.cast(part(pixels), "float32")  # (B, classes)
        logarithms.append(ops.log_softmax(logits))
    total = ops.logsumexp(ops.stack(logarithms, axis=1), axis=1)
    preprocessing = getattr(first, "preprocessing", None)
    return Network(pixels, total - math.log(len(members)), name=name, preprocessing=preprocessing)
