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
    "alexnet": 61_100_840,
    # Krizhevsky et al., 2012, figure 2, added up by hand without the split over two GPUs
    "alexnet_2012": 62_378_344,
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
    "convnext_tiny": 28_589_128,
    "convnext_small": 50_223_688,
    "convnext_base": 88_591_464,
    "convnext_large": 197_767_336,
    # "350M": https://github.com/facebookresearch/ConvNeXt; counted in keras.applications.ConvNeXtXLarge
    "convnext_xlarge": 350_196_968,
    # 5.91, 22.44 and 87.34 million in timm's results/results-imagenet.csv
    "deit_tiny_patch16": 5_910_800,
    "deit_small_patch16": 22_436_432,
    "deit_base_patch16": 87_338_192,
    # torchvision's vit_b_16, vit_b_32, vit_l_16, vit_l_32 and vit_h_14, the last at 224 pixels (its _linear weights)
    "vit_base_patch16": 86_567_656,
    "vit_base_patch32": 88_224_232,
    "vit_large_patch16": 304_326_632,
    "vit_large_patch32": 306_535_400,
    "vit_huge_patch14": 632_045_800,
}
# Between sizes that are counted by default
LONG = (
    *(f"efficientnet_b{number}" for number in range(2, 7)),
    "convnext_small",
    "convnext_base",
    "convnext_large",
)


def test_cifar_densenet_has_the_papers_size():
    with keras.device("meta"):
        model = models.densenet("densenet100_small", classes=10, input_shape=(32, 32, 3))
    assert round(model.count_params() / 1e6, 1) == 0.8  # Huang et al., 2016, table 2: DenseNet-BC (k = 12), 100 layers


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in LONG else name for name in PUBLISHED]
)
def test_parameter_counts(name):
    with keras.device("meta"):
        model = models.build(name)
    assert sum(math.prod(variable.shape) for variable in model.trainable_variables) == PUBLISHED[name]
