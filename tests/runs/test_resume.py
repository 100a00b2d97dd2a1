"""A run that is stopped and resumed ends with the weights of one that was not; failures leave what they should."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from kerasarch.errors import BackendError, CheckpointError, TrainingError, UsageError
from kerasarch.runs import execute
from kerasarch.runs.folder import list_runs


@pytest.fixture(autouse=True)
def often(monkeypatch):
    monkeypatch.setenv("KERASARCH_CHECKPOINT_BATCHES", "2")


@pytest.fixture
def whole(recipe_file, tmp_path):
    return execute.run(recipe_file, out=tmp_path / "whole", quiet=True)


def _same(first: Path, second: Path) -> None:
    with np.load(first / "final.npz") as a, np.load(second / "final.npz") as b:
        for name in a.files:
            np.testing.assert_array_equal(a[name], b[name])


def _stop_at(monkeypatch, batch: int, number: int = signal.SIGINT) -> None:
    from kerasarch.runs.phase import PhaseCallbacks

    real, seen = PhaseCallbacks.on_train_batch_end, [0]

    def counted(self, *arguments):
        seen[0] += 1
        if seen[0] == batch:
            os.kill(os.getpid(), number)
        return real(self, *arguments)

    monkeypatch.setattr(PhaseCallbacks, "on_train_batch_end", counted)


# An epoch has 5 batches, a phase two epochs.
@pytest.mark.parametrize("batch", [pytest.param(2, marks=pytest.mark.slow), 5, 13])
def test_every_place_to_stop_gives_the_same_weights(batch, whole, recipe_file, tmp_path, monkeypatch):
    assert whole.status == "finished"
    with monkeypatch.context() as patch:
        _stop_at(patch, batch)
        with pytest.raises(KeyboardInterrupt):
            execute.run(recipe_file, out=tmp_path, quiet=True)
    run = list_runs(tmp_path)[0]
    assert (run.status, run.run["exit_code"]) == ("interrupted", 130)
    again = execute.resume(run.path, quiet=True)
    assert (again.status, again.exit_code) == ("finished", 0)
    assert again.result == whole.result
    _same(whole.folder, run.path)


def test_a_finished_run_trains_on_only_with_a_change(whole):
    with pytest.raises(UsageError, match="has finished"):
        execute.resume(whole.folder)
    with pytest.raises(UsageError, match="may not change"):
        execute.resume(whole.folder, changes={"rate": 1.0})
    more = execute.resume(whole.folder, changes={"epochs": 3}, quiet=True)
    assert more.result["epochs"] == 3


def test_a_loss_that_is_no_number_fails_the_run(recipe_file, tmp_path):
    with pytest.raises(TrainingError, match="batch"):
        execute.run(recipe_file, out=tmp_path, rate=3e38, epochs=4, quiet=True)
    run = list_runs(tmp_path)[0]
    assert (run.status, run.run["exit_code"]) == ("failed", 1)
    assert "Traceback" in (run.path / "log.txt").read_text()


def test_lost_checkpoints_are_an_error(recipe_file, tmp_path, monkeypatch):
    import shutil

    with monkeypatch.context() as patch:
        _stop_at(patch, 3)
        with pytest.raises(KeyboardInterrupt):
            execute.run(recipe_file, out=tmp_path, quiet=True)
    run = list_runs(tmp_path)[0]
    shutil.rmtree(run.path / "checkpoints")
    again = execute.resume(run.path, quiet=True)
    assert (again.status, again.exit_code) == ("failed", 1)
    assert "is empty" in str(again.error)
    with pytest.raises(CheckpointError):
        execute.resume(run.path, quiet=True, traceback=True)


def test_another_backend_is_refused_once_keras_runs(recipe_file, tmp_path, backend):
    other = "torch" if backend != "torch" else "jax"
    with pytest.raises(BackendError, match="Start a new"):
        execute.run(recipe_file, out=tmp_path, backend=other)


def _killed(whole, recipe_file, tmp_path, monkeypatch, kills: int, seed: int) -> None:
    """Kill the run in processes of its own, at random moments, until it has survived; then compare."""
    moments, out = random.Random(seed), tmp_path / "killed"
    begin = f"from kerasarch.runs.execute import run; run({str(recipe_file)!r}, out={str(out)!r}, pause=0.05)"
    go_on = "import sys; from kerasarch.runs.execute import resume; resume(sys.argv[1])"
    monkeypatch.setenv("KERASARCH_CHECKPOINT_BATCHES", "1")
    run = None
    for number in range(kills + 1):
        command = [sys.executable, "-c", begin] if run is None else [sys.executable, "-c", go_on, str(run.path)]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        if number == kills:
            assert process.wait(300) == 0, list_runs(out)[0].run
            break
        before = _steps(run.path) if run is not None else 0
        deadline = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < deadline:  # until training goes on
            runs = list_runs(out)
            if runs and _steps(runs[0].path) > before:
                break
            time.sleep(0.02)
        time.sleep(moments.uniform(0, 0.25))
        process.send_signal(signal.SIGKILL)
        process.wait()
        run = list_runs(out)[0]
        if run.status == "finished":
            break
        assert run.status == "died"
    _same(whole.folder, run.path)


def _steps(folder: Path) -> int:
    metrics = folder / "metrics.jsonl"
    return metrics.read_text().count('"checkpoint"') if metrics.is_file() else 0


def test_killed_and_resumed(whole, recipe_file, tmp_path, monkeypatch):
    _killed(whole, recipe_file, tmp_path, monkeypatch, kills=2, seed=0)


@pytest.mark.slow
def test_killed_ten_times_and_resumed(whole, recipe_file, tmp_path, monkeypatch):
    _killed(whole, recipe_file, tmp_path, monkeypatch, kills=10, seed=1)


def test_a_learner_goes_on_within_an_epoch(learner_file, tmp_path, monkeypatch):
    whole = execute.run(learner_file, out=tmp_path / "whole", quiet=True)
    with monkeypatch.context() as patch:
        _stop_at(patch, 10)  # an epoch has seven batches
        with pytest.raises(KeyboardInterrupt):
            execute.run(learner_file, out=tmp_path / "stopped", quiet=True)
    run = list_runs(tmp_path / "stopped")[0]
    again = execute.resume(run.path, quiet=True)
    assert again.result == whole.result
    _same(whole.folder, run.path)


@pytest.mark.slow
def test_a_learner_killed_and_resumed(learner_file, tmp_path, monkeypatch):
    whole = execute.run(learner_file, out=tmp_path / "whole", quiet=True)
    _killed(whole, learner_file, tmp_path, monkeypatch, kills=3, seed=2)
