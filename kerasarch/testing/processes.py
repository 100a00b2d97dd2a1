"""One subprocess a backend, and the comparison of their outputs through NumPy files. Imports no Keras."""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from kerasarch.errors import BackendError, PluginError
from kerasarch.registry import Entry
from kerasarch.testing.findings import Finding
from kerasarch.typing import BACKENDS

Report = Callable[[Sequence[Finding]], None]


def installed() -> list[str]:
    """List the backends that can be imported, without importing them."""
    return [backend for backend in BACKENDS if importlib.util.find_spec(backend) is not None]


def chosen(backend: str) -> list[str]:
    """Return the backends that a choice stands for.

    Args:
        backend: A backend's name, or ``all`` for those that are installed.

    Raises:
        BackendError: It is not installed, or none is.
    """
    present = installed()
    if backend == "all" and present:
        return present
    if backend in present:
        return [backend]
    wanted = "jax" if backend == "all" else backend
    raise BackendError(
        f"{'no backend' if backend == 'all' else backend} is installed. Expected {backend.replace('all', 'any')} of "
        f"{', '.join(BACKENDS)}. Install one: pip install 'kerasarch[{wanted}]'"
    )


def choose_backend() -> str:
    """Fix the backend of a test process: ``KERAS_BACKEND`` where it is set, else the first one that is installed.

    Call it before Keras is imported, as in a ``conftest.py``.

    Returns:
        The backend's name.

    Raises:
        BackendError: None is installed.
    """
    return os.environ.setdefault("KERAS_BACKEND", chosen("all")[0])


def environment(backend: str | None) -> dict[str, str]:
    """Return this process's environment with a backend fixed and without TensorFlow's greeting."""
    return os.environ | ({"KERAS_BACKEND": backend} if backend else {}) | {"TF_CPP_MIN_LOG_LEVEL": "3"}


def check_definition(entry: Entry, backends: Sequence[str], report: Report) -> list[Finding]:
    """Check a layer or a model on each backend and compare the backends' outputs.

    Args:
        entry: The layer or model.
        backends: Where to check it.
        report: Called with the findings of each backend as they come.

    Raises:
        PluginError: The entry cannot be loaded or has no examples.
    """
    findings: list[Finding] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for backend in backends:
            findings += _on_backend(entry, backend, folder)
            report([finding for finding in findings if finding.backend == backend])
        if len(backends) > 1:
            agreement = _agreement(backends, folder)
            report(agreement)
            findings += agreement
    return findings


def _on_backend(entry: Entry, backend: str, folder: Path) -> list[Finding]:
    command = [sys.executable, "-m", "kerasarch.testing.worker", entry.kind, entry.qualified, str(folder)]
    ended = subprocess.run(command, env=environment(backend), capture_output=True, text=True, check=False)
    file = folder / f"{backend}.json"
    if ended.returncode == 0 and file.exists():
        return [Finding(**fields) for fields in json.loads(file.read_text())]
    last = next((line for line in reversed(ended.stderr.splitlines()) if line.strip()), f"exit {ended.returncode}")
    kind, _, text = last.partition(": ")
    if kind == "kerasarch.errors.PluginError":
        raise PluginError(text)
    return [
        Finding(
            "process",
            "failed",
            f"ended with exit code {ended.returncode}: {last}",
            f"Run it by hand: KERAS_BACKEND={backend} {' '.join(command[:5])} DIR",
            entry.name,
            backend,
        )
    ]


def _agreement(backends: Sequence[str], folder: Path) -> list[Finding]:
    """Compare every backend's outputs with those of the first that has any."""
    found = []
    tolerances = json.loads((folder / "examples.json").read_text()) if (folder / "examples.json").exists() else []
    for index, (title, tolerance) in enumerate(tolerances):
        files = {backend: folder / f"outputs_{index}_{backend}.npz" for backend in backends}
        present = {backend: _arrays(file) for backend, file in files.items() if file.exists()}
        if len(present) < 2:
            found.append(Finding("agreement", "skipped", "fewer than two backends have outputs", "", title, "all"))
            continue
        found.append(_compare(present, title, tolerance))
    return found


def _compare(present: dict[str, list[np.ndarray]], title: str, tolerance: float) -> Finding:
    first, *others = present
    worst, where = 0.0, ""
    for other in others:
        for one, two in zip(present[first], present[other], strict=True):
            if one.shape != two.shape:
                text = f"{first} gives shape {one.shape}, {other} {two.shape}."
                return Finding("agreement", "failed", text, _REMEDY, title, "all")
            scale = float(np.abs(one).max(initial=0.0)) or 1.0
            gap = float(np.abs(one.astype("float64") - two).max(initial=0.0)) / scale
            if not gap <= worst:
                worst, where = gap, f"{first} and {other}"
    if not worst <= tolerance:
        text = f"{where} differ by {worst:.1e} of the output's scale, expected <= {tolerance:.0e}."
        return Finding("agreement", "failed", text, _REMEDY, title, "all")
    return Finding("agreement", "passed", f"{', '.join(present)} within {worst:.0e}", "", title, "all")


def _arrays(file: Path) -> list[np.ndarray]:
    with np.load(file) as arrays:
        return [arrays[f"o{place}"] for place in range(len(arrays.files))]


_REMEDY = (
    "Set every default that differs between backends (epsilon, padding, resize), and use keras.ops only; "
    "Example(tolerance=...) where sums are long."
)
