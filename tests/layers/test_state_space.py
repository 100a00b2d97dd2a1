"""State-space layers against their definitions, step by step in NumPy and PyTorch, and in pieces against as a whole."""

import os

import keras
import numpy as np
import pytest
import torch

from kerasarch import backends, layers
from kerasarch.backends import operations
from kerasarch.errors import ShapeError, UsageError
from kerasarch.layers.selective_scan import selective_scan
from kerasarch.layers.state_space_duality import state_space_duality
from tests import conformance
from tests.conformance import to_numpy

pytestmark = conformance.QUIET
LONG = 2 * operations.RECURRENCE_CHUNK + 5


def numbers(*shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


def plain_scan(x, steps, a, b, c, state):
    """The recurrence itself, in float64."""
    outputs = []
    for t in range(x.shape[1]):
        drive = (steps[:, t] * x[:, t])[..., None] * b[:, t, None]
        state = torch.exp(steps[:, t, :, None] * a) * state + drive
        outputs.append((state * c[:, t, None]).sum(-1))
    return torch.stack(outputs, 1), state


def plain_heads(x, steps, a, b, c, state):
    ratio = x.shape[2] // b.shape[2]
    b, c = (part.repeat_interleave(ratio, dim=2) for part in (b, c))
    outputs = []
    for t in range(x.shape[1]):
        drive = torch.einsum("bh,bhp,bhn->bhpn", steps[:, t], x[:, t], b[:, t])
        state = torch.exp(steps[:, t] * a)[..., None, None] * state + drive
        outputs.append(torch.einsum("bhpn,bhn->bhp", state, c[:, t]))
    return torch.stack(outputs, 1), state


def scan_inputs(tokens, channels=3, states=4):
    x, steps, a, b, c, state = numbers(
        (2, tokens, channels), (2, tokens, channels), (channels, states), (2, tokens, states), (2, tokens, states),
        (2, channels, states),
    )  # fmt: skip
    return [x, np.log1p(np.exp(steps - 1)), -np.exp(a), b, c, state]


def head_inputs(tokens, heads=4, width=3, groups=2, states=5):
    x, steps, a, b, c, state = numbers(
        (2, tokens, heads, width), (2, tokens, heads), (heads,), (2, tokens, groups, states),
        (2, tokens, groups, states), (2, heads, width, states),
    )  # fmt: skip
    return [x, np.log1p(np.exp(steps - 1)), -np.exp(a), b, c, state]


def in_chunks_of_four(*tensors):
    return state_space_duality(*tensors, chunk=4)


ROWS = {
    "scan of one": (selective_scan, plain_scan, scan_inputs(1)),
    "scan within a chunk": (selective_scan, plain_scan, scan_inputs(5)),
    "scan over chunks": (selective_scan, plain_scan, scan_inputs(LONG)),
    "heads of one": (in_chunks_of_four, plain_heads, head_inputs(1)),
    "heads within a chunk": (state_space_duality, plain_heads, head_inputs(5)),
    "heads over chunks": (in_chunks_of_four, plain_heads, head_inputs(11)),
}


@pytest.mark.parametrize("row", ROWS)
def test_outputs_states_and_gradients_are_those_of_the_recurrence(row):
    ours, plain, given = ROWS[row]
    tensors = [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in given]
    expected = plain(*tensors)
    pull = numbers(*(part.shape for part in expected), seed=1)
    sum((part * torch.tensor(one)).sum() for part, one in zip(expected, pull, strict=True)).backward()

    def loss(tensors):
        found = ours(*tensors)
        return sum(keras.ops.sum(keras.ops.multiply(part, one)) for part, one in zip(found, pull, strict=True)), found

    call = backends.compiled(lambda *tensors: backends.differentiate(loss, [], list(tensors))[1:], keras.layers.Layer())
    if keras.backend.backend() == "torch":
        found, gradients = backends.differentiate(loss, [], [torch.tensor(value) for value in given])[1:]
    else:
        found, gradients = call(*given)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(to_numpy(one), other.detach().numpy(), rtol=1e-4, atol=1e-5)
    for one, other in zip(gradients, tensors, strict=True):
        scale = float(other.grad.abs().max())
        np.testing.assert_allclose(to_numpy(one), other.grad.numpy(), rtol=1e-4, atol=1e-4 * scale)


def test_where_nothing_is_written_the_state_stays():
    x, steps, a, b, c, state = scan_inputs(6)
    found = selective_scan(x, np.zeros_like(steps), a, b, c, state)[1]
    np.testing.assert_array_equal(to_numpy(found), state)


def test_large_steps_stay_finite():
    """The future of a chunk would be infinite, were it not masked before the exponential."""
    x, steps, a, b, c, state = head_inputs(9)
    y, state = state_space_duality(x, 500 * steps, a, b, c, state)
    assert np.isfinite(to_numpy(y)).all()
    assert np.isfinite(to_numpy(state)).all()


@pytest.mark.skipif(os.environ["KERAS_BACKEND"] != "jax", reason="the other way of JAX alone")
def test_in_parallel_as_one_after_the_other():
    from kerasarch.backends.recurrence_jax import _in_parallel

    decay, drive, start = numbers((13, 2, 3), (13, 2, 3), (2, 3))
    np.testing.assert_allclose(
        _in_parallel(decay, drive, start), operations.linear_recurrence(decay, drive, start), rtol=1e-4, atol=1e-5
    )


def largest_tensor(function, given) -> int:
    """The number of elements of the largest tensor of a function and its gradient."""
    backend = os.environ["KERAS_BACKEND"]

    def loss(tensors):
        return keras.ops.sum(function(*tensors)[0]), 0

    def gradient(*tensors):
        return backends.differentiate(loss, [], list(tensors))[2]

    if backend == "jax":
        import jax
        from jax.extend.core import jaxprs_in_params

        def sizes(jaxpr):
            for equation in jaxpr.eqns:
                yield from (int(np.prod(part.aval.shape)) for part in equation.outvars)
                for inner in jaxprs_in_params(equation.params):
                    yield from sizes(inner)

        return max(sizes(jax.make_jaxpr(gradient)(*given).jaxpr))
    if backend == "tensorflow":
        import tensorflow as tf

        graph = (
            tf.function(gradient).get_concrete_function(*map(tf.constant, given)).graph.as_graph_def(add_shapes=True)
        )
        loops = [node for function in graph.library.function for node in function.node_def]
        assert loops
        shapes = [shape for node in (*graph.node, *loops) for shape in node.attr["_output_shapes"].list.shape]
        return max(int(np.prod([part.size for part in shape.dim])) for shape in shapes)
    from torch.utils._python_dispatch import TorchDispatchMode

    class Largest(TorchDispatchMode):
        found = 0

        def __torch_dispatch__(self, function, types, given=(), named=None):
            out = function(*given, **(named or {}))
            for part in torch.utils._pytree.tree_leaves(out):
                if isinstance(part, torch.Tensor):
                    Largest.found = max(Largest.found, part.untyped_storage().nbytes() // 4)
            return out

    with Largest():
        gradient(*map(torch.tensor, given))
    return Largest.found


@pytest.mark.parametrize("row", ["scan", "heads"])
def test_no_tensor_holds_the_states_of_all_tokens(row):
    tokens = 8 * operations.RECURRENCE_CHUNK
    given = scan_inputs(tokens, 4, 32) if row == "scan" else head_inputs(tokens, 4, 8, 1, 32)
    function = selective_scan if row == "scan" else in_chunks_of_four
    states = tokens * given[-1].size
    assert largest_tensor(function, given) <= states // 3


def in_pieces(layer, cache, x, sizes):
    """Outputs for a sequence as a whole and in pieces of some sizes, and the cache behind it."""

    def run(x, cache):
        parts, start = [], 0
        for size in sizes:
            part, cache = layer(x[:, start : start + size], cache=cache)
            parts.append(part)
            start += size
        return layer(x), keras.ops.concatenate(parts, axis=1), cache

    whole, parts, cache = backends.compiled(run, layer)(x, cache)
    return to_numpy(whole), to_numpy(parts), cache


def test_causal_convolution():
    layer = layers.CausalDepthwiseConv1D(3)
    x, kernel, bias = numbers((2, 5, 4), (3, 4), (4,))
    layer.build(x.shape)
    layer.kernel.assign(kernel)
    layer.bias.assign(bias)
    padded = np.concatenate([np.zeros((2, 2, 4)), x], axis=1)
    expected = sum(padded[:, tap : tap + 5] * kernel[tap] for tap in range(3)) + bias
    whole, parts, cache = in_pieces(layer, layer.empty_cache(2), x, (1, 4))
    np.testing.assert_allclose(whole, expected, atol=1e-5)
    np.testing.assert_allclose(parts, expected, atol=1e-5)
    np.testing.assert_array_equal(to_numpy(cache), x[:, -2:])


def test_gated_normalization():
    layer = layers.GatedRMSNormalization(2, epsilon=0.1)
    x, gate, scale = numbers((3, 6), (3, 6), (6,))
    layer.build(x.shape)
    layer.scale.assign(scale)
    h = (x * gate / (1 + np.exp(-gate))).reshape(3, 2, 3)
    expected = scale * (h / np.sqrt((h**2).mean(-1, keepdims=True) + 0.1)).reshape(3, 6)
    np.testing.assert_allclose(to_numpy(layer(x, gate)), expected, atol=1e-5)


def diagonal(initial, discretization, channels=3, states=6):
    layer = layers.DiagonalStateSpace(states, initial=initial, discretization=discretization)
    layer.build((None, None, channels))
    return layer


def plain_kernel(layer, length):
    """The definition, with NumPy's complex numbers."""
    values = {variable.name: to_numpy(variable).astype("float64") for variable in layer.weights}
    step = np.exp(values["step_log"])[:, None]
    a = -np.exp(values["decay_log"]) + 1j * values.get("frequency", 0.0)
    c = values["c"][..., 0] + (1j * values["c"][..., 1] if "frequency" in values else 0)
    if layer.discretization == "zoh":
        power, drive = np.exp(step * a), (np.exp(step * a) - 1) / a
    else:
        power, drive = (1 + step * a / 2) / (1 - step * a / 2), step / (1 - step * a / 2)
    terms = (c * drive)[..., None] * power[..., None] ** np.arange(length)
    return terms.real.sum(1) * (2 if "frequency" in values else 1)


@pytest.mark.parametrize("discretization", ["zoh", "bilinear"])
@pytest.mark.parametrize("initial", ["lin", "inv", "real"])
def test_kernel_and_recurrence(initial, discretization):
    layer = diagonal(initial, discretization)
    layer.step_log.assign(np.log(np.array([0.002, 0.1, 0.6], "float32")))
    x = numbers((2, 135, 3))[0]
    kernel = plain_kernel(layer, 135)
    expected = np.stack([[np.convolve(x[b, :, d], kernel[d])[:135] for d in range(3)] for b in range(2)])
    expected = np.moveaxis(expected, 1, 2) + to_numpy(layer.skip) * x
    found = to_numpy(backends.compiled(lambda: layer.kernel(135), layer)())
    np.testing.assert_allclose(found, kernel, atol=1e-4 * np.abs(kernel).max())
    whole, parts, _ = in_pieces(layer, layer.empty_cache(2), x, (70, 63, 1, 1))
    np.testing.assert_allclose(whole, expected, atol=1e-4 * np.abs(expected).max())
    np.testing.assert_allclose(parts, expected, atol=1e-4 * np.abs(expected).max())


def test_initial_matrices():
    for initial, expected in (
        ("lin", [-0.5, -0.5 + np.pi * 1j, -0.5 + 2j * np.pi]),
        ("inv", [-0.5 + 6 / np.pi * (6 / (2 * n + 1) - 1) * 1j for n in range(3)]),
        ("real", [-1, -2, -3, -4, -5, -6]),
    ):
        layer = diagonal(initial, "zoh")
        found = -np.exp(to_numpy(layer.decay_log)) + (0 if initial == "real" else 1j * to_numpy(layer.frequency))
        np.testing.assert_allclose(found, np.tile(expected, (3, 1)), rtol=1e-6)
        steps = np.exp(to_numpy(layer.step_log))
        assert 1e-3 <= steps.min() <= steps.max() <= 0.1 + 1e-6


def test_initial_step_sizes():
    layer = layers.MambaMixer(expansion=40, steps=(0.01, 0.5, 0.02))
    layer.build((None, None, 8))
    steps = np.log1p(np.exp(to_numpy(layer.step_bias)))
    np.testing.assert_allclose([steps.min(), steps.max()], [0.02, 0.5], rtol=0.1)
    np.testing.assert_allclose(np.median(steps), (0.01 * 0.5) ** 0.5, rtol=0.3)
    np.testing.assert_allclose(np.exp(to_numpy(layer.decay_log)), np.tile(np.arange(1, 17), (320, 1)), rtol=1e-5)


MIXERS = {
    "mamba": lambda: layers.MambaMixer(expansion=1.5, states=3, taps=3, bias=True),
    "mamba2": lambda: layers.Mamba2Mixer(4, 3, states=5, groups=2, chunk=4, bias=True, step_limit=(0.01, 0.6)),
    "s4d": lambda: layers.S4DMixer(4),
}


@pytest.mark.parametrize("name", MIXERS)
def test_pieces_and_padding(name):
    """In pieces with a cache as at once, and with padding on the left as without, biases or not."""
    layer = MIXERS[name]()
    x = numbers((2, 9, 8))[0]
    layer.build(x.shape)
    for variable, value in zip(layer.weights, numbers(*(part.shape for part in layer.weights), seed=2), strict=True):
        variable.assign(0.5 * value)
    whole, parts, cache = in_pieces(layer, layer.empty_cache(2), x, (5, 3, 1))
    np.testing.assert_allclose(parts, whole, rtol=1e-4, atol=1e-5)
    padded = np.concatenate([numbers((2, 3, 8), seed=3)[0], x], axis=1)
    mask = np.arange(12)[None] >= np.array([[3], [3]])
    run = backends.compiled(lambda x, mask, cache: layer(x, mask=mask, cache=cache), layer)
    again, kept = run(padded, mask, layer.empty_cache(2))
    np.testing.assert_allclose(to_numpy(again)[:, 3:], whole, rtol=1e-4, atol=1e-5)
    for one, other in zip(keras.tree.flatten(kept), keras.tree.flatten(cache), strict=True):
        np.testing.assert_allclose(to_numpy(one), to_numpy(other), rtol=1e-4, atol=1e-5)


def test_step_limits_hold():
    free, held = (layers.Mamba2Mixer(2, 4, states=3, step_limit=limit) for limit in ((None, None), (0.2, 0.3)))
    x = numbers((1, 4, 4))[0]
    for layer in (free, held):
        layer.build(x.shape)
        layer.step_bias.assign(np.array([0.1, -0.2], "float32"))
    wide = 3 * numbers((1, 4, 2))[0]
    low = np.log1p(np.exp(wide + to_numpy(held.step_bias)))
    np.testing.assert_allclose(to_numpy(held._bounded(wide)), np.clip(low, 0.2, 0.3), rtol=1e-5)
    assert to_numpy(free._bounded(wide)).max() > 0.3


def test_residuals_in_float32():
    for wide in (True, False):
        block = layers.StateSpaceBlock(
            layers.S4DMixer(4, dtype="mixed_bfloat16"), residual_float32=wide, dtype="mixed_bfloat16"
        )
        block.build((1, 3, 4))
        run = backends.compiled(lambda x, block=block: (block(x), block.mixer(block.norm(x))), block)
        y, mixed = run(np.ones((1, 3, 4), "float32"))
        assert keras.backend.standardize_dtype(y.dtype) == ("float32" if wide else "bfloat16")
        assert keras.backend.standardize_dtype(mixed.dtype) == "bfloat16"


def test_what_does_not_fit_is_said():
    with pytest.raises(UsageError, match="initial must be one of lin, inv, real"):
        layers.DiagonalStateSpace(4, initial="legs")
    with pytest.raises(UsageError, match="'euler'"):
        layers.DiagonalStateSpace(4, discretization="euler")
    with pytest.raises(ShapeError, match="states=5"):
        layers.DiagonalStateSpace(5)
    with pytest.raises(ShapeError, match="taps must be 1 or more"):
        layers.CausalDepthwiseConv1D(0)
    with pytest.raises(ShapeError, match="multiple of groups"):
        layers.Mamba2Mixer(3, groups=2)
    with pytest.raises(ShapeError, match="multiple of groups"):
        layers.GatedRMSNormalization(2).build((None, 5))
    for layer in (layers.MambaMixer(), layers.Mamba2Mixer(2), layers.S4DMixer(), layers.CausalDepthwiseConv1D()):
        with pytest.raises(ShapeError, match="must be known"):
            layer.build((None, 3, None))
