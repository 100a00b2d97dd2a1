"""The three modules offer the same functions; those of the backend in use work."""

import ast
from pathlib import Path

import keras
import pytest

import kerasarch
from kerasarch import backends

FOLDER = Path(kerasarch.__file__).parent / "backends"


def signatures(module):
    """Name, arguments and return annotation of each public function in a file, which is not imported."""
    tree = ast.parse((FOLDER / f"{module}.py").read_text())
    return {
        node.name: (ast.unparse(node.args), ast.unparse(node.returns))
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }


KINDS = ("", "gradients_", "steps_", "branches_", "compiled_", "recurrence_", "repeated_")
AS_USUAL = ("recorded", "quick_steps", "training_call", "optimizers")
"""One file for JAX and TensorFlow, one for PyTorch."""


@pytest.mark.parametrize("module", ["tensorflow", "torch"])
def test_same_functions(module):
    found = {name for kind in KINDS for name in signatures(kind + module)}
    for kind in KINDS:
        assert sorted(signatures(kind + module)) == sorted(signatures(f"{kind}jax"))
    assert signatures(module) == signatures("jax")
    usual = signatures("draws_as_usual")  # one file for both
    assert usual.items() <= signatures("draws_jax").items()
    shared = {}
    for kind in AS_USUAL:
        shared |= signatures(f"{kind}_as_usual")
        assert signatures(f"{kind}_as_usual") == signatures(f"{kind}_torch")
    assert set(backends.__all__) <= found | set(usual) | set(shared)


def test_names(backend):
    assert backends.name() == backend == keras.backend.backend()
    assert backends.version().split(".")[0].isdigit()
    assert all(":" in device for device in backends.device_names())


def test_synchronize():
    value = keras.ops.ones((3, 3)) @ keras.ops.ones((3, 3))
    backends.synchronize({"a": value})
    backends.synchronize()
    assert (keras.ops.convert_to_numpy(value) == 3).all()


def test_memory_peak():
    peak = backends.memory_peak()
    assert (peak is None) == backends.device_names()[0].startswith("cpu")
    assert peak is None or peak > 0
