"""``kerasarch runs``: what is read off run folders, in whatever state they are."""

import json

import pytest
from click.testing import CliRunner

from kerasarch.commands.program import program
from kerasarch.runs.atomic import write_json
from kerasarch.runs.folder import RESULT, RunFolder

pytestmark = pytest.mark.backend_free


@pytest.fixture
def call(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return lambda *arguments: CliRunner().invoke(program, ["runs", *arguments])


@pytest.fixture
def make(tmp_path):
    """Make a run's folder as a run would have left it."""

    def make(recipe="transfer-resnet", status="finished", epochs=3, accuracy=0.9, backend="jax", **fields):
        config = {
            "epochs": {"value": epochs, "origin": "command line"},
            "data": {"value": "digits", "origin": "default"},
            "sizes": {"value": [1, 2], "origin": "config a.toml"},
        }
        folder = RunFolder.create(tmp_path / "runs", recipe, {"backend": backend, "seed": 0, "seconds": 61.5}, config)
        folder.update(status=status, **fields)
        if accuracy is not None:
            write_json(folder.path / RESULT, {"result": {"accuracy": accuracy, "loss": 0.25}})
        return folder

    return make


def test_an_empty_folder_says_how_to_start(call):
    assert call("ls").stdout == "There are no runs in runs. Start one: kerasarch run NAME\n"
    assert json.loads(call("ls", "--json").stdout) == []


def test_the_list_has_the_newest_first_and_fits_80_columns(call, make):
    first, second = (
        make(accuracy=0.8),
        make(status="failed", accuracy=None, recipe="a-recipe-of-a-very-long-name"),
    )
    done = call("ls")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["run", "recipe", "backend", "status", "result", "age"]
    assert lines[1].split()[0] == second.id
    assert lines[2].split()[:6] == [first.id, "transfer-resnet", "jax", "finished", "accuracy", "0.8"]
    assert max(len(line) for line in lines) <= 80
    assert [row["id"] for row in json.loads(call("ls", "--json").stdout)] == [second.id, first.id]
    assert [row["id"] for row in json.loads(call("ls", "transfer-resnet", "--json").stdout)] == [first.id]
    assert len(json.loads(call("ls", "-n", "1", "--json").stdout)) == 1


@pytest.mark.parametrize("name", ["latest", "transfer-resnet/latest", "id", "path"])
def test_a_run_is_found_by_any_of_its_names(call, make, name):
    folder = make()
    name = {"id": folder.id[:4], "path": str(folder.path)}.get(name, name)
    text = " ".join(call("show", name).stdout.split())
    assert f"transfer-resnet {folder.id} finished" in text
    assert "Took: 1 min 02 s" in text
    assert "accuracy 0.9" in text
    assert "--epochs 3 command line" in text
    assert "--sizes 1,2 config a.toml" in text
    assert json.loads(call("show", name, "--json").stdout)["config"]["epochs"]["value"] == 3


def test_a_run_that_stopped_says_how_to_go_on(call, make):
    folder = make(status="interrupted", accuracy=None)
    (folder.path / "checkpoints").mkdir()
    assert f"kerasarch resume {folder.id}" in call("show", "latest").stdout


def test_two_runs_are_compared_where_they_differ(call, make, tmp_path):
    left, right = make(epochs=3, accuracy=0.8), make(epochs=5, accuracy=0.9, backend="torch")
    done = call("compare", left.id, right.id)
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["--epochs", "3", "5"] in rows
    assert ["backend", "jax", "torch"] in rows
    assert ["accuracy", "0.8", "0.9", "+0.1"] in rows
    assert not any(row[:1] == ["--data"] for row in rows)
    record = json.loads(call("compare", left.id, right.id, "--json").stdout)
    assert record["options"] == [{"name": "--epochs", "a": 3, "b": 5, "difference": 2}]
    call("compare", left.id, right.id, "--html", tmp_path / "both.html")
    page = (tmp_path / "both.html").read_text()
    assert ">+0.1<" in page
    assert "difference" in page


def test_a_folder_that_is_no_run(call, make, tmp_path):
    make()
    (tmp_path / "empty").mkdir()
    for name, words in ((str(tmp_path / "empty"), "is no run folder"), ("zzzz", "is called zzzz")):
        done = call("show", name)
        assert done.exit_code == 2
        assert words in done.stderr
