"""``kerasarch test`` over all installed backends, on a layer that they do not agree on."""

import json

import pytest

from kerasarch.testing.processes import chosen, installed

pytestmark = pytest.mark.backend_free

LAYERS = '''
import keras
from kerasarch.testing import Example


@keras.saving.register_keras_serializable(package="parting")
class Parting(keras.layers.Layer):
    """Adds one hundredth where the backend is torch."""

    conformance = [Example(inputs=[(2, 3)])]

    def build(self, input_shape):
        self.dense = keras.layers.Dense(4, dtype=self.dtype_policy, name="dense")
        self.dense.build(input_shape)

    def call(self, x):
        return self.dense(x) + (0.01 if keras.config.backend() == "torch" else 0.0)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 4)


class Crashing(Parting):
    """Cannot be constructed."""

    conformance = [Example(inputs=[(2, 3)])]

    def __init__(self, **kwargs):
        raise ValueError("no layer today")
'''


@pytest.fixture
def parting(site):
    points = {"layers": {"Parting": "parting:Parting", "Crashing": "parting:Crashing"}}
    site.install("parting", points, {"parting.py": LAYERS})
    return site


def test_backends_that_disagree_are_found(parting):
    if len(installed()) < 2 or "torch" not in installed():
        pytest.skip("needs torch and another backend")
    ended = parting.kerasarch("test", "Parting", "--json")
    assert ended.returncode == 1, ended.stderr
    findings = json.loads(ended.stdout)
    failed = [finding for finding in findings if finding["status"] == "failed"]
    assert [finding["check"] for finding in failed] == ["agreement"]
    assert "torch" in failed[0]["text"]
    assert failed[0]["remedy"]
    assert {finding["backend"] for finding in findings} == {*installed(), "all"}


def test_failure_is_explained_at_80_columns(parting):
    ended = parting.kerasarch("test", "Crashing", "--backend", chosen("all")[-1])
    assert ended.returncode == 1
    assert "FAIL  construction" in ended.stdout
    assert "no layer today" in ended.stdout
    assert "Remedy: Construct it by hand" in ended.stdout
    assert "0 checks passed, 1 failed" in ended.stdout
    assert max(len(line) for line in ended.stdout.splitlines()) <= 80


def test_layer_without_examples_is_a_broken_plugin(site):
    module = "import keras\nclass Bare(keras.layers.Layer):\n    pass\n"
    site.install("bare-plugin", {"layers": {"Bare": "bare_one:Bare"}}, {"bare_one.py": module})
    ended = site.kerasarch("test", "Bare", "--backend", chosen("all")[-1])
    assert ended.returncode == 4
    assert "Bare has no examples to check" in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1
