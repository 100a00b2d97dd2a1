"""The worked example, built and installed by pip into a fresh environment, and used from its command line."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from kerasarch.testing.processes import installed

pytestmark = [pytest.mark.backend_free, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A virtual environment which sees this one's packages and gets the plugin from pip."""
    folder = tmp_path_factory.mktemp("fresh")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    [packages] = folder.glob("lib/python*/site-packages")
    # Not --system-site-packages: where the tests run in an environment of their own, that means another one.
    (packages / "outer.pth").write_text(f"{sysconfig.get_paths()['purelib']}\n{ROOT}\n")
    source = folder / "source"  # setuptools builds where the source is
    shutil.copytree(
        ROOT / "plugins" / "kerasarch-example", source, ignore=shutil.ignore_patterns("build", "*.egg-info")
    )
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-cache-dir", source],
        check=True,
    )  # fmt: skip
    return folder


def use(environment, *words, cwd):
    command = [environment / "bin" / "python", "-m", *words]
    return subprocess.run(
        command, cwd=cwd, env=os.environ | {"NO_COLOR": "1"}, capture_output=True, text=True, check=False
    )


def test_it_is_listed_from_the_installed_package(environment, tmp_path):
    ended = use(environment, "kerasarch", "list", "--json", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert "se-digits" in json.dumps(json.loads(ended.stdout))
    code = "import kerasarch_example, sys; print(kerasarch_example.__file__.startswith(sys.prefix))"
    where = subprocess.run([environment / "bin" / "python", "-c", code], capture_output=True, text=True, check=True)
    assert where.stdout.strip() == "True"


@pytest.mark.parametrize("backend", installed())
def test_it_runs(environment, tmp_path, backend):
    ended = use(environment, "kerasarch", "run", "se-digits", "--backend", backend, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    [file] = (tmp_path / "runs" / "se-digits").glob("*/result.json")
    assert json.loads(file.read_text())["result"]["accuracy"] >= 0.97


@pytest.mark.parametrize("name", ["SqueezeExcitation", "se_cnn", "se-digits"])
def test_it_passes_the_conformance_kit(environment, tmp_path, name):
    ended = use(environment, "kerasarch", "test", name, cwd=tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
