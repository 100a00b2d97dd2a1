"""Rosenblatt's perceptron: one unit that weighs its inputs and answers yes or no.

Paper: Rosenblatt, 1958, "The perceptron: a probabilistic model for information storage and organization in the brain"
(https://doi.org/10.1037/h0042519). This is his response unit on given features; the random layer of association units
before it, which does not learn, is left out, as in every textbook since.
"""

import keras

from kerasarch.errors import ShapeError


def perceptron(input_shape: tuple[int, ...] = (2,), *, name: str = "perceptron") -> keras.Model:
    """Build a perceptron: ``score = w . x + b``, of which the answer is the sign.

    All weights begin at zero. ``kerasarch.training.PerceptronCriterion`` with plain gradient descent, one example at a
    time, is its learning rule.

    Args:
        input_shape: The number of features, in a tuple.
        name: Name of the model.

    Returns:
        A functional model ``(B, features) -> (B, 1)`` that gives the score.

    Raises:
        ShapeError: The input is no vector.
    """
    if len(input_shape) != 1 or input_shape[0] < 1:
        raise ShapeError(f"{name}: input_shape must be (features,), positive. Received {tuple(input_shape)}.")
    features = keras.Input(tuple(input_shape), name="features")
    return keras.Model(features, keras.layers.Dense(1, kernel_initializer="zeros", name="unit")(features), name=name)
