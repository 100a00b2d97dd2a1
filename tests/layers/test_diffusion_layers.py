"""The blocks of diffusion models with a time embedding, heads and symmetric padding, against diffusers."""

import warnings

import numpy as np
import pytest
import torch

from kerasarch.errors import ShapeError, UsageError
from kerasarch.layers import DiffusionAttention, DiffusionDownsample, DiffusionResNetBlock
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


def test_wrong_arguments():
    with pytest.raises(UsageError, match="must be one of none, shift"):
        DiffusionResNetBlock(8, conditioning="film")
    with pytest.raises(ShapeError, match="exactly when there is a conditioning"):
        DiffusionResNetBlock(8, groups=4, conditioning="shift").build(X.shape)
    with pytest.raises(ShapeError, match="multiples of groups"):
        DiffusionResNetBlock(8, groups=3).build(X.shape)
    with pytest.raises(ShapeError, match="head_width=3"):
        DiffusionAttention(groups=4, head_width=3).build(X.shape)
    with pytest.raises(UsageError, match="must be one of symmetric, end"):
        DiffusionDownsample(4, padding="same")
