"""Recipes with a ``model.fit`` or a loop of their own: logged, saved, stopped and resumed."""

import json
import os
import signal
import zipfile

import keras
import numpy as np
import pytest

from kerasarch.errors import CheckpointError, UsageError
from kerasarch.runs import execute
from kerasarch.runs.folder import list_runs

RECIPE = '''"""Small loops."""
import os, random, signal
from kerasarch.recipe import Run, recipe

def stop_at(place):
    if os.environ.get("STOP_AT") == place:
        os.kill(os.getpid(), signal.SIGINT)

def make():
    import keras
    import numpy as np
    x = np.random.default_rng(0).normal(size=(40, 5)).astype("float32")
    model = keras.Sequential([keras.layers.Input((5,)), keras.layers.Dense(8), keras.layers.Dropout(0.5),
                              keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01, use_ema=True), "mse")
    return model, x, x.sum(axis=1, keepdims=True)

def keep(run, model):
    import keras
    import numpy as np
    np.savez(run.dir / "final.npz", *[keras.ops.convert_to_numpy(v) for v in model.variables])

@recipe(task="test", resumable=("epochs",))
def plain(run: Run, *, epochs: int = 3, shuffle: bool = False):
    """Fits twice by itself."""
    import keras
    model, x, y = make()
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.count = getattr(self, "count", 0) + 1
            stop_at(f"{number}:{self.count}")
    trained = 0
    for number in (1, 2):
        stop = Stop()
        history = model.fit(x, y, epochs=epochs, batch_size=8, shuffle=shuffle, verbose=0,
                            callbacks=[stop, *run.callbacks()])
        trained += getattr(stop, "count", 0)
    keep(run, model)
    return {"batches": trained, "epochs": len(history.history["loss"]), "numbered": len(history.epoch)}

@recipe(task="test")
def loop(run: Run, *, steps: int = 9):
    """Trains in a loop of its own."""
    import numpy as np
    model, x, y = make()
    state = {"model": model, "optimizer": model.optimizer, "losses": [], "best": {"at": None}, "sum": np.zeros(2)}
    first, losses, best, total = 0, [], {"at": None}, np.zeros(2)
    restored = run.restore(state)
    if restored is not None:
        first, values = restored
        losses, best, total = values["losses"], values["best"], values["sum"]
    for step in range(first, steps):
        chosen = [random.randrange(40) for _ in range(8)]
        loss = float(model.train_on_batch(x[chosen], y[chosen]))
        losses.append(loss)
        total = total + [loss, step]
        if loss == min(losses):
            best = {"at": step}
        run.log(step, loss=loss)
        stop_at(str(step))
        if run.should_stop or step % 3 == 2:
            run.checkpoint(step + 1, state | {"losses": losses, "best": best, "sum": total})
    keep(run, model)
    return {"losses": losses, "best": best["at"], "sum": total}
'''


@pytest.fixture
def start(tmp_path, monkeypatch):
    (tmp_path / "loops.py").write_text(RECIPE)
    count = [0]

    def call(name, stop=None, **options):
        count[0] += 1
        out = tmp_path / str(count[0])
        if stop is None:
            return execute.run(f"{tmp_path / 'loops.py'}:{name}", out=out, quiet=True, **options)
        with monkeypatch.context() as patch:
            patch.setenv("STOP_AT", stop)
            with pytest.raises(KeyboardInterrupt):
                execute.run(f"{tmp_path / 'loops.py'}:{name}", out=out, quiet=True, **options)
        return list_runs(out)[0]

    return call


def same(first, second):
    with np.load(first / "final.npz") as a, np.load(second / "final.npz") as b:
        for name in a.files:
            np.testing.assert_array_equal(a[name], b[name])


def test_a_fit_of_ones_own_goes_on_at_its_epoch(start):
    whole = start("plain")
    assert whole.result == {"batches": 30, "epochs": 3, "numbered": 3}
    lines = [json.loads(line) for line in (whole.folder / "metrics.jsonl").read_text().splitlines()]
    epochs = [(line["phase"], line["epoch"]) for line in lines if line["kind"] == "epoch"]
    assert epochs == [(f"fit {fit}", epoch) for fit in (1, 2) for epoch in range(3)]
    for stop, batches in (("1:12", 5 + 15), ("2:1", 15), ("2:7", 10)):
        run = start("plain", stop=stop)
        assert run.status == "interrupted"
        again = execute.resume(run.path, quiet=True)
        assert again.result == {"batches": batches, "epochs": 3, "numbered": 3}, stop
        same(whole.folder, run.path)


def test_a_fit_of_ones_own_may_shuffle(start):
    whole, run = start("plain", shuffle=True), start("plain", stop="2:7", shuffle=True)
    execute.resume(run.path, quiet=True)
    same(whole.folder, run.path)


def test_a_quick_trial_of_a_fit_of_ones_own_is_short(start):
    assert start("plain", smoke=True, epochs=2).result["batches"] <= 20


def test_a_loop_of_ones_own_goes_on_at_its_step(start):
    whole = start("loop")
    for stop in ("1", "4"):
        run = start("loop", stop=stop)
        assert (run.status, run.run["exit_code"]) == ("interrupted", 130)
        again = execute.resume(run.path, quiet=True)
        assert again.result == whole.result
        same(whole.folder, run.path)


def test_what_a_checkpoint_cannot_hold_or_lacks_is_named(tmp_path):
    from kerasarch.runs.loop_state import pack_loop, unpack_loop

    with pytest.raises(UsageError, match="'file'"):
        pack_loop({"file": object()})
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
    values, arrays = pack_loop({"model": model, "numbers": [1.5, float("nan")]})
    with pytest.raises(CheckpointError, match="network"):
        unpack_loop({"network": model}, values, arrays)
    with pytest.raises(UsageError, match="build"):
        unpack_loop({"model": model, "optimizer": keras.optimizers.Adam()}, values, arrays)
    with pytest.raises(CheckpointError, match="shape"):
        unpack_loop({"model": keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(1)])}, values, arrays)


def test_a_second_signal_stops_at_once():
    from kerasarch.runs.interruption import Interrupted, Watch

    watch, reached = Watch(), []
    before = signal.getsignal(signal.SIGINT)

    def work():
        with watch.listening(), watch.waiting():
            os.kill(os.getpid(), signal.SIGINT)
            reached.append(watch.received)
            os.kill(os.getpid(), signal.SIGTERM)
            reached.append("after")

    with pytest.raises(Interrupted) as stopped:
        work()
    assert reached == [signal.SIGINT]
    assert stopped.value.exit_code == 143
    assert signal.getsignal(signal.SIGINT) is before


def test_a_saved_model_says_nothing_of_compilation(tmp_path):
    from kerasarch.runs.saving import save_model

    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
    model.compile("adam", "mse", jit_compile=True)
    model.optimizer.build(model.trainable_variables)
    save_model(model, tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as file:
        config = json.loads(file.read("config.json"))
    assert "jit_compile" not in config["compile_config"]
    assert config["compile_config"]["loss"] == "mse"
    assert "jit_compile" in model.get_compile_config()
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]
    keras.models.load_model(tmp_path / "model.keras").predict(np.ones((1, 2)), verbose=0)
