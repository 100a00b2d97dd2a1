"""Attention against its definition in NumPy, all scores at once and in chunks, values and both derivatives."""

import importlib

import keras
import numpy as np
import pytest
from keras import ops

from kerasarch.backends import operations
from kerasarch.layers import CrossAttention
from kerasarch.training import grad
from tests import conformance
from tests.conformance import to_numpy

pytestmark = conformance.QUIET

BACKEND = keras.backend.backend()
RNG = np.random.default_rng(0)
B, T, S, HEADS, WIDTH = 2, 70, 90, 2, 8
QUERY, KEY, VALUE = (RNG.normal(size=(B, tokens, HEADS, WIDTH)).astype("float32") for tokens in (T, S, S))
MASKS = {"none": None, "keys": RNG.random((B, 1, 1, S)) > 0.3, "pairs": RNG.random((1, HEADS, T, S)) > 0.3}
for mask in (MASKS["keys"], MASKS["pairs"]):
    mask[..., 0] = True  # causal or not, nobody attends to nothing


@pytest.fixture
def chunks(monkeypatch):
    """Three chunks of queries, the last one not full; PyTorch's kernel decides for itself."""
    if BACKEND != "torch":
        module = importlib.import_module(f"kerasarch.backends.attention_{BACKEND}")
        monkeypatch.setattr(module, "PLAIN", 0)
        monkeypatch.setattr(module, "SCORES", 1)


def defined(query, key, value, mask=None, causal=False):
    scores = np.einsum("btnd,bsnd->bnts", query.astype("float64"), key) / np.sqrt(query.shape[-1])
    allowed = np.tril(np.ones(scores.shape[2:], bool)) if causal else np.ones(scores.shape[2:], bool)
    scores = np.where(allowed if mask is None else allowed & mask, scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.einsum("bnts,bsnd->btnd", weights / weights.sum(axis=-1, keepdims=True), value)


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("causal", [False, True], ids=["all", "causal"])
def test_all_at_once(mask, causal):
    mixed = to_numpy(operations.attend(QUERY, KEY, VALUE, mask=mask, causal=causal))
    np.testing.assert_allclose(mixed, defined(QUERY, KEY, VALUE, mask, causal), atol=1e-5)


@pytest.mark.skipif(BACKEND == "torch", reason="PyTorch's kernel decides for itself")
@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("causal", [False, True], ids=["all", "causal"])
def test_chunks(mask, causal, chunks):
    mixed = to_numpy(operations.attend(QUERY, KEY, VALUE, mask=mask, causal=causal))
    np.testing.assert_allclose(mixed, defined(QUERY, KEY, VALUE, mask, causal), atol=1e-5)


def plainly(query, key, value):
    """The definition in operations that every backend differentiates as often as wanted."""
    scores = ops.einsum("btnd,bsnd->bnts", query, key) / WIDTH**0.5
    weights = ops.softmax(ops.where(ops.convert_to_tensor(MASKS["keys"]), scores, -1e30))
    return ops.einsum("bnts,bsnd->btnd", weights, value)


def attended(query, key, value):
    return operations.attend(query, key, value, mask=MASKS["keys"])


def gradients(attention, again: bool):
    """With respect to query, key and value at once, of a loss, or of the squared gradient of it."""
    direction = ops.convert_to_tensor(RNG.normal(size=QUERY.shape).astype("float32"))

    def loss(parts):
        return ops.sum(ops.square(attention(*parts) - direction))

    def slope(parts):
        return sum(ops.sum(ops.square(part)) for part in grad(loss)(parts))

    slopes = grad(slope if again else loss)
    if BACKEND == "jax":  # which compiles every operation of an eager call by itself
        slopes = importlib.import_module("jax").jit(slopes)
    return [to_numpy(part) for part in slopes(tuple(ops.convert_to_tensor(part) for part in (QUERY, KEY, VALUE)))]


@pytest.mark.parametrize("again", [False, True], ids=["first", "second"])
def test_gradients_of_chunks(again, chunks):
    if again and BACKEND == "torch":
        pytest.skip("PyTorch's fused kernels have no second derivative")
    state = RNG.bit_generator.state
    expected = gradients(plainly, again)
    RNG.bit_generator.state = state
    for ours, theirs in zip(gradients(attended, again), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5 * np.abs(theirs).max())


HALF = pytest.mark.quick_on("tensorflow", "torch")


@pytest.mark.parametrize(
    "policy", ["float32", pytest.param("mixed_float16", marks=HALF), pytest.param("mixed_bfloat16", marks=HALF)]
)
def test_chunks_in_a_compiled_step(policy, chunks):
    """Of unknown batch and length; one step moves every weight."""
    x = RNG.normal(size=(3, 40, 4)).astype("float32")
    inputs = keras.Input((None, 4))
    model = keras.Model(inputs, CrossAttention(2, 4, dtype=policy)(inputs))
    conformance.randomise(model)
    before = model.get_weights()
    query, key, value = ((x @ kernel).reshape(3, 40, 2, 4) for kernel in before[:3])
    expected = defined(query, key, value).reshape(3, 40, 8) @ before[3] + before[4]
    tolerance = 1e-5 if policy == "float32" else 0.03
    np.testing.assert_allclose(conformance.outputs(model, x), expected, atol=tolerance * np.abs(expected).max())
    model.compile("sgd", "mse")
    model.train_on_batch(x, x)
    assert not any(np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True))
