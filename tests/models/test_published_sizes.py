"""Parameter counts of full published sizes."""

import math
import os

import keras
import pytest

from kerasarch import models
from tests import conformance

# PyTorch's device "meta" has shapes and no numbers: the largest network costs a second.
pytestmark = [
    conformance.QUIET,
    pytest.mark.skipif(os.environ["KERAS_BACKEND"] != "torch", reason="counted once, without numbers"),
]

# Trainable parameters with 1000 classes, as torchvision counts them (column "Params" of
# https://docs.pytorch.org/vision/stable/models.html), unless another source stands beside them
PUBLISHED = {
    "vgg11": 132_863_336,
    "vgg11_bn": 132_868_840,
    "vgg13": 133_047_848,
    "vgg13_bn": 133_053_736,
    "vgg16": 138_357_544,
    "vgg16_bn": 138_365_992,
    "vgg19": 143_667_240,
    "vgg19_bn": 143_678_248,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameter_counts(name):
    with keras.device("meta"):
        model = models.build(name)
    assert sum(math.prod(variable.shape) for variable in model.trainable_variables) == PUBLISHED[name]
