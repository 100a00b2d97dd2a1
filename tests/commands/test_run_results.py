"""How ``run`` and ``resume`` hand on what was typed, and how they print what came of it."""

import json

import pytest
from click.testing import CliRunner

from kerasarch.commands.program import program
from kerasarch.runs import execute as floor
from kerasarch.runs.folder import RunFolder
from tests.commands_recipe import RECIPE

pytestmark = pytest.mark.backend_free


@pytest.fixture
def call(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "mine.py").write_text(RECIPE)
    return lambda *arguments: CliRunner().invoke(program, list(arguments))


@pytest.fixture
def requests(tmp_path, monkeypatch):
    """Take the place of the runs floor: keep the request, answer with a finished run."""
    kept = []
    answer = {"status": "finished", "exit_code": 0, "result": {"score": 0.5, "loss": 0.25}, "error": None}

    def execute(request):
        print("a library prints this")
        kept.append(request)
        folder = RunFolder.create(tmp_path / "runs", "mine", {"backend": "jax"}, {})
        verdicts = request.recipe.verdicts(answer["result"]) if answer["status"] == "finished" else {}
        return floor.Outcome(folder.path, verdicts=verdicts, **answer)

    def resume(path, **arguments):
        kept.append(arguments)
        return floor.Outcome(path, verdicts={}, **answer)

    monkeypatch.setattr(floor, "execute", execute)
    monkeypatch.setattr(floor, "resume", resume)
    return kept, answer


def test_the_command_line_wins_over_the_config_and_origins_are_kept(call, requests, tmp_path):
    (tmp_path / "a.toml").write_text('folder = "there"\nepochs = 7\n')
    assert call("run", "mine.py", "--config", "a.toml", "--epochs", "9", "--no-cache").exit_code == 0
    request = requests[0][0]
    assert request.recipe.bind(request.values) | {"epochs": 9, "cache": False} == request.recipe.bind(request.values)
    assert request.origins == {"folder": "config a.toml", "epochs": "command line", "cache": "command line"}


def test_the_config_of_an_earlier_run_is_a_config(call, requests, tmp_path):
    (tmp_path / "config.json").write_text('{"folder": {"value": "x", "origin": "default"}, "sizes": {"value": [3]}}')
    assert call("run", "mine.py", "--config", "config.json").exit_code == 0
    assert requests[0][0].values == {"folder": "x", "sizes": [3]}


@pytest.mark.parametrize(
    ("given", "seen"), [("cpu", "cpu"), ("gpu", "gpu"), ("gpu:0", "0"), ("gpu:0,1", "0,1"), ("1", "1")]
)
def test_devices(call, requests, given, seen):
    assert call("run", "mine.py", "--folder", "x", "--devices", given).exit_code == 0
    assert requests[0][0].devices == seen


def test_devices_that_are_none(call, requests):
    done = call("run", "mine.py", "--folder", "x", "--devices", "tpu0")
    assert done.exit_code == 2
    assert "--devices: received tpu0, expected cpu, gpu, gpu:0" in done.stderr
    assert not requests[0]


def test_every_option_of_the_runner_reaches_the_request(call, requests, tmp_path):
    words = ["--backend", "jax", "--seed", "7", "--out", "there", "--smoke", "--check", "--offline", "--tensorboard"]
    assert call("run", *words, "mine.py", "--folder", "x").exit_code == 0
    request = requests[0][0]
    assert (request.backend, request.seed, str(request.out)) == ("jax", 7, "there")
    assert all((request.smoke, request.check, request.offline, request.tensorboard))
    assert request.traceback is False


def test_a_result_is_held_against_what_is_expected(call, requests):
    done = call("run", "mine.py", "--folder", "x")
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["score", "0.5", ">=1", "missed"] in rows
    assert ["loss", "0.25"] in rows
    assert "Folder:" in done.stdout


def test_json_is_alone_on_stdout(call, requests):
    done = call("run", "mine.py", "--folder", "x", "--json")
    record = json.loads(done.stdout)
    assert record["expected"] == {"score": {"expected": ">=1", "observed": 0.5, "met": False}}
    assert record["result"] == {"score": 0.5, "loss": 0.25}
    assert "a library prints this" in done.stderr
    assert requests[0][0].quiet


def test_a_failure_says_where_the_log_is(call, requests):
    requests[1].update(status="failed", exit_code=1, error="DataError: no\npictures.", result={})
    done = call("run", "mine.py", "--folder", "x")
    assert done.exit_code == 1
    assert "Error: DataError: no pictures. The log: " in done.stderr
    assert "log.txt" in done.stderr


@pytest.mark.parametrize("code", [130, 143])
def test_an_interruption_says_how_to_go_on(call, requests, code):
    requests[1].update(status="interrupted", exit_code=code, result={})
    done = call("run", "mine.py", "--folder", "x")
    assert done.exit_code == code
    assert "Interrupted. Go on with it:  kerasarch resume " in done.stderr


def test_resume_by_both_names(call, requests, tmp_path):
    folder = RunFolder.create(tmp_path / "runs", "mine", {"source": str(tmp_path / "mine.py")}, {})
    for arguments in (
        ["resume", folder.id, "--epochs", "5"],
        ["resume", "--out", "runs", folder.id, "--epochs", "5"],
        ["run", "mine.py", "--resume", "latest", "--epochs", "5"],
    ):
        requests[0].clear()
        done = call(*arguments)
        assert done.exit_code == 0, done.output
        assert requests[0][0]["changes"] == {"epochs": "5"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--folder", "x"], "--folder may not change when a run is resumed. Options that may: --epochs."),
        (["--epochs", "0"], "--epochs: received 0, expected a whole number >= 1."),
        (["--backend", "all"], "--backend all: a run goes on on one backend"),
        (["--devices", "npu"], "--devices: received npu"),
    ],
)
def test_what_a_resumed_run_refuses(call, requests, tmp_path, arguments, words):
    folder = RunFolder.create(tmp_path / "runs", "mine", {"source": str(tmp_path / "mine.py")}, {})
    for command in (["resume", folder.id], ["run", "mine.py", "--resume", folder.id]):
        done = call(*command, *arguments)
        assert done.exit_code == 2
        assert words in done.stderr
    assert not requests[0]


def test_the_recipe_of_a_run_may_be_gone(call, tmp_path):
    folder = RunFolder.create(tmp_path / "runs", "gone", {"source": "gone"}, {})
    done = call("resume", folder.id)
    assert done.exit_code == 2
    assert "is not there any more: no recipe is called gone" in done.stderr
