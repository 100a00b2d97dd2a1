"""Recurrent cells against their equations in NumPy, against PyTorch's and Keras' layers; stacks against PyTorch's."""

import keras
import numpy as np
import pytest
import torch

from kerasarch import layers
from kerasarch.errors import ShapeError, UsageError
from tests import conformance
from tests.conformance import to_numpy

pytestmark = conformance.QUIET
RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 5, 4)).astype("float32")
LENGTHS = [5, 2, 3]
MASK = np.arange(5) < np.array(LENGTHS)[:, None]
CELLS = {
    "rnn": (lambda: layers.ElmanCell(6), keras.layers.SimpleRNN),
    "lstm": (lambda: layers.LongShortTermMemoryCell(6), keras.layers.LSTM),
    "gru": (lambda: layers.GatedRecurrentCell(6), keras.layers.GRU),
    "gru before": (
        lambda: layers.GatedRecurrentCell(6, reset_after=False),
        lambda units, **rest: keras.layers.GRU(units, reset_after=False, **rest),
    ),
}
PLAIN = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}


def drawn(layer):
    layer.set_weights([0.5 * RNG.normal(size=weight.shape) for weight in layer.get_weights()])
    return [weight.astype("float64") for weight in layer.get_weights()]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def step(kind, weights, x, states):
    """The equations, gate by gate."""
    kernel, recurrent, bias = weights
    h = states[0]

    def gate(number, inner=h):
        columns = slice(6 * number, 6 * number + 6)
        own = bias.sum(0)[columns] if kind == "gru" else bias[columns]
        return x @ kernel[:, columns] + inner @ recurrent[:, columns] + own

    if kind == "rnn":
        return [np.tanh(gate(0))]
    if kind == "lstm":
        c = sigmoid(gate(1)) * states[1] + sigmoid(gate(0)) * np.tanh(gate(2))
        return [sigmoid(gate(3)) * np.tanh(c), c]
    z, r = sigmoid(gate(0)), sigmoid(gate(1))
    if kind == "gru before":
        return [z * h + (1 - z) * np.tanh(gate(2, r * h))]
    n = np.tanh(x @ kernel[:, 12:] + bias[0, 12:] + r * (h @ recurrent[:, 12:] + bias[1, 12:]))
    return [z * h + (1 - z) * n]


@pytest.mark.parametrize("kind", CELLS)
def test_a_cell_is_its_equations(kind):
    cell = CELLS[kind][0]()
    cell.build((None, 4))
    weights = drawn(cell)
    states = [RNG.normal(size=(3, 6)) for _ in range(cell.states)]
    output, found = cell(X[:, 0], [state.astype("float32") for state in states])
    expected = step(kind, weights, X[:, 0].astype("float64"), states)
    np.testing.assert_allclose(to_numpy(output), expected[0], atol=1e-5)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(to_numpy(ours), theirs, atol=1e-5)


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize("mask", [None, MASK], ids=["all seen", "padded"])
def test_a_cell_is_the_fast_layer_with_the_same_weights(kind, mask):
    make, fast = CELLS[kind]
    slow, fast = (
        keras.layers.RNN(make(), return_sequences=True, return_state=True),
        fast(6, return_sequences=True, return_state=True),
    )
    slow.build((None, None, 4))
    fast.build((None, None, 4))
    assert [weight.path.split("/")[-1] for weight in slow.weights] == [
        weight.path.split("/")[-1] for weight in fast.weights
    ]
    drawn(slow)
    fast.set_weights(slow.get_weights())
    mask = None if mask is None else keras.ops.convert_to_tensor(mask)
    for ours, theirs in zip(slow(X, mask=mask), fast(X, mask=mask), strict=True):
        np.testing.assert_allclose(to_numpy(ours), to_numpy(theirs), atol=1e-6)


def test_a_memory_begins_by_keeping():
    ours, theirs = layers.LongShortTermMemoryCell(3), keras.layers.LSTMCell(3)
    for cell in (ours, theirs):
        cell.build((None, 2))
    np.testing.assert_array_equal(to_numpy(ours.bias), to_numpy(theirs.bias))
    ours = layers.LongShortTermMemoryCell(2, forget_bias=0.5)
    ours.build((None, 2))
    np.testing.assert_array_equal(to_numpy(ours.bias), [0, 0, 0.5, 0.5, 0, 0, 0, 0])


def turned(kind, matrix):
    """The columns of Keras in PyTorch's order, as rows."""
    blocks = np.split(matrix, {"rnn": 1, "lstm": 4, "gru": 3}[kind], axis=-1)
    if kind == "gru":
        blocks = [blocks[1], blocks[0], blocks[2]]
    return torch.tensor(np.concatenate(blocks, axis=-1).T.copy())


def in_torch(kind, stack, weights):
    both = stack.bidirectional
    plain = PLAIN[kind](4, 6, stack.depth, batch_first=True, bidirectional=both)
    parts = iter(weights)
    with torch.no_grad():
        for layer in range(stack.depth):
            for end in ("", "_reverse") if both else ("",):
                kernel, recurrent, bias = next(parts), next(parts), next(parts)
                given, own = bias if kind == "gru" else (bias, np.zeros_like(bias))
                names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
                for name, value in zip(names, (kernel, recurrent, given, own), strict=True):
                    getattr(plain, f"{name}_l{layer}{end}").copy_(turned(kind, value))
    return plain


def pytorch_run(plain, x, lengths, first, both):
    """PyTorch's outputs, and its states in our order: layer by layer, direction by direction."""
    hs = [torch.tensor(np.stack([states[place] for states in first for place in places])) for places in both]
    given = torch.nn.utils.rnn.pack_padded_sequence(torch.tensor(x), lengths, batch_first=True, enforce_sorted=False)
    with torch.no_grad():
        packed, last = plain(given, tuple(hs) if len(hs) > 1 else hs[0])
    output, _ = torch.nn.utils.rnn.pad_packed_sequence(packed, batch_first=True, total_length=x.shape[1])
    return output.numpy(), [part.numpy() for part in (last if isinstance(last, tuple) else (last,))]


@pytest.mark.parametrize("kind", PLAIN)
@pytest.mark.parametrize("bidirectional", [False, True], ids=["forward", "both ways"])
def test_packed_stacks_are_those_of_pytorch(kind, bidirectional):
    stack = layers.RecurrentStack(6, kind=kind, depth=2, bidirectional=bidirectional, return_states=True)
    stack.build((None, None, 4))
    weights = [weight.astype("float32") for weight in drawn(stack)]
    first = [[RNG.normal(size=(3, 6)).astype("float32") for _ in range(stack.states)] for _ in range(2)]
    memories = 2 if kind == "lstm" else 1
    places = [range(memory, stack.states, memories) for memory in range(memories)]
    expected, last = pytorch_run(in_torch(kind, stack, weights), X, LENGTHS, first, places)
    output, states = stack(X, mask=keras.ops.convert_to_tensor(MASK), initial_state=first)
    np.testing.assert_allclose(to_numpy(output), expected, atol=1e-5)
    for memory in range(memories):
        ours = np.stack([to_numpy(layer[place]) for layer in states for place in places[memory]])
        np.testing.assert_allclose(ours, last[memory], atol=1e-5)


def test_steps_that_are_left_out_do_not_matter():
    stack = layers.RecurrentStack(3, kind="lstm", depth=2, bidirectional=True, return_states=True)
    mask = keras.ops.convert_to_tensor(MASK)
    output, states = stack(X, mask=mask)
    other, others = stack(np.where(MASK[..., None], X, 9.0).astype("float32"), mask=mask)
    np.testing.assert_array_equal(to_numpy(output), to_numpy(other))
    alone, _ = stack(X[1:2, :2])
    np.testing.assert_allclose(to_numpy(output)[1, :2], to_numpy(alone)[0], atol=1e-6)
    assert (to_numpy(output)[~MASK] == 0).all()
    for ours, theirs in zip(keras.tree.flatten(states), keras.tree.flatten(others), strict=True):
        np.testing.assert_array_equal(to_numpy(ours), to_numpy(theirs))


def test_dropout_is_between_the_layers_alone():
    one, two = layers.RecurrentStack(4, dropout=0.5), layers.RecurrentStack(4, depth=2, dropout=0.5)
    np.testing.assert_array_equal(to_numpy(one(X, training=True)), to_numpy(one(X)))
    assert np.abs(to_numpy(two(X, training=True)) - to_numpy(two(X))).max() > 1e-3


def test_what_is_no_recurrence_is_refused():
    with pytest.raises(UsageError, match="Received 0"):
        layers.ElmanCell(0)
    for wrong in ({"kind": "elman"}, {"depth": 0}, {"dropout": 1.0}):
        with pytest.raises(UsageError, match="kind must be one of rnn, lstm, gru"):
            layers.RecurrentStack(3, **wrong)
    with pytest.raises(ShapeError, match="width must be known"):
        layers.RecurrentStack(3).build((None, 4, None))
    with pytest.raises(ShapeError, match="expected 1 initial states"):
        layers.RecurrentStack(4)(X, initial_state=[[X[:, 0]], [X[:, 0]]])
