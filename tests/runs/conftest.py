"""A recipe small enough to be killed, resumed and compared in seconds."""

from pathlib import Path

import pytest

RECIPE = '''"""A small recipe."""
import time
from typing import Annotated

from kerasarch.recipe import Ge, Run, recipe


@recipe(task="test", expect={"epochs": ">=1"}, resumable=("epochs",))
def small(run: Run, *, epochs: Annotated[int, Ge(1)] = 2, pause: float = 0.0, rate: float = 1e-3):
    """Trains twice."""
    import keras
    import numpy as np

    numbers = np.random.default_rng(0)
    x, y = numbers.normal(size=(150, 6, 6, 1)).astype("float32"), numbers.integers(0, 4, 150)
    layers = keras.layers
    model = keras.Sequential([
        layers.Input((6, 6, 1)), layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ReLU(), layers.Flatten(),
        layers.Dropout(0.3), layers.Dense(4),
    ])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate, use_ema=True), loss, metrics=["accuracy"])
    stop = keras.callbacks.EarlyStopping("loss", patience=9, restore_best_weights=True)

    class Slow(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            time.sleep(pause)

    history = {}
    for name in ("first", "second"):
        history[name] = run.fit(name, model, (x, y), epochs=epochs, validation_data=(x[:32], y[:32]),
                                callbacks=[stop, Slow()])
    np.savez(run.dir / "final.npz", *[keras.ops.convert_to_numpy(v) for v in model.variables])
    return {"epochs": len(history["second"]["loss"]), "loss": history["second"]["loss"][-1]}
'''


@pytest.fixture
def recipe_file(tmp_path) -> Path:
    path = tmp_path / "small.py"
    path.write_text(RECIPE)
    return path
