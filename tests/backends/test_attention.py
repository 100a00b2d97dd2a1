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


def defined(query, key, value, mask=None, causal=False, bias=0.0):
    scores = np.einsum("btnd,bsnd->bnts", query.astype("float64"), key) / np.sqrt(query.shape[-1]) + bias
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


BIASES = {"shared": (1, HEADS, 1, S), "own": (B, HEADS, 1, S)}
BIASES = {name: np.random.default_rng(1).normal(size=shape).astype("float32") for name, shape in BIASES.items()}


@pytest.mark.parametrize("bias", BIASES.values(), ids=BIASES)
@pytest.mark.parametrize("chunked", [False, True], ids=["at once", "chunks"])
@pytest.mark.parametrize(("mask", "causal", "tokens"), [("none", True, T), ("keys", False, T), ("keys", False, 1)])
def test_biases(bias, mask, causal, tokens, chunked, request):
    if chunked:
        request.getfixturevalue("chunks")
    query, mask = QUERY[:, :tokens], MASKS[mask]
    mixed = to_numpy(operations.attend(query, KEY, VALUE, mask=mask, causal=causal, bias=bias))
    np.testing.assert_allclose(mixed, defined(query, KEY, VALUE, mask, causal, bias), atol=1e-5)


@pytest.mark.parametrize("tokens", [1, 3])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_large_biases_keep_their_digits_in_half_precision(dtype, tokens):
    """Neighbours differ by less than the last digit that the type has."""
    bias = (0.8 * np.arange(8000, dtype="float32"))[None, None, None]
    rng = np.random.default_rng(2)
    parts = [ops.cast(rng.normal(size=(1, size, 1, 8)), dtype) for size in (tokens, 8000, 8000)]
    rounded = [to_numpy(ops.cast(part, "float32")) for part in parts]
    mixed = to_numpy(ops.cast(operations.attend(*parts, bias=bias), "float32"))
    np.testing.assert_allclose(mixed, defined(*rounded, bias=bias), atol=0.03)


def plainly(query, key, value):
    """The definition in operations that every backend differentiates as often as wanted."""
    scores = ops.einsum("btnd,bsnd->bnts", query, key) / WIDTH**0.5
    weights = ops.softmax(ops.where(ops.convert_to_tensor(MASKS["keys"]), scores, -1e30))
    return ops.einsum("bnts,bsnd->btnd", weights, value)


def attended(query, key, value):
    return operations.attend(query, key, value, mask=MASKS["keys"])


def plainly_biased(query, key, value):
    """With constant channels whose product is the bias."""
    ones = ops.ones((*query.shape[:3], 1))
    bias = ops.convert_to_tensor(BIASES["own"].transpose(0, 3, 1, 2) * WIDTH**0.5)
    return plainly(ops.concatenate([query, ones], axis=-1), ops.concatenate([key, bias], axis=-1), value)


def attended_biased(query, key, value):
    return operations.attend(query, key, value, mask=MASKS["keys"], bias=BIASES["own"])


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


@pytest.mark.parametrize(
    ("ours", "theirs", "again"),
    [(attended, plainly, False), (attended, plainly, True), (attended_biased, plainly_biased, False)],
    ids=["first", "second", "first with biases"],
)
def test_gradients_of_chunks(ours, theirs, again, chunks):
    if again and BACKEND == "torch":
        pytest.skip("PyTorch's fused kernels have no second derivative")
    state = RNG.bit_generator.state
    expected = gradients(theirs, again)
    RNG.bit_generator.state = state
    for found, wanted in zip(gradients(ours, again), expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-5 * np.abs(wanted).max())


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


@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("tokens", [1, 4, 20])
def test_keys_and_values_that_are_kept(tokens, groups):
    """Written in two parts and read after each, one token or some at a time, heads alone or in groups."""
    key, value = (RNG.normal(size=(B, 30, HEADS, WIDTH)).astype("float32") for _ in range(2))
    keys, values = (ops.zeros((B, HEADS, 40, WIDTH)) for _ in range(2))
    for start in (0, 30 - tokens):
        part = slice(start, 30)
        keys = operations.write_places(keys, key[:, part], np.int32(start))
        values = operations.write_places(values, value[:, part], np.int32(start))
        query = RNG.normal(size=(B, tokens, HEADS * groups, WIDTH)).astype("float32")
        mask = (RNG.random((B, 1, tokens, 40)) > 0.3) & (np.arange(40) < 30)
        mask[..., 0] = True
        mixed = operations.attend_kept(ops.convert_to_tensor(query), keys, values, ops.convert_to_tensor(mask))
        repeated = (np.repeat(part, groups, axis=2) for part in (key, value))
        wanted = defined(query, *repeated, mask[..., :30])
        np.testing.assert_allclose(to_numpy(mixed), wanted, atol=1e-5)
