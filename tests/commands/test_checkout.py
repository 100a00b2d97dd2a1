"""``python cli.py`` in a checkout which is not installed."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.backend_free

ROOT = Path(__file__).parents[2]

# What an interpreter without the package would see: no metadata of it, no finder of an editable installation.
UNINSTALLED = """
import importlib.metadata, runpy, sys
importlib.metadata.entry_points = lambda group: []
sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in str(finder).lower()]
sys.argv = [sys.argv[1], *sys.argv[2:]]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize("arguments", [["list"], ["show", "transfer-resnet"], ["run", "transfer-resnet", "--help"]])
def test_the_built_in_recipes_are_there_from_any_folder(tmp_path, arguments):
    done = subprocess.run(
        [sys.executable, "-c", UNINSTALLED, str(ROOT / "cli.py"), *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "Fine-tune a ResNet" in done.stdout


def test_module_and_script_are_the_same_program(tmp_path):
    outputs = [
        subprocess.run([sys.executable, *program, "--version"], capture_output=True, text=True, check=True).stdout
        for program in ([str(ROOT / "cli.py")], ["-m", "kerasarch"])
    ]
    assert outputs[0] == outputs[1] != ""
