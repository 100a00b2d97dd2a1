"""LeNet-5, the multilayer perceptron and the simple convolutional networks, which have no public checkpoints."""

import numpy as np
import pytest
import torch

import kerasarch
from kerasarch import layers, models, weights
from kerasarch.errors import ShapeError, UsageError, WeightsError
from tests import conformance
from tests.conformance import outputs, to_numpy
from tests.weights.references import assert_close, first, last

pytestmark = conformance.QUIET

RNG = np.random.default_rng(0)


def tensors(model, start):
    """Kernel and bias of a layer, as PyTorch lays them out."""
    layer = model.get_layer(start)
    kernel, bias = (to_numpy(variable) for variable in layer.weights)
    return torch.tensor(kernel.T.copy() if kernel.ndim == 2 else kernel.transpose(3, 2, 0, 1).copy()), torch.tensor(
        bias
    )


def test_lenet_is_the_papers_sequence_of_layers():
    model = models.lenet("lenet5")
    assert model.count_params() == 61_706
    conformance.randomise(model)
    x = RNG.normal(size=(2, 28, 28, 1)).astype("float32")
    functional = torch.nn.functional
    field = functional.pad(first(x), (2, 2, 2, 2))  # the digit in the field of 32x32
    s2 = functional.avg_pool2d(torch.tanh(functional.conv2d(field, *tensors(model, "stem_conv"))), 2)
    assert tuple(s2.shape[1:]) == (6, 14, 14)
    s4 = functional.avg_pool2d(torch.tanh(functional.conv2d(s2, *tensors(model, "stage1_conv"))), 2)
    assert tuple(s4.shape[1:]) == (16, 5, 5)
    c5 = torch.tanh(functional.linear(torch.tensor(last(s4).reshape(2, -1)), *tensors(model, "top_fc1")))
    f6 = torch.tanh(functional.linear(c5, *tensors(model, "top_fc2")))
    assert_close(outputs(model, x), functional.linear(f6, *tensors(model, "head")))


def test_trainable_subsampling_has_two_numbers_a_map():
    layer = layers.TrainableSubsampling(2, activation="tanh")
    x = RNG.normal(size=(2, 5, 4, 3)).astype("float32")
    averages = x[:, :4].reshape(2, 2, 2, 2, 2, 3).mean((2, 4))
    np.testing.assert_allclose(to_numpy(layer(x)), np.tanh(averages), atol=1e-6)
    coefficient, bias = RNG.normal(size=(2, 3)).astype("float32")
    layer.set_weights([coefficient, bias])
    np.testing.assert_allclose(to_numpy(layer(x)), np.tanh(4 * averages * coefficient + bias), atol=1e-5)
    # LeCun et al., 1998, section II-B: S2 has 12 trainable parameters, S4 has 32
    assert models.lenet(subsampling="trainable").count_params() == 61_706 + 12 + 32


def test_mlp_is_its_sums():
    model = models.mlp(classes=3, input_shape=(2, 3, 2), depth=1, width=5, norm="layer", activation="relu")
    conformance.randomise(model)
    x = RNG.normal(size=(4, 2, 3, 2)).astype("float32")
    kernel, gamma, beta, head, bias = (to_numpy(variable) for variable in model.weights)
    h = x.reshape(4, -1) @ kernel
    h = (h - h.mean(1, keepdims=True)) / np.sqrt(h.var(1, keepdims=True) + 1e-5) * gamma + beta
    np.testing.assert_allclose(outputs(model, x), np.maximum(h, 0) @ head + bias, atol=1e-5, rtol=1e-4)
    assert list(models.features(model)) == ["stem", "stage1", "head"]


def test_mlp_of_vectors_has_no_preprocessing():
    model = models.mlp(classes=2, input_shape=(4,), depth=0)
    x = RNG.normal(size=(3, 4)).astype("float32")
    kernel, bias = (to_numpy(variable) for variable in model.weights)
    np.testing.assert_allclose(outputs(model, x), x @ kernel + bias, atol=1e-6)
    assert model.preprocessing is None


@pytest.mark.parametrize(
    ("pooling", "expected"),
    [("max", (3, 4)), ("average", (3, 4)), ("overlapping", (4, 4)), ("stride", (4, 4)), ("none", (7, 8))],
)
def test_cnn_shrinks_as_asked(pooling, expected):
    model = models.cnn(input_shape=(7, 8, 1), widths=(4,), depth=2, pooling=pooling, norm=pooling != "stride")
    assert models.features(model)["stage1"].shape[1:3] == expected


@pytest.mark.quick_on("tensorflow", "torch")
def test_any_size_and_any_length():
    model = models.cnn(classes=2, input_shape=(None, None, 2), widths=(3, 4), depth=1, grid=2)
    for height, width in ((4, 5), (9, 13)):
        assert tuple(model(np.zeros((1, height, width, 2), "float32")).shape) == (1, 2)
    model = models.conv1d(classes=2, input_shape=(None, 2), widths=(3, 4), kernels=(3, 3))
    for steps in (1, 9):
        assert tuple(model(np.zeros((1, steps, 2), "float32")).shape) == (1, 2)


def test_conv1d_is_pytorchs_and_causal():
    model = models.conv1d(classes=0, input_shape=(9, 2), widths=(3,), kernels=(4,), padding="causal", norm=False)
    conformance.randomise(model)
    x = RNG.normal(size=(2, 9, 2)).astype("float32")
    kernel, bias = (to_numpy(variable) for variable in model.get_layer("stem_conv").weights)
    past = torch.nn.functional.pad(torch.tensor(x.transpose(0, 2, 1).copy()), (3, 0))
    h = torch.relu(torch.nn.functional.conv1d(past, torch.tensor(kernel.transpose(2, 1, 0).copy()), torch.tensor(bias)))
    expected = torch.nn.functional.max_pool1d(h, 2, ceil_mode=True).mean(-1)
    assert_close(outputs(model, x), expected)


MAKERS = {
    "lenet": lambda **k: models.lenet(widths=(3, 4), hidden=(6,), kernel=3, grid=2, input_shape=(8, 8, 1), **k),
    "mlp": lambda **k: models.mlp(input_shape=(5,), width=6, norm="batch", **k),
    "cnn": lambda **k: models.cnn(input_shape=(8, 8, 1), widths=(4, 6), depth=1, norm=False, **k),
    "conv1d": lambda **k: models.conv1d(input_shape=(None, 2), widths=(4, 6), kernels=(3, 3), **k),
}


QUICK = pytest.mark.quick_on("torch")


@pytest.mark.parametrize(
    "name", ["mlp", "conv1d", pytest.param("lenet", marks=QUICK), pytest.param("cnn", marks=QUICK)]
)
def test_their_own_files(name, tmp_path):
    model = MAKERS[name](classes=3)
    x = RNG.normal(size=(2, *[size or 7 for size in model.input_shape[1:]])).astype("float32")
    model.save(tmp_path / "ours.keras")
    model.save_weights(tmp_path / "ours.weights.h5")
    again = kerasarch.from_pretrained(tmp_path / "ours.keras")
    assert again.input_shape == model.input_shape
    assert again.preprocessing == model.preprocessing
    assert_close(outputs(again, x), outputs(model, x))
    other = MAKERS[name](classes=2, weights=str(tmp_path / "ours.keras"))  # a fresh head
    np.testing.assert_array_equal(to_numpy(other.weights[0]), to_numpy(model.weights[0]))
    assert other.output_shape == (None, 2)
    loaded = weights.load_into(MAKERS[name](classes=3), tmp_path / "ours.weights.h5")
    assert_close(outputs(loaded, x), outputs(model, x))
    with pytest.raises(WeightsError, match=f"There are no public weights for the family {name}"):
        MAKERS[name](weights="imagenet")
    with pytest.raises(WeightsError, match=f"Hugging Face has no counterpart of the family {name}"):
        kerasarch.to_pretrained(model, tmp_path / "folder")


def test_errors():
    with pytest.raises(ShapeError, match=r"every unit reads every number. Received \(None, None, 3\)"):
        models.mlp(input_shape=(None, None, 3))
    with pytest.raises(ShapeError, match=r"must be \(steps, channels\), positive; .* For pictures use models.cnn"):
        models.conv1d(input_shape=(8, 8, 3))
    with pytest.raises(ShapeError, match="cnn: pictures need at least 8 pixels"):
        models.cnn(input_shape=(7, 32, 3))
    with pytest.raises(ShapeError, match="lenet5: pictures need at least 12 pixels"):
        models.lenet(input_shape=(11, 12, 1))
    with pytest.raises(UsageError, match="pooling must be one of max, average, overlapping, stride, none"):
        models.cnn(pooling="median")
    with pytest.raises(UsageError, match="norm must be one of none, batch, layer"):
        models.mlp(norm="group")
    with pytest.raises(UsageError, match="widths and kernels must have one positive number a stage"):
        models.conv1d(widths=(4,))
    for build, shape in ((models.mlp, (5,)), (models.conv1d, (5, 1))):
        with pytest.raises(UsageError, match="have no preprocessing of pictures"):
            build(input_shape=shape, preprocessing=models.IMAGENET)
    with pytest.raises(UsageError, match="subsampling must be 'average' or 'trainable'"):
        models.lenet(subsampling="max")
