"""``kerasarch new``: the scaffold, its names, and (slow) its own tests in an environment that has it installed."""

import os
import subprocess
import sys
import tomllib

import pytest

from kerasarch.commands.new import words_of
from kerasarch.errors import UsageError

pytestmark = pytest.mark.backend_free


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("class", "word of the Python language"),
        ("match", "word of the Python language"),
        ("json", "module of Python's library"),
        ("numpy", "is installed here"),
        ("kerasarch", "is installed here"),
        ("My Plugin", "Did you mean my-plugin"),
        ("9lives", "Did you mean plugin-9lives"),
        ("../outside", "Did you mean outside"),
        ("größe", "cannot be the name of a package"),
        ("", "cannot be the name of a package"),
    ],
)
def test_names_are_judged(name, says):
    with pytest.raises(UsageError, match=says):
        words_of(name)


def test_scaffold_is_a_plugin(site, tmp_path):
    ended = site.kerasarch("new", "my-plugin", "--dir", str(tmp_path / "made"))
    assert ended.returncode == 0, ended.stderr
    folder = tmp_path / "made" / "my-plugin"
    assert "pip install -e '.[test]'" in ended.stdout
    assert (folder / ".gitignore").is_file()
    for file in folder.rglob("*"):
        if file.is_file():
            text = file.read_text()
            assert "{{" not in text
            assert not file.name.endswith(".in")
            if file.suffix == ".py":
                compile(text, str(file), "exec")
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    points = {group.removeprefix("kerasarch."): values for group, values in project["entry-points"].items()}
    site.describe(project["name"], points, project["version"])
    source = folder / "src"
    shown = site.kerasarch("show", "my-plugin-digits", path=[source])
    assert shown.returncode == 0, shown.stderr
    assert "my-plugin 0.1.0" in shown.stdout
    again = site.kerasarch("new", "my-plugin", "--dir", str(tmp_path / "elsewhere"))
    assert again.returncode == 2
    assert "my-plugin is installed here" in again.stderr


def test_nothing_is_overwritten(site, tmp_path):
    (tmp_path / "my-plugin").mkdir()
    ended = site.kerasarch("new", "my-plugin", "--dir", str(tmp_path))
    assert ended.returncode == 2
    assert "my-plugin exists" in ended.stderr
    assert list((tmp_path / "my-plugin").iterdir()) == []


def test_unwritable_place(site, tmp_path):
    (tmp_path / "file").write_text("")
    ended = site.kerasarch("new", "my-plugin", "--dir", str(tmp_path / "file"))
    assert ended.returncode in (1, 2)
    assert "file" in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1


@pytest.mark.slow
def test_scaffold_passes_its_own_tests(site, tmp_path):
    assert site.kerasarch("new", "my-plugin", "--dir", str(tmp_path)).returncode == 0
    folder = tmp_path / "my-plugin"
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    points = {group.removeprefix("kerasarch."): values for group, values in project["entry-points"].items()}
    site.describe(project["name"], points, project["version"])
    path = os.pathsep.join([str(site.folder), str(folder / "src")])
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
    assert "3 passed" in ended.stdout
