"""What the runner promises of every recipe: checks, trials, logs for TensorBoard, full disks, other backends."""

import errno
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from kerasarch.runs import execute
from kerasarch.runs.folder import RunFolder, list_runs


def _request(recipe_file, out, **fields):
    from kerasarch.registry import load_recipe

    return execute.Request(load_recipe(str(recipe_file)), str(recipe_file), out=out, quiet=True, **fields)


def test_check_trains_nothing(recipe_file, tmp_path):
    done = execute.execute(_request(recipe_file, tmp_path / "out", check=True))
    assert (done.status, done.exit_code, done.result) == ("checked", 0, {})
    assert not (done.folder / "metrics.jsonl").is_file()
    assert RunFolder(done.folder).status == "checked"


def test_a_quick_trial_caps_epochs_and_steps_and_judges_nothing(recipe_file, tmp_path):
    request = _request(recipe_file, tmp_path / "out", smoke=True, values={"epochs": 30})
    done = execute.execute(request)
    assert (done.status, done.result["epochs"], done.verdicts) == ("finished", 2, {})
    epochs = [json.loads(line) for line in (done.folder / "metrics.jsonl").read_text().splitlines()]
    assert max(line["step"] for line in epochs) <= 16
    assert RunFolder(done.folder).run["smoke"] is True


@pytest.mark.quick_on("torch")
@pytest.mark.parametrize("function", ["fsync", pytest.param("replace", marks=pytest.mark.slow)])
def test_a_full_disk_fails_the_run_and_spoils_nothing(recipe_file, tmp_path, monkeypatch, function):
    monkeypatch.setenv("KERASARCH_CHECKPOINT_BATCHES", "4")
    real, calls = getattr(os, function), [0]

    def run(out, failing):
        calls[0] = 0

        def maybe_full(*arguments):
            calls[0] += 1
            if calls[0] == failing:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(os, function, maybe_full)
            return execute.execute(_request(recipe_file, out))

    whole = run(tmp_path / "whole", failing=0)
    total = calls[0]
    for failing in (total // 2, total - 1):
        done = run(tmp_path / str(failing), failing)
        if done.status == "finished":  # the report alone could not be written
            assert "report could not be written" in (done.folder / "log.txt").read_text()
            continue
        assert (done.status, done.exit_code) == ("failed", 1), failing
        assert "disk is full" in done.error
        assert "\n" not in done.error
        folder = RunFolder(done.folder)
        assert (folder.status, folder.run["error"]) == ("failed", done.error)
        again = execute.resume(done.folder, quiet=True)
        assert (again.status, again.result) == ("finished", whole.result)
        with np.load(whole.folder / "final.npz") as a, np.load(done.folder / "final.npz") as b:
            for name in a.files:
                np.testing.assert_array_equal(a[name], b[name])


SMALLEST = '''"""A very small recipe."""
from kerasarch.recipe import Run, recipe

@recipe(task="test", expect={"score": ">=0.4"}, resumable=("epochs",))
def smallest(run: Run, *, epochs: int = 1, rates: tuple[float, ...] = (0.1,), stop: bool = False):
    """Trains on."""
    import keras
    import numpy as np
    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile(keras.optimizers.SGD(rates[0]), "mse")
    history = run.fit("only", model, (np.ones((64, 3)), np.ones((64, 1))), epochs=epochs)
    run.log(7, score=0.25)
    if stop and run.seed == 1:
        raise ValueError("there is no data")
    return {"score": 0.5 + run.seed / 4, "a metric with a long name": history["loss"][-1]}
'''


@pytest.fixture
def smallest(tmp_path, monkeypatch):
    (tmp_path / "smallest.py").write_text(SMALLEST)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")

    def call(*words):
        return subprocess.run([sys.executable, "-m", "kerasarch", *words], capture_output=True, text=True)

    return call


@pytest.mark.quick_on("jax", "torch")
def test_tensorboard_reads_the_log_and_tensorflow_is_not_imported(smallest, tmp_path, backend):
    code = (
        "import sys; from kerasarch.runs.execute import run; run('smallest.py', tensorboard=True, epochs=2); "
        "sys.exit('tensorflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == (backend == "tensorflow"), done.stderr
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    found = accumulator.EventAccumulator(str(list_runs(tmp_path / "runs")[0].path / "tensorboard"))
    found.Reload()
    assert [event.step for event in found.Scalars("only/loss")] == [2, 4]
    assert [(event.step, event.value) for event in found.Scalars("score")] == [(7, 0.25)]


@pytest.mark.quick_on("torch")  # two backends start, whichever begins
def test_a_run_goes_on_on_another_backend_and_says_so(smallest, tmp_path, backend):
    other = "torch" if backend != "torch" else "jax"
    done = smallest("run", "smallest.py", "--backend", backend, "--devices", "cpu", "--json")
    assert done.returncode == 0, done.stderr
    folder = RunFolder(tmp_path / json.loads(done.stdout)["folder"])
    first = json.loads(done.stdout)["result"]["a metric with a long name"]
    again = smallest("resume", "latest", "--backend", other, "--epochs", "2", "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["result"]["a metric with a long name"] < first
    assert (folder.run["backend"], folder.run["devices"]) == (other, "cpu")
    assert [(entry["backend"], entry["changes"]) for entry in folder.run["resumed"]] == [(other, {"epochs": 2})]


@pytest.mark.backend_free
def test_every_backend_in_one_command(smallest):
    done = smallest("run", "smallest.py", "--backend", "all", "--rates", "0.01,0.02")
    assert done.returncode == 0, done.stderr
    told = done.stderr.splitlines()
    assert [line for line in told if line.startswith("smallest.py on")] == [
        f"smallest.py on {backend}, seed 0" for backend in ("jax", "tensorflow", "torch")
    ]
    lines = done.stdout.splitlines()
    assert max(len(line) for line in lines) <= 80
    rows = {line.split("  ")[1].strip(): line.split() for line in lines if line.strip()}
    assert rows["metric"][1:] == ["jax", "tensorflow", "torch"]
    assert rows["status"][1:] == ["finished"] * 3
    losses = set(rows["a metric with a long name"][-3:])
    assert len(losses) == 1, lines


@pytest.mark.backend_free
def test_several_seeds_in_one_command(smallest, capsys):
    from kerasarch.commands.running import _say_seeds

    done = smallest("run", "smallest.py", "--seeds", "3", "--stop", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert "seed 1" not in done.stderr  # with --json nothing is told
    assert [(row["seed"], row["status"], row["error"]) for row in found["runs"]] == [
        (0, "finished", None),
        (1, "failed", "ValueError: there is no data"),
        (2, "finished", None),
    ]
    assert found["summary"]["score"] == pytest.approx({"mean": 0.75, "deviation": 0.5**0.5 / 2, "count": 2})
    assert _say_seeds(found["runs"], as_json=False) == 1
    lines = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in lines) <= 80
    rows = {words[0]: words[1:] for line in lines if (words := line.split())}
    assert rows["metric"] == ["seed", "0", "seed", "1", "seed", "2", "mean", "deviation"]
    assert [float(cell) for cell in rows["score"][-2:]] == pytest.approx([0.75, 0.3536], abs=1e-4)


def test_expectations_are_for_the_own_data_and_for_figures_that_apply(tmp_path):
    file = tmp_path / "judged.py"
    file.write_text(
        '"""Is judged."""\n'
        "from kerasarch.recipe import Run, recipe\n\n"
        '@recipe(task="t", expect={"score": ">=1", "share": ">=1"})\n'
        'def judged(run: Run, *, data: str = "digits"):\n'
        '    """Is judged."""\n'
        '    return {"score": 0.5, "share": None}\n',
        encoding="utf-8",
    )
    own = execute.execute(_request(file, tmp_path / "own"))
    assert (own.result, own.verdicts) == ({"score": 0.5}, {"score": (">=1", 0.5, False)})
    other = execute.execute(_request(file, tmp_path / "other", values={"data": "letters"}))
    assert other.verdicts == {}
