"""What ``doctor`` finds out: versions from metadata, and by request what a separate process says after importing."""

import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import kerasarch
from kerasarch.errors import BackendError, PluginError
from kerasarch.registry import KINDS, Entry, allowed, entries
from kerasarch.typing import BACKENDS, EXTRAS

PACKAGES = (
    "keras",
    "numpy",
    "grain",
    "h5py",
    "scikit-learn",
    "matplotlib",
    "safetensors",
    "huggingface-hub",
    "tensorflow-datasets",
)
"""The packages whose versions matter when something goes wrong."""

DISTRIBUTIONS = {
    "jax": ("jax",),
    "tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow-macos", "tf-nightly"),
    "torch": ("torch",),
}
"""The names under which each backend may be installed."""

PROBE_SECONDS = 180
"""How long a probe may take; the first import of a backend from a slow disk can take a minute."""

_BACKEND_PROBE = """
import json, keras
from kerasarch import backends
keras.ops.convert_to_numpy(keras.ops.add(1.0, 1.0))
print("\\n" + json.dumps(backends.device_names()))
"""

_PLUGIN_PROBE = """
import json, sys
from kerasarch.errors import KerasarchError
from kerasarch.registry import entries
problems = []
for kind in ("recipes", "models", "layers"):
    for entry in entries(kind):
        if entry.distribution == sys.argv[1]:
            try:
                entry.load()
            except KerasarchError as error:
                problems.append(str(error))
print("\\n" + json.dumps(problems))
"""


def examine(probe: bool) -> dict[str, Any]:
    """Find out about this machine.

    Args:
        probe: Import every backend and plugin too, each in a process of its own.

    Returns:
        What was found, as JSON values.
    """
    return {
        "kerasarch": {"version": kerasarch.__version__, "path": str(Path(kerasarch.__file__).parent)},
        "machine": {
            "python": platform.python_version(),
            "executable": sys.executable,
            "system": f"{platform.system()} {platform.machine()}",
            "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "memory": _memory(),
        },
        "packages": {name: _version(name) for name in PACKAGES},
        "backends": {name: _backend(name, probe) for name in BACKENDS},
        "gpus": _gpus(),
        "plugins": _plugins(probe),
        "folders": {name: _folder(path) for name, path in folders().items()},
        "probed": probe,
    }


def exit_code(found: dict[str, Any]) -> int:
    """Return the exit code that stands for what was found."""
    backends = found["backends"].values()
    if not any(facts["version"] for facts in backends) or any(facts["problem"] for facts in backends):
        return BackendError.exit_code
    return PluginError.exit_code if any(plugin["problems"] for plugin in found["plugins"]) else 0


def folders() -> dict[str, Path]:
    """Return the folders that kerasarch and Keras write to, by what they hold."""
    home = Path.home()
    return {
        "runs": Path("runs").resolve(),
        "Keras files": Path(os.environ.get("KERAS_HOME", home / ".keras")),
        "hub files": Path(os.environ.get("HF_HOME", home / ".cache" / "huggingface")),
    }


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


def _default_backend() -> str | None:
    """The backend that a run takes when none is asked for."""
    installed = (name for name in BACKENDS if find_spec(name) is not None)
    return os.environ.get("KERAS_BACKEND") or next(installed, None)


def _backend(name: str, probe: bool) -> dict[str, Any]:
    version = next((found for known in DISTRIBUTIONS[name] if (found := _version(known))), None)
    facts: dict[str, Any] = {
        "version": version,
        "default": version is not None and _default_backend() == name,
        "install": f'pip install "kerasarch[{EXTRAS[name]}]"',
        "devices": None,
        "seconds": None,
        "problem": None,
    }
    if version is not None and find_spec(name) is None:
        facts["problem"] = f"{name} is installed, but cannot be found on the path of this Python"
    elif version is not None and probe:
        start = time.perf_counter()
        devices, problem = _ask(_BACKEND_PROBE, environment={"KERAS_BACKEND": name})
        facts |= {"devices": devices, "problem": problem, "seconds": round(time.perf_counter() - start, 1)}
    return facts


def _ask(program: str, *arguments: str, environment: dict[str, str] | None = None) -> tuple[Any, str | None]:
    """Run a program of a few lines in another process; return the JSON of its last line, or what went wrong."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"} | (environment or {}),
            capture_output=True,
            text=True,
            timeout=PROBE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None, f"no answer within {PROBE_SECONDS} seconds"
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        return None, lines[-1].strip() if lines else f"it ended with code {done.returncode}"
    return json.loads(done.stdout.strip().splitlines()[-1]), None


def _gpus() -> list[str]:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    try:
        done = subprocess.run([tool, "-L"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [line.strip() for line in done.stdout.splitlines() if line.startswith("GPU ")]


def _plugins(probe: bool) -> list[dict[str, Any]]:
    found: dict[tuple[str, str], list[Entry]] = {}
    for kind in KINDS:
        for entry in entries(kind, every=True):
            if not entry.builtin:
                found.setdefault((entry.distribution, entry.version), []).append(entry)
    plugins = []
    for (name, version), offered in sorted(found.items()):
        problems = [
            f"{entry.kind[:-1]} {entry.name}: {entry.summary.problem}" for entry in offered if entry.summary.problem
        ]
        if probe and allowed(name):
            imported, failure = _ask(_PLUGIN_PROBE, name)
            problems = [failure] if failure else imported
        plugins.append(
            {
                "name": name,
                "version": version,
                "allowed": allowed(name),
                "offers": {kind: sum(entry.kind == kind for entry in offered) for kind in KINDS},
                "entries": [entry.qualified for entry in offered],
                "problems": problems,
            }
        )
    return plugins


def _folder(path: Path) -> dict[str, Any]:
    there = next(parent for parent in (path, *path.parents) if parent.exists())
    return {
        "path": str(path),
        "bytes": _held(path) if path.is_dir() else None,
        "free": shutil.disk_usage(there).free,
        "writable": os.access(there, os.W_OK),
    }


def _held(path: Path) -> int:
    total = 0
    for folder, _, files in os.walk(path):
        for file in files:
            try:
                total += os.lstat(os.path.join(folder, file)).st_size  # noqa: PTH118 - a cache can hold very many files
            except OSError:
                continue  # it went away meanwhile
    return total
