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
    "densenet121": 7_978_856,
    "densenet161": 28_681_000,
    "densenet169": 14_149_480,
    "densenet201": 20_013_928,
    "vgg11": 132_863_336,
    "vgg11_bn": 132_868_840,
    "vgg13": 133_047_848,
    "vgg13_bn": 133_053_736,
    "vgg16": 138_357_544,
    "vgg16_bn": 138_365_992,
    "vgg19": 143_667_240,
    "vgg19_bn": 143_678_248,
    "efficientnet_b0": 5_288_548,
    "efficientnet_b1": 7_794_184,
    "efficientnet_b2": 9_109_994,
    "efficientnet_b3": 12_233_232,
    "efficientnet_b4": 19_341_616,
    "efficientnet_b5": 30_389_784,
    "efficientnet_b6": 43_040_704,
    "efficientnet_b7": 66_347_960,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameter_counts(name):
    with keras.device("meta"):
        model = models.build(name)
    assert sum(math.prod(variable.shape) for variable in model.trainable_variables) == PUBLISHED[name]
