"""Checkpoints of networks of which a large part comes from a file."""

import keras
import numpy as np
import pytest

from kerasarch.errors import CheckpointError
from kerasarch.runs.active import ActiveRun
from kerasarch.runs.folder import RunFolder

X = np.random.default_rng(0).normal(size=(48, 6)).astype("float32")
FROM_FILE = np.random.default_rng(1).normal(size=(6, 40)).astype("float32")


def trained(folder, epochs, resume=False, loaded=True):
    """Train a head on a layer whose kernel is loaded; return the run and the weights."""
    keras.utils.set_random_seed(0)
    base = keras.layers.Dense(40, use_bias=False, name="base", trainable=False)
    model = keras.Sequential([keras.Input((6,)), base, keras.layers.Dropout(0.5), keras.layers.Dense(1, name="head")])
    base.kernel.assign(FROM_FILE)
    model.compile(keras.optimizers.Adam(0.01), "mse")
    run = ActiveRun(folder, seed=3, quiet=True, resume=resume)
    try:
        run.fit("train", model, (X, X[:, :1]), epochs=epochs, loaded=base.weights if loaded else ())
    finally:
        run.close()
    return run, [keras.ops.convert_to_numpy(weight) for weight in model.weights]


def test_loaded_variables_are_not_kept_and_resuming_is_exact(tmp_path):
    folders = [RunFolder.create(tmp_path, name, {"backend": "any"}, {}) for name in ("whole", "parts")]
    _, whole = trained(folders[0], 4)
    run, part = trained(folders[1], 2)
    names = run.checkpoints.latest().arrays()
    assert any("head/kernel" in name for name in names)
    assert any("seed_generator" in name for name in names)
    assert not any("base/kernel" in name for name in names)
    _, resumed = trained(folders[1], 4, resume=True)
    assert not np.array_equal(part[1], resumed[1])
    for ours, theirs in zip(resumed, whole, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(CheckpointError, match="variables of the model"):
        trained(folders[1], 5, resume=True, loaded=False)
