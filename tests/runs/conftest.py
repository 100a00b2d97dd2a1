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


LEARNER_RECIPE = '''"""A small WGAN-GP."""
import time

from kerasarch.recipe import Run, recipe


@recipe(task="test")
def adversarial(run: Run, *, pause: float = 0.0):
    """Trains two networks with noise of its own; one learning rate falls, one network keeps an average."""
    import keras
    import numpy as np
    from keras import layers, ops

    from kerasarch import training

    class WGANGP(training.Learner):
        def __init__(self):
            super().__init__()
            self.generator = keras.Sequential(
                [layers.Input((2,)), layers.Dense(4), layers.BatchNormalization(), layers.Dense(3)], name="generator"
            )
            self.critic = keras.Sequential(
                [layers.Input((3,)), layers.Dense(4, activation="tanh"), layers.Dropout(0.2, seed=1), layers.Dense(1)],
                name="critic",
            )
            self.seeds = keras.random.SeedGenerator(7)

        def critic_loss(self, real, fake):
            share = keras.random.uniform((32, 1), seed=self.seeds)
            slope = training.grad(lambda x: ops.sum(self.critic(x)))(share * real + (1 - share) * fake)
            norm = ops.sqrt(ops.sum(ops.square(slope), axis=-1) + 1e-12)
            scores = self.critic(fake, training=True), self.critic(real, training=True)
            return ops.mean(scores[0]) - ops.mean(scores[1]) + 10 * ops.mean(ops.square(norm - 1))

        def step(self, batch):
            real, _ = batch
            noise = keras.random.normal((32, 2), seed=self.seeds)
            critic = self.minimize("critic", self.critic_loss, real, self.generator(noise, training=True))
            loss = lambda: -ops.mean(self.critic(self.generator(noise, training=True)))
            return {"critic_loss": critic, "generator_loss": self.minimize("generator", loss)}

        def evaluation_step(self, batch):
            return {"score": ops.mean(self.critic(batch[0]))}

    class Slow(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            time.sleep(pause)

    real = np.random.default_rng(0).normal(size=(224, 3)).astype("float32")
    learner = WGANGP()
    rate = keras.optimizers.schedules.ExponentialDecay(1e-2, 1, 0.9)
    learner.compile({"generator": keras.optimizers.Adam(rate, use_ema=True), "critic": keras.optimizers.Adam(1e-2)})
    data = (real, np.zeros(224))
    history = run.fit("train", learner, data, epochs=2, validation_data=(real[:32], data[1][:32]), callbacks=[Slow()])
    arrays = [keras.ops.convert_to_numpy(v) for v in [*learner.variables, *learner.optimizer.variables]]
    np.savez(run.dir / "final.npz", *arrays)
    return {name: values[-1] for name, values in history.items()}
'''


@pytest.fixture
def learner_file(tmp_path) -> Path:
    path = tmp_path / "adversarial.py"
    path.write_text(LEARNER_RECIPE)
    return path
