"""Feature maps, Grad-CAM, occlusion and attention rollout against their equations in NumPy."""

import keras
import numpy as np
import pytest
from keras import layers

from kerasarch import layers as kerasarch_layers
from kerasarch import models
from kerasarch.errors import ShapeError, UsageError
from kerasarch.inspection import (
    attention_maps,
    attention_rollout,
    cut,
    feature_maps,
    grad_cam,
    map_layers,
    occlusion,
    patch_attention,
)
from tests import conformance

pytestmark = conformance.QUIET


@pytest.fixture(scope="module")
def network():
    """Maps, their average, a linear classifier: the gradient at the maps is the kernel over the places."""
    inputs = keras.Input((12, 12, 1))
    maps = layers.Conv2D(3, 3, strides=2, padding="same", activation="relu", name="maps")(inputs)
    pooled = layers.GlobalAveragePooling2D(name="pool")(maps)
    model = keras.Model(inputs, layers.Dense(4, name="scores")(pooled))
    conformance.randomise(model)
    return model


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).normal(size=(3, 12, 12, 1)).astype("float32")


def test_grad_cam_is_the_class_activation_map_of_a_linear_head(network, images):
    found = grad_cam(network, images, [2, 0, 1], layer="maps")
    maps = feature_maps(network, images, ["maps"])["maps"]
    kernel = keras.ops.convert_to_numpy(network.get_layer("scores").kernel)
    for index, label in enumerate((2, 0, 1)):
        heat = np.maximum(maps[index] @ kernel[:, label], 0)
        wide = keras.ops.convert_to_numpy(keras.ops.image.resize(heat[..., None], (12, 12)))[..., 0]
        np.testing.assert_allclose(found[index], wide / max(wide.max(), 1e-12), atol=1e-5)
    best = np.argmax(network.predict_on_batch(images), axis=1)
    np.testing.assert_allclose(grad_cam(network, images), grad_cam(network, images, best), atol=1e-6)


@pytest.mark.quick_on("torch", "tensorflow")
def test_layers_of_ours_and_cuts_around_a_shortcut():
    model = models.build("resnet8_small", input_shape=(16, 16, 1), classes=3)
    assert map_layers(model) == ["stem_conv", "stage1_block1", "stage2_block1", "stage3_block1"]
    lower, upper = cut(model, "stage2_block1")
    x = np.random.default_rng(0).normal(size=(2, 16, 16, 1)).astype("float32")
    np.testing.assert_allclose(upper.predict_on_batch(lower.predict_on_batch(x)), model.predict_on_batch(x), atol=1e-5)
    inputs = keras.Input((4, 4, 1))
    inside = layers.Conv2D(1, 3, padding="same", name="inside")(inputs)
    around = keras.Model(inputs, layers.GlobalAveragePooling2D()(layers.Add()([inside, inputs])))
    with pytest.raises(UsageError, match="leads around layer 'inside'"):
        cut(around, "inside")
    with pytest.raises(UsageError, match="received layer 'outside', expected one of"):
        cut(around, "outside")
    with pytest.raises(UsageError, match="no layer gives maps"):
        grad_cam(keras.Sequential([keras.Input((3,)), layers.Dense(2)]), x[:, 0, :3, 0])


def test_feature_maps_are_the_layers_outputs(network, images):
    found = feature_maps(network, images)
    assert list(found) == ["maps"]
    kernel, bias = (keras.ops.convert_to_numpy(part) for part in network.get_layer("maps").weights)
    padded = np.pad(images[0, :, :, 0], ((0, 1), (0, 1)))  # "same" with stride 2 pads behind
    place = padded[4:7, 6:9]
    expected = np.maximum(np.einsum("ij,ijk->k", place, kernel[:, :, 0]) + bias, 0)
    np.testing.assert_allclose(found["maps"][0, 2, 3], expected, atol=1e-5)


def test_occlusion_by_hand(images):
    """A classifier that looks at one pixel loses its belief exactly where that pixel is covered."""
    kernel = np.zeros((144, 2), "float32")
    kernel[5 * 12 + 7, 0] = 4.0
    model = keras.Sequential([keras.Input((12, 12, 1)), layers.Flatten(), layers.Dense(2, use_bias=False)])
    model.layers[-1].set_weights([kernel])
    bright = np.zeros((1, 12, 12, 1), "float32")
    bright[0, 5, 7] = 1.0
    lost = occlusion(model, bright, [0], patch=2, stride=2, fill=0.0)
    fall = 1 / (1 + np.exp(-4.0)) - 0.5
    expected = np.zeros((12, 12))
    expected[4:6, 6:8] = fall
    np.testing.assert_allclose(lost[0], expected, atol=1e-6)
    halves = occlusion(model, bright, [0], patch=4, stride=2, fill=0.0)[0]
    assert halves[5, 7] == pytest.approx(fall, abs=1e-6)  # each square over the pixel loses all of it
    assert 0 < halves[2, 7] < fall
    assert occlusion(model, images, patch=5, stride=4).shape == (3, 12, 12)
    with pytest.raises(UsageError, match="patch must be 1 to 12"):
        occlusion(model, images, patch=13)


def test_rollout_by_hand():
    rng = np.random.default_rng(0)
    raw = rng.uniform(size=(3, 2, 4, 5, 5))  # blocks, batch, heads, tokens
    attentions = raw / raw.sum(axis=-1, keepdims=True)
    rolled = attention_rollout(list(attentions))
    expected = np.eye(5)
    for block in attentions:
        expected = (0.5 * block[1].mean(axis=0) + 0.5 * np.eye(5)) @ expected
    np.testing.assert_allclose(rolled[1], expected, atol=1e-6)
    np.testing.assert_allclose(rolled.sum(axis=-1), 1.0, atol=1e-6)
    with pytest.raises(ShapeError, match="tokens, tokens"):
        attention_rollout([attentions[0], attentions[1, :, :, :4, :4]])


SMALL = {"patch": 4, "width": 8, "depth": 2, "heads": 2}
TRANSFORMERS = {
    # What the head sees, by the place of the tokens: the class token; the patches behind it, or alone; both of DeiT's.
    "token": (lambda **sizes: models.vit(models.ViTConfig(**SMALL), **sizes), slice(0, 1), 1),
    "mean": (lambda **sizes: models.vit(models.ViTConfig(**SMALL, pooling="mean"), **sizes), slice(1, None), 1),
    "no class token": (
        lambda **sizes: models.vit(models.ViTConfig(**SMALL, pooling="mean", class_token=False), **sizes),
        slice(0, None),
        0,
    ),
    "two heads": (lambda **sizes: models.deit(models.DeiTConfig(**SMALL), **sizes), slice(0, 2), 2),
    "one of two": (
        lambda **sizes: models.deit(models.DeiTConfig(**SMALL, distillation_head=False), **sizes),
        slice(0, 1),
        2,
    ),
}


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("name", TRANSFORMERS)
def test_patches_that_the_head_sees(name, raw):
    make, seen, front = TRANSFORMERS[name]
    model = make(classes=3, input_shape=(12, 20, 3))
    conformance.randomise(model)
    model = models.accept_raw_pixels(model) if raw else model
    x = np.random.default_rng(0).normal(size=(2, 12, 20, 3)).astype("float32")
    found = patch_attention(model, x)
    weights = [conformance.to_numpy(block) for block in attention_maps(model)(x)]
    rolled = attention_rollout(weights)[:, seen, front:].mean(axis=1)
    np.testing.assert_allclose(found.rolled, rolled.reshape(2, 3, 5), atol=1e-6)
    heads = weights[-1][:, :, seen, front:].mean(axis=2)
    np.testing.assert_allclose(found.heads, heads.reshape(2, 2, 3, 5), atol=1e-6)
    assert found.block == "stage2_block"


def test_patches_of_pictures_of_any_size():
    """Positions are learned for 56 x 56 patches; the pictures have 3 x 5."""
    model = models.vit(models.ViTConfig(**SMALL), classes=3, input_shape=(None, None, 3))
    x = np.random.default_rng(0).normal(size=(1, 12, 20, 3)).astype("float32")
    assert patch_attention(model, x).rolled.shape == (1, 3, 5)
    assert patch_attention(model, x).heads.shape == (1, 2, 3, 5)


def test_attention_without_patches_is_refused():
    inputs = keras.Input((5, 8))
    block = kerasarch_layers.TransformerEncoderBlock(2, hidden=8)(inputs)
    model = keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling1D()(block)))
    with pytest.raises(UsageError, match=r"one PatchTokens and a TokenPooling.*Received 0 and 0"):
        patch_attention(model, np.zeros((1, 5, 8), "float32"))
    with pytest.raises(UsageError, match="attention blocks"):
        patch_attention(models.build("resnet8_small", input_shape=(8, 8, 3)), np.zeros((1, 8, 8, 3), "float32"))
