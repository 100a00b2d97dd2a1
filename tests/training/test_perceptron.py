"""The perceptron's loss is Rosenblatt's rule: against the rule written as a loop, ties included."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasarch import models, training
from kerasarch.errors import ShapeError


def test_descent_on_the_criterion_is_the_rule():
    rng = np.random.default_rng(0)
    x = np.round(rng.normal(size=(12, 3)), 1).astype("float32")
    y = rng.choice([-1, 1], 12)
    model = models.perceptron((3,))
    model.compile(keras.optimizers.SGD(0.5), training.PerceptronCriterion(), metrics=[training.Mistakes()])
    path = training.WeightPath()
    data = training.ArrayBatches(x, y, batch=1, shuffle=False)
    history = model.fit(data, epochs=2, callbacks=[path], verbose=0).history
    w, b, wrong = np.zeros(3), 0.0, 0
    for step in range(24):
        i = step % 12
        if y[i] * (w @ x[i] + b) <= 0:  # the very first score is 0: a mistake
            w, b, wrong = w + 0.5 * y[i] * x[i], b + 0.5 * y[i], wrong + 1
        np.testing.assert_allclose(path.path[step], [*w, b], atol=1e-5)
        if step == 11:
            assert history["mistakes"][0] == pytest.approx(wrong / 12)
    assert 0 < wrong < 24


def test_criterion_is_that_of_the_mistakes():
    loss = training.PerceptronCriterion(reduction="none")
    found = ops.convert_to_numpy(loss(np.array([1, -1, 1]), np.array([[-2.0], [0.5], [3.0]], "float32")))
    np.testing.assert_allclose(found, [2.0, 0.5, 0.0])
    again = keras.losses.deserialize(keras.losses.serialize(training.PerceptronCriterion()))
    assert isinstance(again, training.PerceptronCriterion)


def test_features_are_a_vector():
    with pytest.raises(ShapeError, match=r"Received \(2, 2\)"):
        models.perceptron((2, 2))
