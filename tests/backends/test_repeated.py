"""Steps that are repeated in one loop: what a loop in NumPy gives, also where they are recorded, or must not be."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasarch import backends
from kerasarch.backends import operations
from tests.conformance import to_numpy

RNG = np.random.default_rng(0)
STEPS = 24  # more than are run before they are recorded on PyTorch


@pytest.fixture
def layer():
    made = keras.layers.Dense(3, use_bias=False)
    made.build((None, 3))
    made.set_weights([0.4 * RNG.normal(size=(3, 3))])
    return made


def walk(layer, state, inputs):
    """What the step below does, by NumPy."""
    x, kept, outputs = state["x"].copy(), state["kept"].copy(), []
    for place, one in enumerate(inputs):
        x = x @ to_numpy(layer.kernel) + one
        kept[:, 0, place] = x
        outputs.append(kept.sum(axis=(1, 2)))
    return x, kept, np.array(outputs)


def begun():
    x = RNG.normal(size=(2, 3)).astype("float32")
    return {"x": x, "kept": np.zeros((2, 1, 2 * STEPS, 3), "float32"), "place": np.int32(0)}


def agree(run, layer):
    state, inputs = begun(), RNG.normal(size=(STEPS, 2, 3)).astype("float32")
    x, kept, outputs = walk(layer, state, inputs)
    for _ in range(2):  # the second time on PyTorch by the record alone
        after, found = run(state, inputs)
        np.testing.assert_allclose(to_numpy(found), outputs, atol=1e-5)
        np.testing.assert_allclose(to_numpy(after["kept"]), kept, atol=1e-5)
        np.testing.assert_allclose(to_numpy(after["x"]), x, atol=1e-5)
        assert int(after["place"]) == STEPS
        state = begun() | {"x": state["x"]}


def step_of(layer, calls):
    def step(now, one):
        calls.append(1)
        x = layer(now["x"]) + one
        kept = operations.write_places(now["kept"], x[:, None, None], now["place"])
        return {"x": x, "kept": kept, "place": now["place"] + 1}, ops.sum(kept, axis=(1, 2))

    return step


def test_steps_from_where_the_one_before_left(layer):
    calls = []
    run = backends.repeated(step_of(layer, calls), layer)
    agree(run, layer)
    assert len(calls) < STEPS  # compiled, or recorded
    layer.set_weights([0.3 * RNG.normal(size=(3, 3))])
    agree(run, layer)


def test_places_of_each_row():
    kept = RNG.normal(size=(2, 3, 6, 4)).astype("float32")
    new = RNG.normal(size=(2, 2, 3, 4)).astype("float32")
    expected = kept.copy()
    expected[0, :, 1:3], expected[1, :, 4:6] = np.moveaxis(new, 2, 1)
    found = operations.write_places(ops.convert_to_tensor(kept.copy()), new, np.array([1, 4], "int32"))
    np.testing.assert_array_equal(to_numpy(found), expected)


@pytest.mark.parametrize("batch", [1, 3])
def test_products_with_large_weights_follow_what_is_assigned(batch):
    """Also turned round, as the head of a language model is its embedding."""
    width = 512  # large enough to be packed on PyTorch
    layer = keras.layers.Embedding(width, width)
    layer.build()

    def step(now, one):
        up = ops.matmul(now["x"], ops.transpose(layer.embeddings))
        return {"x": ops.tanh(ops.matmul(up, layer.embeddings) + one)}, up

    run = backends.repeated(step, layer)
    layer.set_weights([0.05 * RNG.normal(size=(width, width))])
    optimizer = keras.optimizers.SGD(1.0, momentum=0.5)
    optimizer.build([layer.embeddings])
    backends.quicken(optimizer)
    gradient = ops.convert_to_tensor(0.03 * RNG.normal(size=(width, width)), "float32")
    changes = (
        lambda: None,
        lambda: layer.set_weights([0.02 * RNG.normal(size=(width, width))]),
        lambda: optimizer.apply([gradient], [layer.embeddings]),
    )
    for change in changes:
        change()
        weight = to_numpy(layer.embeddings)
        for _ in range(2):  # the second time on PyTorch by the record alone
            x, inputs = np.zeros((batch, width), "float32"), RNG.normal(size=(STEPS, batch, width)).astype("float32")
            _, found = run({"x": x}, inputs)
            for one, output in zip(inputs, to_numpy(found), strict=True):
                np.testing.assert_allclose(output, x @ weight.T, atol=1e-4)
                x = np.tanh(output @ weight + one)


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="only PyTorch records steps")
def test_products_with_several_rows_are_packed():
    """By weights that stay, large ones, and once for two records; anything else is multiplied as it is."""
    import torch
    from torch.fx.experimental.proxy_tensor import make_fx

    from kerasarch.backends.packed_torch import pack

    if not torch.backends.mkl.is_available():
        pytest.skip("PyTorch was built without MKL")
    large, small = torch.nn.Parameter(torch.randn(512, 512)), torch.randn(8, 512)

    def run(x):
        return x @ large, x @ large.T, x @ large, x @ small.T, x @ x.T, small @ large, x @ (large + large.T @ large)

    known = {}
    for rows, several in ((4, 2), (4, 2), (1, 0)):
        x = torch.randn(rows, 512)
        with torch.no_grad():
            graph = make_fx(run)(x)
            weights = pack(graph, known)
            found = graph(x, *(weight.tensor for weight in weights))
        assert len(weights) == several
        assert sum("mkl" in str(node.target) for node in graph.graph.nodes) == several + several // 2
        for one, other in zip(found, run(x), strict=True):
            torch.testing.assert_close(one, other, atol=2e-4, rtol=1e-4)
    assert len(known) == 2


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="only PyTorch records steps")
def test_what_layers_compute_alike_is_computed_once():
    """Equal masks and constants are shared; what is written to in between, and random numbers, are not."""
    import torch
    from torch.fx.experimental.proxy_tensor import make_fx

    from kerasarch.backends.shared_torch import share

    def run(x, kept, place):
        outputs = []
        for _ in range(2):
            mask = torch.arange(4) <= place + torch.tensor([1, 0, 2, 0])
            before = kept.flatten() * 2
            kept.view(2, 2).add_(1.0)
            whole = torch.where(mask, x.exp() + before, 0.0)
            fresh = x * 3
            outputs += [whole, fresh.transpose(0, 0).mul_(place), torch.rand(4)]
        return outputs

    given = [torch.randn(4), torch.ones(4), torch.tensor(2)]
    graph = share(make_fx(run)(*(one.clone() for one in given)))
    counts = [str(node.target) for node in graph.graph.nodes]
    names = ("arange.default", "le.Tensor", "exp.default", "where.self", "mul_.Tensor", "rand.default")
    assert [counts.count(f"aten.{name}") for name in names] == [1, 1, 1, 2, 2, 2]
    found, expected = [], []
    for function, results in ((graph, found), (run, expected)):
        torch.manual_seed(0)
        results += function(*(one.clone() for one in given))
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other)


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="only PyTorch records steps")
def test_a_step_that_looks_at_values_is_called_as_it_is(layer):
    """What a record would have frozen: a branch, and a place as a plain number."""

    def branching(now, one):
        sign = -1.0 if float(now["place"]) % 2 else 1.0
        return {"place": now["place"] + 1}, sign * layer(one)

    def numbered(now, one):
        return {"place": now["place"] + 1}, layer(one) * int(now["place"])

    inputs = RNG.normal(size=(STEPS, 2, 3)).astype("float32")
    for step, factors in ((branching, (-1.0) ** np.arange(STEPS)), (numbered, np.arange(STEPS))):
        _, found = backends.repeated(step, layer)({"place": np.int32(0)}, inputs)
        expected = inputs @ to_numpy(layer.kernel) * factors[:, None, None]
        np.testing.assert_allclose(to_numpy(found), expected, atol=1e-4)
