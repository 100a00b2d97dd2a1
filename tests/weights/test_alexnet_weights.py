"""AlexNet against torchvision's names, and its normalisation against PyTorch's."""

import keras
import numpy as np
import pytest
import torch

import kerasarch
from kerasarch import layers, models
from kerasarch.errors import ShapeError, UsageError, WeightsError
from kerasarch.weights.safetensors_files import write_safetensors
from tests import conformance
from tests.conformance import outputs, to_numpy
from tests.weights.references import assert_close, assert_depends_on_input, enliven_torch, first, last, randomise_torch

pytestmark = conformance.QUIET

SIZES = {"widths": (4, 5, 6, 7, 8), "hidden": (9, 7), "pool": 2}


class Torchvision(torch.nn.Module):
    """A small AlexNet with torchvision's names."""

    def __init__(self, channels=3, classes=5):
        super().__init__()
        nn, (a, b, c, d, e) = torch.nn, SIZES["widths"]
        parts = [nn.Conv2d(channels, a, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)]
        parts += [nn.Conv2d(a, b, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)]
        for before, after in ((b, c), (c, d), (d, e)):
            parts += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU()]
        self.features = nn.Sequential(*parts, nn.MaxPool2d(3, 2))
        self.avgpool = nn.AdaptiveAvgPool2d(SIZES["pool"])
        first_hidden, second = SIZES["hidden"]
        hidden = [nn.Dropout(), nn.Linear(e * SIZES["pool"] ** 2, first_hidden), nn.ReLU()]
        hidden += [nn.Dropout(), nn.Linear(first_hidden, second), nn.ReLU(), nn.Linear(second, classes)]
        self.classifier = nn.Sequential(*hidden)

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


@pytest.mark.parametrize(("channels", "size"), [(3, (118, 67)), (1, (97, 130))])
def test_torchvision_names(channels, size, tmp_path):
    torch.manual_seed(0)
    theirs = Torchvision(channels).eval()
    randomise_torch(theirs)
    enliven_torch(theirs)
    tensors = {name: tensor.numpy() for name, tensor in theirs.state_dict().items()}
    write_safetensors(tmp_path / "alexnet.safetensors", tensors)
    x = np.random.default_rng(0).normal(size=(2, *size, channels)).astype("float32")
    model = kerasarch.from_pretrained(tmp_path / "alexnet.safetensors", input_shape=x.shape[1:])
    with torch.no_grad():
        expected = theirs(first(x)).numpy()
    assert_depends_on_input(expected)
    assert_close(outputs(model, x), expected)
    if channels == 1:
        return
    built = models.alexnet(**SIZES, classes=2, input_shape=(*size, 3), weights=str(tmp_path / "alexnet.safetensors"))
    np.testing.assert_array_equal(to_numpy(built.weights[0]), to_numpy(model.weights[0]))
    with pytest.raises(WeightsError, match="local_response is False in the file and True in the model"):
        models.alexnet("alexnet_2012", **SIZES, local_response=True, weights=str(tmp_path / "alexnet.safetensors"))
    with pytest.raises(WeightsError, match="Hugging Face has no counterpart of the family alexnet"):
        kerasarch.to_pretrained(model, tmp_path / "folder")
    del tensors["features.6.weight"]
    write_safetensors(tmp_path / "broken.safetensors", tensors)
    with pytest.raises(WeightsError, match=r"no tensor features.6.weight"):
        kerasarch.from_pretrained(tmp_path / "broken.safetensors")


def test_local_response_normalization_is_pytorchs():
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 7)).astype("float32")
    expected = torch.nn.functional.local_response_norm(first(x), 5, alpha=5 * 0.3, beta=0.6, k=1.5)
    y = layers.LocalResponseNormalization(5, alpha=0.3, beta=0.6, k=1.5)(x)
    np.testing.assert_allclose(to_numpy(y), last(expected), atol=1e-5, rtol=1e-5)
    with pytest.raises(UsageError, match=r"size must be odd and positive. Received size=4"):
        layers.LocalResponseNormalization(4)


@pytest.mark.quick_on("tensorflow", "torch")
def test_the_network_of_2012(tmp_path):
    model = models.alexnet("alexnet_2012", **SIZES, classes=3, input_shape=(63, 64, 3))
    assert list(models.features(model)) == ["stem", "stage1", "stage2", "stage3", "stage4", "top", "head"]
    names = [layer.name for layer in model.layers if isinstance(layer, layers.LocalResponseNormalization)]
    assert names == ["stem_response", "stage1_response"]
    model.save(tmp_path / "ours.keras")
    x = np.random.default_rng(0).normal(size=(2, 63, 64, 3)).astype("float32")
    again = kerasarch.from_pretrained(tmp_path / "ours.keras")
    assert_close(outputs(again, x), outputs(model, x))
    assert isinstance(models.replace_head(model, 4).layers[-2], keras.layers.Dense)


def test_errors():
    with pytest.raises(ShapeError, match="alexnet: pictures need at least 63 pixels"):
        models.alexnet(input_shape=(62, 224, 3))
    with pytest.raises(UsageError, match="AlexNet has 5 convolutions"):
        models.alexnet(widths=(1, 2))
    with pytest.raises(WeightsError, match=r"keras.applications has no AlexNet"):
        models.alexnet(weights="imagenet")
