"""Gradual unfreezing and augmented batches through ``run.fit``: stopped anywhere, the weights end the same."""

import numpy as np
import pytest

from kerasarch.runs import execute
from kerasarch.runs.folder import list_runs

RECIPE = '''"""A small network in stages."""
import os, signal
from kerasarch.recipe import Run, recipe

@recipe(task="test")
def staged(run: Run, *, augment: bool = False, staged: bool = True, policy: str = "float32", stages: int = 2,
           average: float = 0.0):
    """Opens a network in stages, or trains it at once."""
    import keras
    import numpy as np
    from kerasarch import data, training
    from kerasarch.training.weight_averages import ValidateAverages

    numbers = np.random.default_rng(0)
    pictures, labels = numbers.integers(0, 255, (22, 8, 8, 1)).astype("uint8"), np.arange(22) % 3
    source = data.ArrayImages(pictures, labels, ("a", "b", "c"))
    change = data.Augmentation(flip=True, rotation=10, mixup=0.2) if augment else None
    train = data.batches(source, batch=4, size=(8, 8), channels=1, augment=change, seed=run.seed, labels="one_hot")
    validation = data.batches(source, batch=8, size=(8, 8), channels=1, shuffle=False, labels="one_hot")
    layers = keras.layers
    inputs = layers.Input((8, 8, 1), dtype="float32")
    keras.config.set_dtype_policy(policy)
    h = layers.Rescaling(1 / 255, name="scale")(inputs)
    for name, width in (("stem", 4), ("stage1", 6)):
        h = layers.Conv2D(width, 3, strides=2, padding="same", name=f"{name}_conv")(h)
        h = layers.BatchNormalization(name=f"{name}_norm")(h)
        h = layers.ReLU(name=f"{name}_relu")(h)
    h = layers.Dropout(0.3, name="head_dropout")(layers.Flatten(name="head_flat")(h))
    model = keras.Model(inputs, layers.Dense(3, dtype="float32", name="head")(h))
    keras.config.set_dtype_policy("float32")
    name = ""

    class Stop(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.batches = 0
        def on_train_batch_end(self, batch, logs=None):
            self.batches += 1
            if os.environ.get("STOP_AT") == f"{name}:{self.batches}":
                os.kill(os.getpid(), signal.SIGINT)

    def fit(stage, part, data, *, callbacks=(), **keywords):
        nonlocal name
        name = stage
        return run.fit(stage, part, data, callbacks=[*callbacks, Stop()], **keywords)

    if staged:
        optimizer = keras.optimizers.Adam(use_ema=True, ema_momentum=average) if average else "adam"
        trainer = training.GradualUnfreezing(model, epochs=3, max_stages=stages, learning_rate=0.01, views=2,
                                             optimizer=optimizer, patience=2, warmup_epochs=1, cache=True, verbose=0)
        watch = [ValidateAverages()] if average else []
        histories = trainer.fit(train, validation, fit=fit, callbacks=watch)
    else:
        loss = keras.losses.CategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
        histories = {"all": fit("all", model, train, epochs=3, validation_data=validation)}
    variables = [*model.variables, *model.optimizer.variables]
    np.savez(run.dir / "final.npz", *[keras.ops.convert_to_numpy(v) for v in variables])
    return {name: history["loss"] for name, history in histories.items()} | {"epoch": train.epoch}
'''


@pytest.fixture
def compare(tmp_path, monkeypatch):
    path = tmp_path / "staged.py"
    path.write_text(RECIPE)

    def call(*stops, **options):
        whole = execute.run(path, out=tmp_path / "whole", quiet=True, **options)
        for stop in stops or [f"{stage}:8" for stage in list(whole.result)[:-1]]:
            out = tmp_path / stop.replace(":", "-").replace("/", "-")
            with monkeypatch.context() as patch:
                patch.setenv("STOP_AT", stop)
                with pytest.raises(KeyboardInterrupt):
                    execute.run(path, out=out, quiet=True, **options)
            run = list_runs(out)[0]
            again = execute.resume(run.path, quiet=True)
            assert again.result == whole.result, stop
            with np.load(whole.folder / "final.npz") as a, np.load(run.path / "final.npz") as b:
                for name in a.files:
                    np.testing.assert_array_equal(a[name], b[name], err_msg=stop)
        return whole

    return call


@pytest.mark.quick_on("tensorflow", "torch")  # the next test has the same stages
def test_stages_with_augmented_views_in_the_boundary_cache(compare):
    assert set(compare("stem-stage1:8", augment=True).result) == {"head", "stem-stage1", "epoch"}


@pytest.mark.quick_on("jax", "torch")
def test_averages_of_weights_in_the_second_stage(compare):
    compare("stem-stage1:8", augment=True, average=0.6)


def test_augmented_batches_in_mixed_precision_with_loss_scaling(compare):
    compare("all:9", augment=True, policy="mixed_float16", staged=False)


@pytest.mark.slow
def test_every_stage_without_augmentation(compare):
    assert len(compare(stages=3).result) == 4


@pytest.mark.slow
def test_the_first_and_the_last_stage_with_augmented_views(compare):
    compare("head:11", "stem:8", augment=True, stages=3)


@pytest.mark.slow
def test_averages_of_weights_in_every_stage(compare):
    compare("head:8", "stage1:11", stages=3, average=0.6)


@pytest.mark.slow
def test_augmented_batches(compare):
    compare("all:3", "all:12", augment=True, staged=False)
