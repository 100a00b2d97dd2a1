"""The kit finds what is wrong: each broken layer fails just the check that its fault belongs to."""

import keras
import numpy as np
import pytest

from kerasarch.errors import PluginError
from kerasarch.testing import ConformanceError, Example, Integers, check_layer, check_model
from kerasarch.testing.definitions import LAYER_CHECKS
from kerasarch.testing.findings import failed
from kerasarch.testing.probe import Probe

register = keras.saving.register_keras_serializable(package="kerasarch_tests")
EXAMPLE = Example(arguments={"units": 3}, inputs=[(2, 4)])


@register
class Sound(keras.layers.Layer):
    """A dense layer with nothing wrong; the broken ones change one thing."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.dense = keras.layers.Dense(self.units, dtype=self.dtype_policy, name="dense")
        self.dense.build(input_shape)

    def call(self, x):
        return self.dense(x)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return super().get_config() | {"units": self.units}


class Unregistered(Sound):
    pass


@register
class ForgetsArgument(Sound):
    def __init__(self, units, rate=0.5, **kwargs):
        super().__init__(units, **kwargs)
        self.rate = rate


@register
class UnbuiltChild(Sound):
    def build(self, input_shape):
        self.dense = keras.layers.Dense(self.units, dtype=self.dtype_policy, name="dense")


@register
class WrongShape(Sound):
    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units + 1)


@register
class KeepsPolicy(Sound):
    def build(self, input_shape):
        self.dense = keras.layers.Dense(self.units, dtype="float32", name="dense")
        self.dense.build(input_shape)


@register
class UnusedVariable(Sound):
    def build(self, input_shape):
        super().build(input_shape)
        self.unused = self.add_weight(shape=(2,), name="unused")


@register
class MixesRows(Sound):
    def call(self, x):
        return self.dense(x) - keras.ops.mean(x)


@register
class Infinite(Sound):
    def call(self, x):
        return self.dense(x) / 0.0


class WithoutInputs(Sound):
    conformance = (Example(),)


def examine(layer, check, example=EXAMPLE):
    chosen = next(known for known in LAYER_CHECKS if known.name == check)
    return chosen.examine(Probe(layer, example, layer=True), title="x", backend="y", skip=example.skip)


def test_sound_layer_passes():
    findings = check_layer(Sound, examples=[EXAMPLE])
    assert [finding.status for finding in findings] == ["passed"] * len(LAYER_CHECKS)


@pytest.mark.parametrize(
    ("layer", "check", "says"),
    [
        (Unregistered, "registration", "Unregistered"),
        (ForgetsArgument, "config round trip", "rate"),
        (UnbuiltChild, "saving", ""),
        (WrongShape, "shapes", "(2, 3)"),
        (KeepsPolicy, "dtype policies", "dense"),
        (UnusedVariable, "gradients", "unused"),
        (MixesRows, "batch independence", "row 0"),
        (Infinite, "construction", "NaN or infinity"),
    ],
)
def test_fault_is_found(layer, check, says):
    finding = examine(layer, check)
    assert finding.status == "failed"
    assert says in finding.text
    assert finding.remedy
    other = examine(Sound, check)
    assert other.status == "passed", other.text


def test_still_and_skip_are_honoured():
    still = Example(arguments={"units": 3}, inputs=[(2, 4)], still=["unused"])
    assert examine(UnusedVariable, "gradients", still).status == "passed"
    skip = Example(arguments={"units": 3}, inputs=[(2, 4)], skip={"batch independence": "rows mix on purpose"})
    finding = examine(MixesRows, "batch independence", skip)
    assert (finding.status, finding.text) == ("skipped", "rows mix on purpose")


def test_error_is_the_report():
    with pytest.raises(ConformanceError, match="registration") as caught:
        check_layer(Unregistered, examples=[EXAMPLE])
    text = str(caught.value)
    assert "Remedy: Decorate each class" in text
    assert max(len(line) for line in text.splitlines()) <= 80


def test_several_inputs_and_integers():
    embedding = Example(
        arguments={"input_dim": 5, "output_dim": 3},
        inputs=[Integers((2, 6), below=5)],
        skip={"config round trip": "Keras leaves arguments of LoRA out"},
    )
    assert failed(check_layer(keras.layers.Embedding, examples=[embedding])) == []
    attention = Example(
        arguments={"num_heads": 2, "key_dim": 4},
        inputs=[(2, 5, 8), (2, 7, 8)],
        call={"use_causal_mask": True},
        still=["key/bias"],
        skip={"config round trip": "Keras leaves arguments out"},
    )
    found = {finding.check: finding for finding in check_layer(keras.layers.MultiHeadAttention, examples=[attention])}
    assert found["shapes"].text == "(None, 5, 8)"


def test_arrays_are_the_same_everywhere():
    example = Example(inputs=[(2, 3), {"ids": Integers((2, 4), below=7)}])
    first, second = example.arrays(), example.arrays()
    np.testing.assert_array_equal(first[0], second[0])
    assert first[0].dtype == "float32"
    assert first[1]["ids"].dtype == "int32"
    assert first[1]["ids"].max() < 7


def test_examples_are_asked_for():
    with pytest.raises(PluginError, match=r"Dense\.conformance = "):
        check_layer(keras.layers.Dense)
    with pytest.raises(PluginError, match="inputs="):
        check_layer(WithoutInputs)


def test_models():
    def builder(classes=2):
        inputs = keras.Input((4,), name="x")
        hidden = keras.layers.Dense(3, activation="gelu", name="stem")(inputs)
        return keras.Model(inputs, {"logits": keras.layers.Dense(classes, name="head")(hidden)}, name="small")

    findings = check_model(builder, examples=[Example(arguments={"classes": 5}, inputs=[(3, 4)])])
    assert {finding.status for finding in findings} == {"passed"}

    def unregistered():
        inputs = keras.Input((4,))
        return keras.Model(inputs, Unregistered(2)(inputs))

    with pytest.raises(ConformanceError, match="Unregistered"):
        check_model(unregistered, examples=[Example(inputs=[(3, 4)])])
