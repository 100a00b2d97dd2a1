"""The blocks of diffusion models with a time embedding, heads and symmetric padding, against diffusers."""

import warnings

import numpy as np
import pytest
import torch

from kerasarch.errors import ShapeError, UsageError
from kerasarch.layers import DiffusionAttention, DiffusionDownsample, DiffusionResNetBlock, DiffusionUpsample
from tests import conformance
from tests.conformance import to_numpy
from tests.weights.references import assert_close, randomise_torch

pytestmark = conformance.QUIET

with warnings.catch_warnings():
    # diffusers 0.42 asks torch for modules that torch has deprecated
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    warnings.filterwarnings("ignore", category=FutureWarning)
    from diffusers.models.attention_processor import Attention
    from diffusers.models.downsampling import Downsample2D
    from diffusers.models.resnet import ResnetBlock2D
    from diffusers.models.upsampling import Upsample2D

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 5, 4, 8)).astype("float32")
FIRST = torch.tensor(np.ascontiguousarray(np.moveaxis(X, -1, 1)))


def copy(ours, theirs) -> None:
    """Weights of one torch layer into one of Keras."""
    kernel = theirs.weight.detach().numpy()
    orders = {4: (2, 3, 1, 0), 2: (1, 0), 1: (0,)}
    for variable, value in zip(
        ours.weights, (kernel.transpose(orders[kernel.ndim]), theirs.bias.detach()), strict=True
    ):
        variable.assign(np.asarray(value))


def last(x: torch.Tensor) -> np.ndarray:
    return np.moveaxis(x.detach().numpy(), 1, -1)


@pytest.mark.parametrize(("ours", "theirs"), [("shift", "default"), ("scale_shift", "scale_shift")])
def test_time_embeddings(ours, theirs):
    reference = ResnetBlock2D(
        in_channels=8,
        out_channels=12,
        temb_channels=6,
        groups=4,
        time_embedding_norm=theirs,
        output_scale_factor=1.5,
    ).eval()
    randomise_torch(reference)
    embedding = RNG.normal(size=(2, 6)).astype("float32")
    block = DiffusionResNetBlock(12, groups=4, conditioning=ours, output_scale=1.5)
    block.build(X.shape, embedding.shape)
    names = {"shortcut": "conv_shortcut", "projection": "time_emb_proj"}
    for name in ("norm1", "conv1", "projection", "norm2", "conv2", "shortcut"):
        copy(getattr(block, name), getattr(reference, names.get(name, name)))
    assert_close(to_numpy(block(X, embedding)), last(reference(FIRST, torch.tensor(embedding))))


def test_heads():
    reference = Attention(8, heads=2, dim_head=4, norm_num_groups=4, eps=1e-6, bias=True, residual_connection=True)
    randomise_torch(reference)
    layer = DiffusionAttention(groups=4, head_width=4)
    layer.build(X.shape)
    pairs = {"norm": reference.group_norm, "query": reference.to_q, "key": reference.to_k, "value": reference.to_v}
    for name, theirs in {**pairs, "out": reference.to_out[0]}.items():
        copy(getattr(layer, name), theirs)
    assert_close(to_numpy(layer(X)), last(reference(FIRST)))


def test_symmetric_padding():
    reference = Downsample2D(8, use_conv=True, out_channels=6, padding=1)
    layer = DiffusionDownsample(6)
    layer.build(X.shape)
    copy(layer.convolution, reference.conv)
    assert_close(to_numpy(layer(X)), last(reference(FIRST)))


@pytest.mark.parametrize("way", ["down", "up"])
def test_blocks_that_resample(way):
    reference = ResnetBlock2D(
        in_channels=8, out_channels=8, temb_channels=6, groups=4, skip_time_act=True, **{way: True}
    ).eval()
    randomise_torch(reference)
    embedding = RNG.normal(size=(2, 6)).astype("float32")
    block = DiffusionResNetBlock(8, groups=4, conditioning="shift", resampling=way, activate_embedding=False)
    block.build(X.shape, embedding.shape)
    copy(block.projection, reference.time_emb_proj)
    for name in ("norm1", "conv1", "norm2", "conv2"):
        copy(getattr(block, name), getattr(reference, name))
    y = to_numpy(block(X, embedding))
    assert y.shape == block.compute_output_shape(X.shape)
    assert_close(y, last(reference(FIRST, torch.tensor(embedding))))


def test_attention_without_normalisation():
    reference = Attention(8, heads=1, dim_head=8, bias=True, residual_connection=True, rescale_output_factor=2.0)
    randomise_torch(reference)
    layer = DiffusionAttention(groups=None, output_scale=2.0)
    layer.build(X.shape)
    for name, theirs in {"query": "to_q", "key": "to_k", "value": "to_v"}.items():
        copy(getattr(layer, name), getattr(reference, theirs))
    copy(layer.out, reference.to_out[0])
    assert_close(to_numpy(layer(X)), last(reference(FIRST)))


@pytest.mark.parametrize("size", [(9, 8), (11, 7), (10, 8)])
def test_enlarging_to_a_size(size):
    reference = Upsample2D(8, use_conv=True, out_channels=6)
    layer = DiffusionUpsample(6)
    like = np.zeros((2, *size, 1), "float32")
    layer.build(X.shape, like.shape)
    copy(layer.convolution, reference.conv)
    y = to_numpy(layer(X, like))
    assert y.shape == layer.compute_output_shape(X.shape, like.shape)
    assert_close(y, last(reference(FIRST, output_size=size)))


def test_wrong_arguments():
    with pytest.raises(UsageError, match="must be one of none, shift"):
        DiffusionResNetBlock(8, conditioning="film")
    with pytest.raises(ShapeError, match="exactly when there is a conditioning"):
        DiffusionResNetBlock(8, groups=4, conditioning="shift").build(X.shape)
    with pytest.raises(ShapeError, match="multiples of groups"):
        DiffusionResNetBlock(8, groups=3).build(X.shape)
    with pytest.raises(ShapeError, match="head_width=3"):
        DiffusionAttention(groups=4, head_width=3).build(X.shape)
    with pytest.raises(UsageError, match="Received 'down', 'spatial'"):
        DiffusionResNetBlock(8, conditioning="spatial", resampling="down")
    with pytest.raises(UsageError, match="must be one of symmetric, end"):
        DiffusionDownsample(4, padding="same")
