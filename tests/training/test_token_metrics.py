"""Figures over single tokens, against NumPy: each token alike, whatever batch it is in."""

import keras
import numpy as np

from kerasarch.training.token_metrics import TokenAccuracy, TokenLoss


def test_each_token_counts_alike():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(2, 3, 4, 5)).astype("float32") * 3
    targets = rng.integers(0, 5, (2, 3, 4)).astype("int32")
    targets[0, :2] = -100
    targets[1, 2, 3] = -100
    loss, accuracy = TokenLoss(), TokenAccuracy()
    for metric in (loss, accuracy):
        for batch in range(2):
            metric.update_state(targets[batch], keras.ops.convert_to_tensor(logits[batch]))
    known = targets != -100
    chances = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    right = chances.argmax(-1)[known] == targets[known]
    nats = -np.take_along_axis(chances, np.maximum(targets, 0)[..., None], -1)[..., 0][known]
    np.testing.assert_allclose(float(loss.result()), nats.mean(), rtol=1e-5)
    np.testing.assert_allclose(float(accuracy.result()), right.mean(), rtol=1e-6)
    assert 0 < right.mean() < 1
