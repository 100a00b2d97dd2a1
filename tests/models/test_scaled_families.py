"""Groups, features and sizes of EfficientNet and ConvNeXt."""

import numpy as np
import pytest

from kerasarch import models
from kerasarch.models.efficientnet import VARIANTS, odd_blocks
from tests import conformance

pytestmark = conformance.QUIET

STAGES = ((1, 4, 1, 1, 3), (2, 6, 2, 2, 5), (2, 8, 1, 2, 3))


@pytest.mark.quick_on("torch")
def test_groups_and_the_strides_of_their_features():
    network = models.efficientnet(stages=STAGES, stem_width=4, top_width=8, classes=2, input_shape=(16, 24, 1))
    shapes = {name: tuple(tensor.shape[1:]) for name, tensor in models.features(network).items()}
    assert shapes == {
        "stem": (8, 12, 4),
        "stage1": (8, 12, 4),
        "stage2": (4, 6, 6),
        "stage3": (2, 3, 8),
        "top": (2, 3, 8),
        "head": (2,),
    }
    network = models.convnext(depths=(1, 2), widths=(4, 6), classes=2, input_shape=(16, 23, 1))
    shapes = {name: tuple(tensor.shape[1:]) for name, tensor in models.features(network).items()}
    assert shapes == {"stem": (4, 5, 4), "stage1": (4, 5, 4), "stage2": (2, 2, 6), "head": (2,)}


@pytest.mark.quick_on("torch")
@pytest.mark.parametrize("family", ["efficientnet", "convnext"])
def test_any_size_and_no_head(family):
    sizes = {"efficientnet": {"stages": STAGES, "top_width": 6}, "convnext": {"depths": (1, 2), "widths": (4, 6)}}
    model = models.build(family, classes=0, input_shape=(None, None, 2), **sizes[family])
    for size in (8, 13):
        y = conformance.outputs(model, np.random.default_rng(0).normal(size=(2, size, size + 1, 2)).astype("float32"))
        assert y.shape == (2, 6)
        assert np.isfinite(y).all()


def test_scaling_is_the_authors():
    # Rounding by hand: 1.1 * (16, 24, 40, 80, 112, 192, 320) to multiples of 8, never down by more than a tenth
    config = models.EfficientNetConfig.scaled(1.1, 1.2)
    assert [row[1] for row in config.stages] == [16, 24, 48, 88, 120, 208, 352]
    assert [row[2] for row in config.stages] == [2, 3, 3, 4, 4, 5, 2]
    assert (config.stem_width, config.top_width) == (32, 1408)


def test_blocks_that_meet_odd_sizes_are_those_of_the_public_folders():
    # "dw_padding" with which the public folders were made: convert_efficientnet_to_pytorch.py of transformers 4
    published = ([], [16], [5, 8, 16], [5, 18], [6], [13, 27], [31], [18])
    assert [list(odd_blocks(config)) for config in VARIANTS.values()] == list(published)
