"""The worked example on the backend of this process: its own tests, and its recipe by the command line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "plugins" / "kerasarch-example"


@pytest.mark.quick_on("torch")  # the conformance kit itself is tested on all
def test_its_own_tests_pass(example_site, backend):
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--deselect", "tests/test_se_digits.py"],
        cwd=EXAMPLE,
        env=os.environ | {"PYTHONPATH": f"{example_site.folder}{os.pathsep}{ROOT}", "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout


@pytest.mark.quick_on("torch")  # .ci/run has it on JAX
def test_its_recipe_runs(example_site, backend, tmp_path):
    words = ("run", "se-digits", "--backend", backend, "--smoke", "--out", str(tmp_path / "runs"))
    ended = example_site.kerasarch(*words, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    [file] = (tmp_path / "runs" / "se-digits").glob("*/result.json")
    assert 0 <= json.loads(file.read_text())["result"]["accuracy"] <= 1


@pytest.mark.slow
def test_its_recipe_is_sound(example_site, backend):
    ended = example_site.kerasarch("test", "se-digits", "--backend", backend, "--thorough")
    assert ended.returncode == 0, ended.stdout + ended.stderr
