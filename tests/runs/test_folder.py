"""Run folders and checkpoints on the disk: whole or not at all, found again, damaged ones named."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from kerasarch.errors import CheckpointError, RunError, UsageError
from kerasarch.runs.arrays import read_arrays, write_arrays
from kerasarch.runs.atomic import read_json, write_json
from kerasarch.runs.checkpoint import Checkpoints
from kerasarch.runs.folder import RunFolder, find, list_runs
from kerasarch.runs.record import Recorder, read_record
from kerasarch.runs.report import write_report

pytestmark = pytest.mark.backend_free


def test_the_floor_is_imported_without_keras():
    names = "sys, kerasarch.runs.execute, kerasarch.runs.report, kerasarch.runs.several, kerasarch.runs.compare"
    code = f"import {names}; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_folders_are_new_each_time_and_found_by_name(tmp_path):
    first, second = (RunFolder.create(tmp_path, "my recipe", {"seed": 1}, {}) for _ in range(2))
    assert first.path != second.path
    assert {run.path for run in list_runs(tmp_path)} == {first.path, second.path}
    assert find(first.id, tmp_path).path == first.path
    assert find("latest", tmp_path).path == second.path
    assert find(str(second.path), tmp_path).path == second.path
    with pytest.raises(UsageError, match="no run"):
        find("nothing", tmp_path)


def test_listing_passes_over_foreign_and_half_made_folders(tmp_path):
    run = RunFolder.create(tmp_path, "a", {}, {})
    (tmp_path / "a" / "foreign").mkdir()
    (tmp_path / "a" / "half").mkdir()
    (tmp_path / "a" / "half" / "run.json").write_text('{"status": "runn')
    assert [found.path for found in list_runs(tmp_path)] == [run.path]


def test_a_run_whose_process_is_gone_died(tmp_path):
    run = RunFolder.create(tmp_path, "a", {}, {})
    run.update(status="running")
    assert run.status == "running"
    run.update(pid=2**22 + 5)
    assert run.status == "died"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_root_is_one_line(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(RunError, match="--out"):
        RunFolder.create(tmp_path, "a", {}, {})


def test_a_root_that_is_a_file_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="--out"):
        RunFolder.create(tmp_path / "file", "a", {}, {})


@pytest.mark.parametrize("stage", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch, stage):
    path = tmp_path / "a.json"
    write_json(path, {"old": 1})

    def full(*arguments, **keywords):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, stage, full)
    with pytest.raises(RunError, match="disk is full"):
        write_json(path, {"new": 2})
    assert read_json(path) == {"old": 1}
    assert [found.name for found in tmp_path.iterdir()] == ["a.json"]


def test_arrays_of_every_type_come_back_and_other_tools_read_them(tmp_path):
    names = ("bool", "uint8", "int32", "int64", "uint32", "float16", "float32", "float64")
    arrays = {name: np.arange(6).reshape(2, 3).astype(name) for name in names}
    for name in ("bfloat16", "float8_e4m3fn", "float8_e5m2"):
        arrays[name] = np.arange(6).astype(getattr(ml_dtypes, name))
    arrays |= {"scalar": np.float32(2.5), "empty": np.zeros((0, 3), np.float32)}
    with (tmp_path / "a").open("wb") as file:
        write_arrays(file, arrays)
    found = read_arrays(tmp_path / "a")
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name].astype("float64"), np.asarray(array).astype("float64"))
    safetensors = pytest.importorskip("safetensors.numpy")
    plain = {name: array for name, array in arrays.items() if "float8" not in name and name != "bfloat16"}
    with (tmp_path / "b").open("wb") as file:
        write_arrays(file, plain)
    for name, array in safetensors.load_file(tmp_path / "b").items():
        np.testing.assert_array_equal(array, plain[name])


def _checkpoints(folder: Path) -> tuple[Checkpoints, list[str]]:
    said: list[str] = []
    return Checkpoints(folder / "checkpoints", said.append), said


def test_checkpoints_are_pruned_and_held(tmp_path):
    checkpoints, _ = _checkpoints(tmp_path)
    assert checkpoints.latest() is None
    for step in (1, 2, 3, 4, 4):
        checkpoints.write(step, {"a": np.full(3, step)}, {"step": step}, hold=["00000001"])
    assert checkpoints.names() == ["00000001", "00000004", "00000004-2"]
    assert checkpoints.latest().state == {"step": 4}


@pytest.mark.parametrize("damage", ["cut", "change", "no manifest", "no folder", "no state"])
def test_a_damaged_checkpoint_falls_back_aloud(tmp_path, damage):
    checkpoints, said = _checkpoints(tmp_path)
    for step in (1, 2):
        checkpoints.write(step, {"a": np.full(30, step)}, {"step": step})
    newest = tmp_path / "checkpoints" / "00000002"
    file = newest / "arrays.safetensors"
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-8])
    elif damage == "change":
        file.write_bytes(file.read_bytes()[:-1] + b"\xff")
    elif damage == "no manifest":
        (newest / "manifest.json").unlink()
    elif damage == "no state":
        (newest / "state.json").unlink()
    else:
        for path in newest.iterdir():
            path.unlink()
        newest.rmdir()
    found = checkpoints.latest()
    assert found.state == {"step": 1}
    np.testing.assert_array_equal(found.arrays()["a"], np.full(30, 1))
    if damage != "no manifest":
        assert "Falling back to checkpoint 00000001" in said[0]


def test_no_good_checkpoint_is_an_error(tmp_path):
    checkpoints, _ = _checkpoints(tmp_path)
    checkpoints.write(1, {"a": np.zeros(3)}, {})
    (tmp_path / "checkpoints" / "00000001" / "state.json").write_text("{}")
    with pytest.raises(CheckpointError, match="no good checkpoint"):
        checkpoints.latest()


def test_a_failure_at_any_stage_of_writing_keeps_the_previous_one(tmp_path, monkeypatch):
    checkpoints, _ = _checkpoints(tmp_path)
    checkpoints.write(1, {"a": np.zeros(3)}, {"step": 1})
    for name in ("fsync", "replace", "rename"):
        real, calls = getattr(os, name), [0]
        for failing in range(1, 12):
            calls[0] = 0

            def broken(*arguments, real=real, calls=calls, failing=failing):
                calls[0] += 1
                if calls[0] == failing:
                    raise OSError(errno.ENOSPC, "No space left on device")
                return real(*arguments)

            monkeypatch.setattr(os, name, broken)
            try:
                checkpoints.write(2, {"a": np.ones(3)}, {"step": 2})
                failed = False
            except RunError:
                failed = True
            monkeypatch.setattr(os, name, real)
            assert checkpoints.latest().state["step"] in (1, 2)
            assert not list((tmp_path / "checkpoints").glob(".writing*"))
            if not failed:
                break


def test_the_record_forgets_what_was_done_twice(tmp_path):
    recorder = Recorder(tmp_path / "m")
    recorder.write(kind="epoch", phase="a", epoch=0, loss=1.0)
    with (tmp_path / "m").open("a") as file:
        file.write('{"kind": "epo')
    recorder.write(kind="epoch", phase="a", epoch=0, loss=2.0)
    for _ in range(2):
        recorder.write(kind="event", event="stage", name="x")
    record = read_record(tmp_path / "m")
    assert [row["loss"] for row in record.phases["a"]] == [2.0]
    assert len(record.events) == 1


def test_the_report_needs_no_other_file(tmp_path):
    from kerasarch.runs.parts import Parts

    options = {"rate": {"value": 1.0, "origin": "default"}, "patterned": {"value": False, "origin": "command line"}}
    run = RunFolder.create(tmp_path, "a", {"backend": "jax", "seed": 0}, options)
    write_json(
        run.path / "result.json", {"result": {"acc": 0.5}, "expected": {"acc": {"expected": ">=0.6", "met": False}}}
    )
    recorder = Recorder(run.path / "metrics.jsonl")
    for epoch in range(3):
        rates = {"lr/head": 0.1, "open/head": 1.0, "lr/stem": 0.0, "open/stem": 0.0}
        recorder.write(kind="epoch", phase="p", epoch=epoch, loss=1.0 / (epoch + 1), val_loss=1.2, **rates)
    parts = Parts(run.path)
    parts.table("strategies", [{"strategy": "<b>", "accuracy": 0.5}])
    parts.confusion([[3, 1], [0, 4]], ["x", "y"])
    parts.examples(np.zeros((2, 8, 8, 1)), np.array([0, 1]), np.array([[0.9, 0.1], [0.8, 0.2]]), ["x", "y"])
    with parts.figure("mine", "A line") as figure:
        figure.subplots().plot([1, 2])
    text = write_report(run).read_text()
    assert "&lt;b&gt;" in text
    assert "missed" in text
    assert "<td>--patterned</td><td>off</td>" in text
    assert text.count("data:image/png;base64,") == 6
    assert "http" not in text.replace("https://", "http").split("<pre>")[0]
    assert all("alt=" in piece.split(">")[0] for piece in text.split("<img")[1:])
    assert json.loads((run.path / "parts" / "confusion.json").read_text())["classes"] == ["x", "y"]
