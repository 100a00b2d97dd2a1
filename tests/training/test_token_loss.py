"""Loss and perplexity of tokens beside NumPy; the schedule of the Transformer; averages in a block."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasarch.errors import UsageError
from kerasarch.training import InverseSquareRoot, Perplexity, TokenCrossentropy
from kerasarch.training.weight_averages import with_averages

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(3, 4, 5)).astype("float32") * 3
TARGETS = np.array([[1, 2, 0, 0], [4, 4, 3, 0], [2, 0, 0, 0]])


def logs():
    shifted = LOGITS.astype("float64") - LOGITS.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


@pytest.mark.parametrize(("smoothing", "padding"), [(0.0, None), (0.1, 0), (0.3, 2)])
def test_the_loss_is_that_of_smoothed_targets(smoothing, padding):
    targets = (1 - smoothing) * np.eye(5)[TARGETS] + smoothing / 5
    kept = np.ones_like(TARGETS, bool) if padding is None else padding != TARGETS
    expected = -(targets * logs()).sum(axis=-1)[kept].mean()
    loss = TokenCrossentropy(smoothing, padding=padding)
    assert float(loss(TARGETS, LOGITS)) == pytest.approx(expected, rel=1e-5)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert float(again(TARGETS, LOGITS)) == pytest.approx(expected, rel=1e-5)


def test_rows_without_targets_cost_nothing():
    loss = TokenCrossentropy(0.1, padding=0)
    more = np.concatenate([TARGETS, np.zeros((2, 4), int)])
    logits = np.concatenate([LOGITS, 9 * LOGITS[:2]])
    assert float(loss(more, logits)) == pytest.approx(float(loss(TARGETS, LOGITS)), rel=1e-6)
    assert float(loss(np.zeros((2, 4), int), LOGITS[:2])) == 0
    with pytest.raises(UsageError, match="Received 1"):
        TokenCrossentropy(1)


def test_perplexity_counts_each_token_alike_over_batches():
    metric = Perplexity(padding=0)
    metric.update_state(TARGETS[:1], ops.convert_to_tensor(LOGITS[:1]))
    metric.update_state(TARGETS[1:], ops.convert_to_tensor(LOGITS[1:]))
    picked = np.take_along_axis(logs(), TARGETS[..., None], axis=-1)[..., 0][TARGETS != 0]
    assert float(metric.result()) == pytest.approx(np.exp(-picked.mean()), rel=1e-5)
    metric.reset_state()
    assert float(metric.result()) == 1
    with pytest.raises(UsageError, match="counts each token alike"):
        metric.update_state(TARGETS, LOGITS, sample_weight=np.ones(3))


def test_the_rate_of_the_transformer():
    width, warmup = 512, 4000
    schedule = InverseSquareRoot((width * warmup) ** -0.5, warmup=warmup)
    for step in (0, 10, 3999, 4000, 50_000):
        expected = width**-0.5 * min((step + 1) ** -0.5, (step + 1) * warmup**-1.5)  # eq. 3 of the paper
        assert float(schedule(step)) == pytest.approx(expected, rel=1e-5)
    again = keras.optimizers.schedules.deserialize(keras.optimizers.schedules.serialize(schedule))
    assert float(again(7)) == float(schedule(7))
    with pytest.raises(UsageError, match="warm-up of 1 or more"):
        InverseSquareRoot(0.1, warmup=0)


def test_averages_stand_in_within_a_block():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False)])
    model.compile(keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.9), "mse")
    x, y = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")
    model.train_on_batch(x, y)
    first = model.get_weights()[0]
    model.train_on_batch(x, y)
    last = model.get_weights()[0]
    with with_averages(model):
        np.testing.assert_allclose(model.get_weights()[0], 0.9 * first + 0.1 * last, rtol=1e-5)
    np.testing.assert_array_equal(model.get_weights()[0], last)
