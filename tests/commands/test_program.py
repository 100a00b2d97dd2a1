"""The program as a whole: its help, its readers, its errors and exit codes."""

import json
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

import kerasarch
from kerasarch.commands.program import COMMANDS, Program, program, report
from kerasarch.errors import BackendError, DataError, PluginError
from tests.commands_recipe import RECIPE
from tests.fake_plugins import forget, install_zoo, recipe_source

pytestmark = pytest.mark.backend_free


@pytest.fixture
def call(tmp_path, monkeypatch):
    """Run the program in an empty folder with a recipe file in it, at 80 columns."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "mine.py").write_text(RECIPE)
    return lambda *arguments: CliRunner().invoke(program, list(arguments))


@pytest.fixture
def zoo(tmp_path, monkeypatch):
    install_zoo(tmp_path / "zoo")
    monkeypatch.syspath_prepend(str(tmp_path / "zoo"))
    yield
    forget()


def test_help_names_every_command_without_importing_one(call):
    done = call("--help")
    assert done.exit_code == 0
    for commands in COMMANDS.values():
        for name, text in commands.items():
            assert name in done.stdout
            assert text in done.stdout
    assert call().stdout == done.stdout


@pytest.mark.parametrize("name", [name for commands in COMMANDS.values() for name in commands])
def test_each_command_is_there_and_says_what_the_table_says(name):
    command = program.get_command(click.Context(program), name)
    assert command is not None
    table = {name: text for commands in COMMANDS.values() for name, text in commands.items()}
    assert command.get_short_help_str(limit=100).removesuffix(".") == table[name]


def test_each_command_of_runs_is_there():
    runs = program.get_command(click.Context(program), "runs")
    for name in runs.list_commands(click.Context(runs)):
        assert runs.get_command(click.Context(runs), name).name


def test_version(call):
    assert call("--version").stdout == f"kerasarch {kerasarch.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["lits"], 2, "no command is called lits. Did you mean list?"),
        (["--versio"], 2, "no such option: --versio. Did you mean --version?"),
        (["list", "--jsn"], 2, "no such option: --jsn. Did you mean --json?"),
        (["list", "a", "b"], 2, "unexpected extra argument (b)"),
        (["show"], 2, "Missing argument 'NAME|FILE'"),
        (["show", "transfer-resnt"], 2, "no recipe is called transfer-resnt. Did you mean transfer-resnet"),
        (["show", "none.py"], 2, "no recipe file at none.py"),
        (["run", "mine.py"], 2, "missing --folder"),
        (["run", "mine.py", "--folder"], 2, "--folder"),
        (["run", "mine.py", "--folder", "x", "--epoch", "3"], 2, "no such option: --epoch. Did you mean --epochs?"),
        (
            ["run", "mine.py", "--folder", "x", "--epochs", "0"],
            2,
            "--epochs: received 0, expected a whole number >= 1.",
        ),
        (["run", "mine.py", "--folder", "x", "--rate", "2"], 2, "--rate: received 2, expected a number >= 0 and <= 1"),
        (["run", "mine.py", "--folder", "x", "--variant", "tiny"], 2, "received tiny, expected one of small, large"),
        (["run", "mine.py", "--folder", "x", "--sizes", "1,b"], 2, "each a whole number"),
        (["run", "mine.py", "--folder", "x", "--cache=yes"], 2, "--cache"),
        (["run", "mine.py", "--folder", "x", "more"], 2, "unexpected extra argument (more)"),
        (["run", "mine.py", "--folder", "x", "--backend", "jaxx"], 2, "'jaxx' is not one of"),
        (["run", "mine.py", "--folder", "x", "--seed", "-1"], 2, "-1 is not in the range"),
        (["run", "mine.py", "--folder", "x", "--seeds", "1"], 2, "1 is not in the range"),
        (["run", "mine.py", "--folder", "x", "--seeds", "2", "--backend", "all"], 2, "cannot be combined"),
        (["run", "mine.py", "--folder", "x", "--resume", "latest", "--seed", "1"], 2, "--seed cannot be given"),
        (["run", "--epochs", "3", "mine.py"], 2, "follow its name"),
        (["run", "--seed", "3"], 2, "which recipe?"),
        (["run", "mine.py", "--folder", "x", "--config", "no.toml"], 2, "no.toml cannot be read: it does not exist"),
        (["resume", "abc"], 2, "no run is called abc"),
        (["resume", "--out", "elsewhere"], 2, "which run?"),
        (["runs", "lst"], 2, "no command is called lst"),
        (["runs", "show", "abc"], 2, "no run is called abc"),
        (["completion", "tcsh"], 2, "'tcsh' is not one of"),
    ],
)
def test_what_bad_input_gets(call, tmp_path, arguments, code, words):
    done = call(*arguments)
    assert done.exit_code == code, done.output
    assert words in done.stderr
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.py"], "nothing may be left on disk"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.toml", "epochs = 0\n", "--epochs: received 0"),
        ("a.toml", "epochs = \n", "a.toml is no valid TOML"),
        ("a.json", "{", "a.json is no valid JSON"),
        ("a.json", "[1]", "holds a list, expected a table"),
        ("a.toml", "epoch = 1\n", "sets epoch, no option of the recipe. Did you mean epochs?"),
        ("a.toml", "seed = 1\n", "sets seed, an option of the runner"),
        ("a.yaml", "epochs: 1\n", "expected .toml or .json"),
    ],
)
def test_what_a_bad_config_gets(call, tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    done = call("run", "mine.py", "--folder", "x", "--config", name)
    assert done.exit_code == 2
    assert words in done.stderr


@pytest.mark.parametrize(("name", "code"), [("broken", 4), ("future", 4), ("eager", 4), ("twin", 2), ("absent", 4)])
def test_a_bad_plugin_stops_its_own_recipe_alone(call, zoo, name, code):
    for arguments in (["show", name], ["run", name, "--help"], ["run", name]):
        done = call(*arguments)
        assert done.exit_code == code
        assert done.stderr.startswith("Error: ")
        assert done.stderr.count("\n") == 1
    assert call("show", "good").exit_code == 0


def test_list_by_task_with_origins_and_remarks_on_what_cannot_be_read(call, zoo):
    done = call("list")
    assert done.exit_code == 0
    assert done.stdout.index("fake-task") < done.stdout.index("image-classification")
    assert "Do good (from good-plugin 0.1)" in " ".join(done.stdout.split())
    assert "left-plugin:twin" in done.stdout
    assert "misspelt (misspelt-plugin 0.1) cannot be read: " in " ".join(done.stderr.split())
    assert max(len(line) for line in done.output.splitlines()) <= 80


def test_list_finds_by_words_and_task(call, zoo):
    assert [row["name"] for row in json.loads(call("list", "do GOOD", "--json").stdout)] == ["good"]
    rows = json.loads(call("list", "--task", "image-classification", "--json").stdout)
    assert {row["task"] for row in rows} == {"image-classification"}
    unknown = call("list", "--task", "fake-tasks")
    assert unknown.exit_code == 2
    assert "Did you mean fake-task" in unknown.stderr
    assert "No recipe matches zebra" in call("list", "zebra").stdout


def test_show_says_all_of_it(call):
    done = call("show", "mine.py")
    text = " ".join(done.stdout.split())
    for words in (
        "Train something small.",
        "Data: none at all",
        "Expected: score >=1",
        "Resumable: --epochs",
        "--folder PATH Where it is. [required]",
        "--variant small|large [one of small, large; default: small]",
        "--rate NUMBER How fast. [a number >= 0 and <= 1, or none; default: none]",
        "--sizes INTEGER,... [values separated by commas, each a whole number; default: 1,2]",
        "--cache/--no-cache [default: on]",
        "--epochs INTEGER [a whole number >= 1; default: 3]",
        "kerasarch run mine.py --folder PATH",
    ):
        assert words in text
    record = json.loads(call("show", "mine.py", "--json").stdout)
    assert record["options"][0] == {
        "name": "folder",
        "flag": "--folder",
        "type": "Path",
        "required": True,
        "default": None,
        "choices": [],
        "bounds": [],
        "optional": False,
        "many": False,
        "text": "Where it is.",
    }


def test_run_help_has_the_options_of_recipe_and_runner(call):
    text = " ".join(call("run", "mine.py", "--help").stdout.split())
    assert "--epochs INTEGER [a whole number >= 1; default: 3]" in text
    for option in ("--backend", "--seed", "--seeds", "--out", "--config", "--smoke", "--check", "--offline"):
        assert option in text
    for option in ("--devices", "--resume", "--tensorboard", "--json"):
        assert option in text


def test_models_are_listed_with_their_variants(call, zoo):
    done = call("models", "tinynet")
    assert "A tiny network" in done.stdout
    assert "tinynet_1, tinynet_2" in done.stdout
    assert {row["name"] for row in json.loads(call("models", "--json").stdout)} >= {"resnet", "mobilenet_v2", "tinynet"}


def test_doctor_names_what_is_broken_and_by_its_exit_code(call, zoo):
    done = call("doctor", "--json")
    found = json.loads(done.stdout)
    assert done.exit_code == 4
    broken = {plugin["name"]: plugin["problems"] for plugin in found["plugins"] if plugin["problems"]}
    assert set(broken) == {"misspelt-plugin", "absent-plugin", "future-plugin", "ancient-plugin"}
    assert found["packages"]["keras"]
    assert "misspelt" in call("doctor").stdout


def test_completion_offers_commands_recipes_and_options_without_importing_plugins(call, zoo, monkeypatch):
    def offers(words, index):
        monkeypatch.setenv("_KERASARCH_COMPLETE", "bash_complete")
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(index))
        return [
            line.partition(",")[2] for line in CliRunner().invoke(program, [], prog_name="kerasarch").stdout.split()
        ]

    assert offers("kerasarch re", 1) == ["resume"]
    assert "slow" in offers("kerasarch run s", 2)
    assert offers("kerasarch run good --ep", 3) == ["--epochs"]
    assert offers("kerasarch show goo", 2) == ["good"]
    assert offers("kerasarch runs sh", 2) == ["show"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(call, shell):
    assert "_KERASARCH_COMPLETE" in call("completion", shell).stdout


class Failing(Program):
    def invoke(self, ctx):
        raise self.error


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (DataError("no data\nat all"), 1, "Error: no data at all\n"),
        (BackendError("no backend"), 3, "Error: no backend\n"),
        (PluginError("no plugin"), 4, "Error: no plugin\n"),
        (KeyError("x"), 1, "Error: unexpected KeyError: 'x'. See where it comes from with --traceback\n"),
        (KeyboardInterrupt(), 130, "\nInterrupted.\n"),
    ],
)
def test_errors_end_in_one_line_and_a_code(error, code, line):
    failing = Failing("x", table={"": {"y": ""}})
    failing.error = error
    done = CliRunner().invoke(failing, ["y"])
    assert (done.exit_code, done.stderr) == (code, line)


def test_traceback_raises_from_anywhere_on_the_line():
    failing = Failing("x", table={"": {"y": ""}})
    failing.error = DataError("no data")
    assert isinstance(CliRunner().invoke(failing, ["y", "--traceback"]).exception, DataError)


def test_a_failure_is_no_success(capsys):
    assert report(ValueError("")) == 1


@pytest.mark.parametrize(
    "arguments", [["--help"], ["list"], ["show", "mine.py"], ["run", "mine.py", "--help"], ["models"], ["runs", "ls"]]
)
def test_no_keras_and_no_backend_is_imported(tmp_path, arguments):
    (tmp_path / "mine.py").write_text(recipe_source("mine"))
    code = (
        "import sys\nfrom kerasarch.commands import main\n"
        f"sys.argv[1:] = {arguments!r}\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "loaded = {'keras', 'jax', 'tensorflow', 'torch', 'numpy'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
