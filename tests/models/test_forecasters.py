"""Forecasters against NumPy and PyTorch; each series by itself; levels that come back; what is refused."""

import keras
import numpy as np
import pytest
import torch

from kerasarch import backends, models
from kerasarch.errors import ShapeError, UsageError
from tests import conformance
from tests.conformance import to_numpy

pytestmark = conformance.QUIET
RNG = np.random.default_rng(0)
PAST = RNG.normal(size=(2, 11, 3)).astype("float32")
SIZES = {"look_back": 11, "horizon": 7}
PATCHES = {"patch": 4, "stride": 2, "width": 8, "heads": 2, "hidden": 6, "depth": 1}


def quick(model):
    """The model in the way that is quick for few calls: JAX compiles every operation of an eager call by itself."""
    return backends.compiled(model, model) if keras.backend.backend() == "jax" else model


def test_a_linear_forecast_is_that_of_numpy():
    for level in ("last", "instance", "zero"):
        model = models.linear_forecaster(**SIZES, level=level)
        conformance.randomise(model)
        kernel, bias = (to_numpy(weight) for weight in model.weights)
        shift = {"last": PAST[:, -1:], "instance": PAST.mean(axis=1, keepdims=True), "zero": 0}[level]
        scale = np.sqrt(PAST.var(axis=1, keepdims=True) + 1e-5) if level == "instance" else 1
        ahead = np.einsum("blc,lh->bhc", (PAST - shift) / scale, kernel) + bias[:, None]
        np.testing.assert_allclose(to_numpy(quick(model)(PAST)), ahead * scale + shift, atol=1e-5)


@pytest.mark.parametrize("kind", ["gru", "lstm", "rnn"])
def test_segments_are_read_and_written_as_pytorch_does(kind):
    """Eleven rows are three segments of three, the oldest two rows left out; seven are three, the last two cut off."""
    model = models.segment_rnn(**SIZES, segment=3, units=6, kind=kind, columns=3)
    conformance.randomise(model)
    weights = {weight.path.split("segment_rnn/")[-1]: torch.tensor(to_numpy(weight)) for weight in model.weights}
    cell = {"gru": torch.nn.GRU, "lstm": torch.nn.LSTM, "rnn": torch.nn.RNN}[kind](6, 6, batch_first=True)
    fill_torch(cell, [tensor for path, tensor in weights.items() if path.startswith("recurrent/")], kind)
    series = torch.tensor(PAST).transpose(1, 2).reshape(6, 11)
    last = series[:, -1:]
    x = (series - last)[:, 2:].reshape(6, 3, 3)
    x = torch.relu(x @ weights["projection/kernel"] + weights["projection/bias"])
    _, states = cell(x)
    rows = []
    for place in range(3):
        asked = torch.cat([weights["places"][place].expand(6, 3), weights["series"].repeat(2, 1)], dim=1)
        h, _ = cell(asked[:, None], states)
        rows.append(h[:, 0] @ weights["head/kernel"] + weights["head/bias"])
    ahead = torch.cat(rows, dim=1)[:, :7] + last
    expected = ahead.reshape(2, 3, 7).transpose(1, 2).detach().numpy()
    np.testing.assert_allclose(to_numpy(quick(model)(PAST)), expected, atol=1e-5)


def fill_torch(cell, tensors, kind):
    """Put Keras' weights into PyTorch's layer: gates in another order for GRU, one bias for two."""
    kernel, recurrent, bias = (tensor.clone() for tensor in tensors)
    biases = bias if kind == "gru" else torch.stack([bias, torch.zeros_like(bias)])

    def gates(tensor):
        parts = tensor.chunk({"gru": 3, "lstm": 4, "rnn": 1}[kind], dim=-1)
        return torch.cat([parts[1], parts[0], parts[2]] if kind == "gru" else parts, dim=-1)

    with torch.no_grad():
        cell.weight_ih_l0.copy_(gates(kernel).T)
        cell.weight_hh_l0.copy_(gates(recurrent).T)
        cell.bias_ih_l0.copy_(gates(biases[0]))
        cell.bias_hh_l0.copy_(gates(biases[1]))


def test_patches_are_those_of_the_paper():
    """Against NumPy without blocks: patches of the series and its last value again, projected, joined, mapped."""
    config = models.PatchTransformerConfig(**SIZES, **PATCHES)
    assert config.patches == 5
    model = models.patch_transformer(config)
    conformance.randomise(model)
    model.blocks = []
    weights = {weight.path.split("patch_transformer/")[-1]: to_numpy(weight) for weight in model.weights}
    x = PAST.transpose(0, 2, 1).reshape(6, 11)
    shift, scale = x.mean(axis=1, keepdims=True), np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
    x = (x - shift) / scale
    x = np.concatenate([x, x[:, -1:], x[:, -1:]], axis=1)
    patches = np.stack([x[:, 2 * place : 2 * place + 4] for place in range(5)], axis=1)
    h = patches @ weights["projection/kernel"] + weights["projection/bias"] + weights["places"]
    h = (h - h.mean(axis=-1, keepdims=True)) / np.sqrt(h.var(axis=-1, keepdims=True) + 1e-5)
    h = (h * weights["norm/gamma"] + weights["norm/beta"]).reshape(6, -1)
    ahead = (h @ weights["head/kernel"] + weights["head/bias"]) * scale + shift
    expected = ahead.reshape(2, 3, 7).transpose(0, 2, 1)
    np.testing.assert_allclose(to_numpy(quick(model)(PAST)), expected, atol=2e-5)


@pytest.mark.parametrize("kind", ["segment_rnn", "patch_transformer"])
def test_levels_come_back_and_series_do_not_meet(kind):
    fields = {"segment": 3, "units": 4} if kind == "segment_rnn" else PATCHES
    model = getattr(models, kind)(**SIZES, **fields)
    conformance.randomise(model)
    run = quick(model)
    expected = to_numpy(run(PAST))
    levels = np.array([5.0, 0.0, -3.0], "float32")
    np.testing.assert_allclose(to_numpy(run(PAST + levels)), expected + levels, atol=2e-4)
    other = PAST.copy()
    other[:, :, 1] = 0.5 * RNG.normal(size=(2, 11))
    found = to_numpy(run(other))
    np.testing.assert_allclose(found[:, :, [0, 2]], expected[:, :, [0, 2]], atol=1e-5)
    assert np.abs(found[:, :, 1] - expected[:, :, 1]).max() > 0.05


def test_what_cannot_be_built_or_read_is_refused():
    for build, fields, message in (
        (models.linear_forecaster, {"horizon": 0}, "1 or more"),
        (models.linear_forecaster, {"level": "first"}, "level one of last, instance, zero"),
        (models.segment_rnn, {"look_back": 5, "segment": 6}, "segment must be from 1 to look_back"),
        (models.segment_rnn, {"kind": "cnn"}, "kind must be one of"),
        (models.patch_transformer, {"look_back": 5, "patch": 6}, "stride <= patch <= look_back"),
        (models.patch_transformer, {"width": 10, "heads": 4}, "multiple of heads"),
    ):
        with pytest.raises(UsageError, match=message):
            build(**fields)
    with pytest.raises(ShapeError, match=r"expected \(batch, 11, series\)"):
        models.linear_forecaster(**SIZES)(PAST[:, :9])
    with pytest.raises(ShapeError, match=r"expected 2 series\. Received 3"):
        models.segment_rnn(**SIZES, segment=3, units=4, columns=2)(PAST)
