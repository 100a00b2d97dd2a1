"""Parameter counts and shapes of full published sizes."""

import collections
import math
import os

import keras
import numpy as np
import pytest
import torch

from kerasarch import models
from kerasarch.weights import densenet
from kerasarch.weights.checkpoint import KERAS_PLACES, to_torch
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


def zeros(variable):
    """A variable's shape as an array that takes no memory."""
    return np.broadcast_to(np.float32(0), tuple(variable.shape))


@pytest.mark.parametrize("depth", [121, *(pytest.param(depth, marks=pytest.mark.slow) for depth in (169, 201))])
def test_densenets_have_the_shapes_of_keras_applications(depth):
    with keras.device("meta"):
        ours = models.build(f"densenet{depth}")
        theirs = getattr(keras.applications, f"DenseNet{depth}")(weights=None)
    found = {densenet.tensor_name(one.path, "keras", None): tuple(one.shape) for one in ours.weights}
    assert found == {
        f"{layer.name}/{KERAS_PLACES[one.name]}": tuple(one.shape) for layer in theirs.layers for one in layer.weights
    }


LARGE = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096}
HUGE = {"hidden_size": 1280, "num_hidden_layers": 32, "num_attention_heads": 16, "intermediate_size": 5120}
TRANSFORMERS = {
    # Sizes of google/vit-* and facebook/deit-*-distilled-patch16-224; those that are not named are transformers' own
    "vit_base_patch16": {},
    "vit_large_patch32": {**LARGE, "patch_size": 32},
    "vit_huge_patch14": {**HUGE, "patch_size": 14},
    "deit_base_patch16": {},
    "deit_tiny_patch16": {"hidden_size": 192, "num_attention_heads": 3, "intermediate_size": 768},
}


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_vision_transformers_have_the_shapes_of_transformers(name):
    import transformers

    family = name.partition("_")[0]
    kind = {"vit": "ViTForImageClassification", "deit": "DeiTForImageClassificationWithTeacher"}[family]
    kind = getattr(transformers, kind)
    with keras.device("meta"):
        ours = models.build(name)
    with torch.device("meta"):
        theirs = kind(kind.config_class(**TRANSFORMERS[name], num_labels=1000))
    # Names in memory are not those in files, which are compared at small sizes
    found = collections.Counter(to_torch(one.path, zeros(one)).shape for one in ours.weights)
    assert found == collections.Counter(tuple(tensor.shape) for tensor in theirs.state_dict().values())
