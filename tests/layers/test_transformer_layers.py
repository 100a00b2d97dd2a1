"""Attention between tokens, feed-forward networks and the block made of them, against diffusers."""

import warnings

import numpy as np
import pytest
import torch

from kerasarch.errors import ShapeError, UsageError
from kerasarch.layers import CrossAttention, FeedForward, TransformerBlock
from kerasarch.layers.feed_forward import ACTIVATIONS
from tests import conformance
from tests.conformance import to_numpy
from tests.weights.references import assert_close, randomise_torch

pytestmark = conformance.QUIET

with warnings.catch_warnings():
    # diffusers 0.42 asks torch for modules that torch has deprecated
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    warnings.filterwarnings("ignore", category=FutureWarning)
    from diffusers.models.attention import BasicTransformerBlock
    from diffusers.models.attention import FeedForward as TheirFeedForward

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 5, 8)).astype("float32")
CONTEXT = RNG.normal(size=(2, 3, 6)).astype("float32")
MASK = np.array([[True, True, False], [True, False, False]])

# Gates of transformers, and what they are in PyTorch
OWN = {"geglu-tanh": lambda x: torch.nn.functional.gelu(x, approximate="tanh"), "reglu": torch.relu}
NAMES = {
    "attention1": "attn1",
    "attention2": "attn2",
    "feed_forward": "ff",
    "project_in": "net.0.proj",
    "project_out": "net.2",
    "query": "to_q",
    "key": "to_k",
    "value": "to_v",
    "out": "to_out.0",
    "kernel": "weight",
    "gamma": "weight",
    "beta": "bias",
}


def copy(layer, reference: torch.nn.Module) -> None:
    """Every weight of a torch module into one of Keras, each exactly once."""
    tensors = {name: tensor.detach().numpy() for name, tensor in reference.named_parameters()}
    for variable in layer.weights:
        parts = variable.path.split("/")[1:]
        variable.assign(tensors.pop(".".join(NAMES.get(part, part) for part in parts)).T)
    assert not tensors


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({}, {"cross_attention_dim": 6}),
        ({"cross_attention": False, "activation": "gelu-approximate", "bias": True}, {}),
        ({"only_cross_attention": True}, {"cross_attention_dim": 6}),
    ],
    ids=["cross", "self", "only_cross"],
)
def test_block(ours, theirs):
    same = {"activation_fn": ours.get("activation", "geglu"), "attention_bias": ours.get("bias", False)}
    only = ours.get("only_cross_attention", False)
    reference = BasicTransformerBlock(8, 2, 4, only_cross_attention=only, **same, **theirs).eval()
    randomise_torch(reference)
    block = TransformerBlock(2, 4, **ours, name="block")
    inputs = (X, CONTEXT) if theirs else (X,)
    block.build(*(part.shape for part in inputs))
    copy(block, reference)
    bias = torch.tensor(np.where(MASK, 0.0, -1e4)[:, None].astype("float32"))
    masks = {"encoder_attention_mask": bias, "attention_mask": bias if only else None} if theirs else {}
    with torch.no_grad():
        expected = reference(
            torch.tensor(X), encoder_hidden_states=torch.tensor(CONTEXT) if theirs else None, **masks
        ).numpy()
    ours_mask = {"context_mask": MASK} if theirs else {}
    assert_close(to_numpy(block(*inputs, **ours_mask)), expected)


@pytest.mark.parametrize("activation", OWN)
def test_gates_that_diffusers_lacks(activation):
    layer = FeedForward(activation, hidden=6, initializer="random_normal")
    layer.build(X.shape)
    kernels = [to_numpy(part.kernel) for part in (layer.project_in, layer.project_out)]
    value, gate = np.split(X @ kernels[0], 2, axis=-1)
    assert_close(to_numpy(layer(X)), (value * OWN[activation](torch.tensor(gate)).numpy()) @ kernels[1])


@pytest.mark.parametrize("activation", [name for name in ACTIVATIONS if name not in OWN])
def test_feed_forward(activation):
    theirs = {"quick_gelu": "geglu-approximate", "relu": "gelu"}.get(activation, activation)  # transformers' names
    reference = TheirFeedForward(8, activation_fn=theirs, inner_dim=12)
    if activation == "relu":  # which diffusers has not
        reference.net[0].gelu = torch.relu
    layer = FeedForward(activation, hidden=12, name="layer")
    layer.build(X.shape)
    copy(layer, reference)
    with torch.no_grad():
        expected = reference(torch.tensor(X)).numpy()
    assert_close(to_numpy(layer(X)), expected)


def test_masks_and_causality():
    layer = CrossAttention(2, 4)
    mask = np.arange(5) < np.array([[5], [3]])
    y = to_numpy(layer(X, mask=mask))
    short = to_numpy(layer(X[1:, :3]))
    np.testing.assert_allclose(y[1:, :3], short, atol=1e-5)  # what is masked might as well not be there
    causal = CrossAttention(2, 4, causal=True)
    causal.build(X.shape)
    for ours, theirs in zip(causal.weights, layer.weights, strict=True):
        ours.assign(theirs)
    np.testing.assert_allclose(to_numpy(causal(X))[:, :3], to_numpy(causal(X[:, :3])), atol=1e-5)
    np.testing.assert_allclose(to_numpy(causal(X))[:, -1], to_numpy(layer(X))[:, -1], atol=1e-5)


def test_wrong_arguments():
    with pytest.raises(UsageError, match="must be one of gelu, gelu-approximate"):
        FeedForward("softplus")
    with pytest.raises(ShapeError, match="Give a context exactly when"):
        TransformerBlock(2, 4).build(X.shape)
    with pytest.raises(ShapeError, match="Leave out the context"):
        CrossAttention(2, 4, causal=True).build(X.shape, CONTEXT.shape)
