"""What a run sets up before and while Keras is imported."""

import json
import os
import subprocess
import sys
import textwrap

import pytest

from kerasarch.errors import BackendError
from kerasarch.runs.environment import backend_settings, check_devices, compiled_programs
from kerasarch.runs.greeting import without_greeting

pytestmark = pytest.mark.backend_free


def test_settings_of_a_backend(monkeypatch):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    assert backend_settings("torch") == {"KERAS_BACKEND": "torch", "TF_CPP_MIN_LOG_LEVEL": "3"}
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")  # what the user has set stands
    assert backend_settings("jax") == {"KERAS_BACKEND": "jax"}


def test_the_greeting_is_left_out_and_all_else_is_given(capfd):
    with without_greeting():
        os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n")
        os.write(2, b"I0000 00:00:1795302439.718791   22253 port.cc:153] oneDNN custom operations are on.\n")
        os.write(2, b"E0000 00:00:1795302439.718791   22253 cuda.cc:1] no driver\n")
        print("from Python", file=sys.stderr)
    lines = capfd.readouterr().err.splitlines()
    assert sorted(lines) == ["E0000 00:00:1795302439.718791   22253 cuda.cc:1] no driver", "from Python"]


def test_held_lines_survive_an_error(capfd):
    with pytest.raises(ZeroDivisionError), without_greeting():
        os.write(2, b"no library\n") / 0
    assert capfd.readouterr().err == "no library\n"


PROGRAM = textwrap.dedent("""
    import json, sys
    from pathlib import Path
    import jax
    from kerasarch import backends
    backends.prepare(Path(sys.argv[1]))
    jax.jit(lambda x: jax.scipy.linalg.expm(x))(jax.numpy.ones((8, 8)))
    print(json.dumps(jax.config.jax_compilation_cache_dir))
""")


def prepared(folder, **environment):
    """Return the folder that JAX keeps its programs in after a compilation in a process of its own."""
    environment = os.environ | {"KERAS_BACKEND": "jax"} | environment
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder)], env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_jax_keeps_its_programs(tmp_path, monkeypatch):
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    folder = tmp_path / "kerasarch" / "compiled"
    assert prepared(folder) == str(folder)
    assert any(folder.glob("*-cache"))
    assert prepared(folder, JAX_COMPILATION_CACHE_DIR=str(tmp_path / "mine")) == str(tmp_path / "mine")
    (tmp_path / "a-file").touch()
    assert prepared(tmp_path / "a-file" / "below") is None  # cannot be made: JAX goes on without


def test_programs_lie_in_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert compiled_programs().parent == tmp_path / "kerasarch" / "compiled"


AGAIN = """
import jax
from kerasarch import backends
for quick in (True, False):
    backends.prepare(quick=quick)
    print(jax.config.values["jax_disable_most_optimizations"])
"""


@pytest.mark.parametrize(("given", "found"), [("0", ["True", "False"]), ("1", ["True", "True"])])
def test_a_run_after_a_quick_trial_is_optimised_again(given, found):
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_DISABLE_MOST_OPTIMIZATIONS": given}
    done = subprocess.run([sys.executable, "-c", AGAIN], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split()[-2:] == found


@pytest.mark.parametrize("wanted", ["gpu", "0,1"])
def test_gpus_that_are_not_there_are_refused(wanted):
    with pytest.raises(BackendError, match=r"jax finds no GPU here, only cpu:0\..*kerasarch doctor"):
        check_devices(wanted, "jax", ["cpu:0"])


@pytest.mark.parametrize(
    ("wanted", "found"), [(None, ["cpu:0"]), ("cpu", ["cpu:0"]), ("gpu", ["gpu:0", "gpu:1"]), ("1", ["gpu:0"])]
)
def test_devices_that_are_there(wanted, found):
    check_devices(wanted, "jax", found)
