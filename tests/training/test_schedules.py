"""Warm-up and cosine, point by point."""

import keras
import numpy as np
import pytest

from kerasarch import training
from kerasarch.errors import UsageError


def test_values():
    """Worked out by hand: warm-up of 4 to 0.8, cosine over 8 to a quarter of it, counted from iteration 10."""
    schedule = training.WarmupCosine(0.8, total=12, warmup=4, final=0.25, offset=-10)
    rates = [float(schedule(step)) for step in (10, 11, 13, 14, 16, 18, 22, 100)]
    eighth = 0.2 + 0.6 * (1 + np.cos(np.pi / 4)) / 2
    assert rates == pytest.approx([0.2, 0.4, 0.8, 0.8, eighth, 0.5, 0.2, 0.2], rel=1e-6)


def test_without_cosine_or_warmup():
    assert [float(training.WarmupCosine(0.3)(step)) for step in (0, 7)] == pytest.approx([0.3, 0.3])
    assert float(training.WarmupCosine(0.3, total=4, warmup=4)(9)) == pytest.approx(0.3)


def test_configuration_comes_back():
    schedule = training.WarmupCosine(0.8, total=12, warmup=4, final=0.25, offset=-10)
    again = keras.optimizers.schedules.deserialize(keras.optimizers.schedules.serialize(schedule))
    assert again.get_config() == schedule.get_config()


@pytest.mark.parametrize("wrong", [{"rate": -1.0}, {"rate": 1.0, "warmup": -1}, {"rate": 1.0, "final": 2.0}])
def test_bad_numbers(wrong):
    with pytest.raises(UsageError, match="Expected a rate"):
        training.WarmupCosine(**wrong)
