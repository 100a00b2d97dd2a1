"""Costs of models that are no graphs of layers: those of diffusion, and anyone's."""

import keras
import numpy as np
import pytest
from keras import tree

from kerasarch import models
from kerasarch.errors import ShapeError, UsageError
from kerasarch.inspection import layer_costs
from tests import conformance

pytestmark = [conformance.QUIET, pytest.mark.quick_on("torch")]  # no arithmetic is done but once

SMALL = {"widths": (4, 8), "groups": 2, "channels": 2, "output_channels": 1}
UNET = {**SMALL, "depth": 1, "head_width": 4, "down": ("plain", "attention"), "up": ("attention", "plain")}
CROSS = {**SMALL, "depth": 1, "heads": 2, "down": ("plain", "cross"), "up": ("cross", "plain"), "context_width": 5}
ADDITION = {"addition": "text_time", "addition_width": 2, "projection_width": 15}
MADE = {
    "autoencoder_kl": lambda: models.autoencoder_kl("stable_diffusion", **SMALL),
    "vq_model": lambda: models.vq_model("latent_diffusion_vq", **SMALL, codes=6),
    "clip_text": lambda: models.clip_text("stable_diffusion", width=8, depth=2, heads=2, hidden=12, vocabulary=9),
    "dit": lambda: models.dit("digits", input_shape=(6, 4, 2), heads=2, head_width=4, depth=2),
    "unet_2d": lambda: models.unet_2d("digits", **UNET, classes=3),
    "unet_2d_of_vectors": lambda: models.unet_2d("digits", **UNET, classes=None, class_embedding="identity"),
    "unet_2d_condition": lambda: models.unet_2d_condition("stable_diffusion_1", **CROSS),
    "unet_2d_condition_xl": lambda: models.unet_2d_condition("stable_diffusion_1", **CROSS, **ADDITION),
    "unet_2d_condition_of_classes": lambda: models.unet_2d_condition(
        "stable_diffusion_1", **CROSS, class_embedding="projection", projection_width=7, token_width=3
    ),
}


@pytest.mark.parametrize("name", MADE)
def test_models_of_diffusion(name):
    model = MADE[name]()
    size = None if name in ("clip_text", "dit") else (6, 4, 2)
    given = model.input_tensors(size)
    arrays = tree.map_structure(lambda tensor: np.ones((2, *tensor.shape[1:]), tensor.dtype), given)
    model(arrays)  # what is followed is what can be called
    cost = layer_costs(model, size)
    assert cost.unknown == ()
    assert cost.parameters == model.count_params() == sum(row.parameters for row in cost.layers)
    parts = {layer.name for layer in model._flatten_layers(include_self=False, recursive=False)}
    assert {row.name for row in cost.layers} <= parts
    every = layer_costs(model, size, blocks=False)
    assert (every.multiply_adds, every.activations) == (cost.multiply_adds, cost.activations)
    assert len(every.layers) > len(cost.layers)


# Peebles & Xie, 2022, the sizes of table 1 in the appendix's table: "Gflops", which are multiply-adds, on 32x32x4.
@pytest.mark.parametrize(("name", "billions"), {"dit_s_8": 0.36, "dit_s_4": 1.41, "dit_s_2": 6.06}.items())
def test_published_multiply_adds(name, billions):
    assert layer_costs(models.dit(name)).multiply_adds == pytest.approx(billions * 1e9, rel=0.01)


class Two(keras.Model):
    """A convolution and scores, with operations around them."""

    def __init__(self):
        super().__init__(name="two")
        self.first, self.scores = keras.layers.Conv2D(4, 3, name="first"), keras.layers.Dense(3, name="scores")

    def call(self, x):
        return keras.ops.sigmoid(self.scores(keras.ops.relu(self.first(2 * x))))


def test_a_model_of_anyone():
    model = Two()
    model(np.ones((2, 8, 7, 3), "float32"))
    cost = layer_costs(model)
    assert [row.name for row in cost.layers] == ["first", "scores"]
    assert [row.output for row in cost.layers] == [(6, 5, 4), (6, 5, 3)]
    assert [row.kind for row in cost.layers] == ["Conv2D", "Dense"]
    assert cost.multiply_adds == 6 * 5 * (4 * 27 + 3 * 4)
    # doubled, convolved, rectified, scored, squashed
    assert cost.activations == 4 * (8 * 7 * 3 + 6 * 5 * (4 + 4 + 3 + 3))
    assert cost.layers[0].receptive_field == (3, 3)
    assert layer_costs(model, (9, 9, 3)).layers[1].output == (7, 7, 3)
    with pytest.raises(ShapeError, match=r"two: .*'first'.*axis -1.*value 3.*9, 9, 4"):
        layer_costs(model, (9, 9, 4))


def test_several_inputs_of_a_model_of_anyone():
    class Sum(keras.Model):
        def __init__(self):
            super().__init__()
            self.left, self.right = keras.layers.Dense(4, name="left"), keras.layers.Dense(4, name="right")

        def call(self, inputs):
            return self.left(inputs[0]) + self.right(inputs[1])

    model = Sum()
    model([np.ones((2, 5), "float32"), np.ones((2, 6), "float32")])
    assert layer_costs(model).multiply_adds == layer_costs(model, [(5,), (6,)]).multiply_adds == 4 * (5 + 6)


def test_what_cannot_be_followed():
    with pytest.raises(UsageError, match="two: a subclassed model that was not built for one size"):
        layer_costs(Two())
    with pytest.raises(ShapeError, match=r"dit: samples must have 4 channels.*multiples of patch=8.*33, 33, 4"):
        layer_costs(models.dit("dit_s_8", depth=1), (33, 33, 4))
    with pytest.raises(UsageError, match=r"unet_2d: takes inputs of any size.*32x32x2"):
        layer_costs(models.unet_2d("digits", **UNET, sample_size=None))

    class Hidden(Two):
        def call(self, x):
            return self.scores(keras.ops.convert_to_tensor(keras.ops.convert_to_numpy(self.first(x))))

        def compute_output_shape(self, shape):
            return (*shape[:-1], 3)

    model = Hidden()
    model(np.ones((2, 8, 7, 3), "float32"))
    with pytest.raises(UsageError, match="two: its call cannot be followed"):
        layer_costs(model)
