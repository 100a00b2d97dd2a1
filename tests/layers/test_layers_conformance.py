"""Every public layer does what every layer must do."""

import pytest

from kerasarch import layers
from tests import conformance
from tests.conformance import Row

pytestmark = conformance.QUIET

ROWS = [
    Row("batch_normalization", lambda **k: layers.BatchNormalization(**k), (3, 4, 2)),
    Row("conv2d", lambda **k: layers.Conv2D(4, 3, strides=2, padding="same", **k), (5, 6, 3)),
    Row("depthwise_conv2d", lambda **k: layers.DepthwiseConv2D(3, depth_multiplier=2, **k), (5, 6, 3)),
    Row("conv_norm", lambda **k: layers.ConvNorm(4, 3, stride=2, activation="relu", **k), (5, 6, 3)),
    Row("conv_norm_same", lambda **k: layers.ConvNorm(4, 3, padding="same", stride=2, **k), (5, 6, 3)),
    Row("depthwise_conv_norm", lambda **k: layers.DepthwiseConvNorm(3, stride=2, activation="relu6", **k), (5, 6, 4)),
    Row("basic_block", lambda **k: layers.BasicBlock(4, **k), (4, 4, 4)),
    Row("basic_block_down", lambda **k: layers.BasicBlock(6, stride=2, **k), (5, 4, 4)),
    Row("bottleneck_block", lambda **k: layers.BottleneckBlock(8, stride=2, **k), (5, 4, 4)),
    Row(
        "bottleneck_block_v1", lambda **k: layers.BottleneckBlock(8, stride=2, stride_in_reduction=True, **k), (5, 4, 8)
    ),
    Row(
        "preactivation_basic_block", lambda **k: layers.PreactivationBasicBlock(6, stride=2, bias=True, **k), (5, 4, 4)
    ),
    Row("preactivation_bottleneck_block", lambda **k: layers.PreactivationBottleneckBlock(8, stride=2, **k), (5, 4, 8)),
    Row("inverted_residual", lambda **k: layers.InvertedResidual(4, expansion=2, **k), (4, 4, 4)),
    Row("inverted_residual_down", lambda **k: layers.InvertedResidual(6, expansion=1, stride=2, **k), (5, 4, 4)),
    Row("symmetric_max_pooling", lambda **k: layers.SymmetricMaxPooling(3, **k), (5, 6, 2)),
    Row(
        "image_normalization",
        lambda **k: layers.ImageNormalization((0.1, 0.2, 0.3), (1, 2, 3), scale=1.0, **k),
        (3, 4, 3),
    ),
]
row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


@row
def test_shapes_and_batches(row):
    conformance.check_shapes_and_batches(row)


@row
def test_saving(row, tmp_path):
    conformance.check_saving(row, tmp_path)


@row
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_policy(row, policy):
    conformance.check_policy(row, policy)


@row
def test_training(row):
    conformance.check_training(row)


@row
def test_jit(row):
    conformance.check_jit(row)


def test_every_public_layer_has_a_row():
    assert {type(row.make()).__name__ for row in ROWS} == set(layers.__all__)
