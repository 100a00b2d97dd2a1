"""Pictures for the tests of adversarial training."""

import keras
import numpy as np
import pytest

from tests.training.adversarial.linear import SHAPE


@pytest.fixture
def pictures():
    """Eight pictures of 4 x 4 pixels."""
    keras.utils.set_random_seed(1)
    return np.random.default_rng(0).uniform(-1, 1, (8, *SHAPE)).astype("float32")
