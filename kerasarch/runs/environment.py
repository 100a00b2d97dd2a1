"""What the machine and the packages were, gathered without importing any of them."""

import importlib.metadata
import importlib.util
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kerasarch.errors import BackendError
from kerasarch.training.user_cache import cached_file
from kerasarch.typing import BACKENDS, EXTRAS

PACKAGES = (
    "kerasarch", "keras", "jax", "jaxlib", "tensorflow", "tensorflow-cpu", "torch", "numpy", "ml-dtypes", "grain",
    "h5py", "pillow", "scikit-learn", "matplotlib", "tensorflow-datasets", "safetensors", "huggingface-hub",
)  # fmt: skip


def environment() -> dict[str, Any]:
    """Describe Python, packages and machine as JSON values."""
    return {
        "python": sys.version.split()[0],
        "executable": sys.executable,
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory": _memory(),
        "versions": versions(),
        "commit": _commit(),
        "folder": os.getcwd(),  # noqa: PTH109
    }


def versions() -> dict[str, str]:
    """Return the versions of the packages that matter, of those that are installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def installed_backends() -> list[str]:
    """List the backends that are installed, without importing them."""
    return [name for name in BACKENDS if name in sys.modules or importlib.util.find_spec(name) is not None]


def choose_backend(wanted: str | None) -> str:
    """Decide which backend a run takes, before Keras is imported.

    Args:
        wanted: The backend asked for, or None: that of a Keras that is imported already, else ``KERAS_BACKEND``, else
            the first that is installed.

    Raises:
        BackendError: It is unknown or not installed, or Keras runs on another one already.
    """
    running = _running()
    backend = wanted or running or os.environ.get("KERAS_BACKEND")
    installed = installed_backends()
    if backend is None:
        if not installed:
            raise BackendError(f"no backend is installed. Install one: {_command('jax')} (or tensorflow, or torch).")
        backend = installed[0]
    if backend not in BACKENDS:
        raise BackendError(f"backend {backend!r} is unknown. Choose one: {', '.join(BACKENDS)}.")
    if running is not None and running != backend:
        raise BackendError(
            f"backend {backend} was asked for, but Keras is imported and runs on {running}. Start a new process, "
            f"or set KERAS_BACKEND={backend} before Keras is imported."
        )
    if backend not in installed:
        have = f"Installed: {', '.join(installed)}." if installed else "No backend is installed."
        raise BackendError(f"backend {backend} is not installed. Install it: {_command(backend)}. {have}")
    return backend


def backend_settings(name: str) -> dict[str, str]:
    """Return the environment variables that make Keras run on a backend; those that the user has set stand."""
    # Keras imports TensorFlow on other backends too, where it is installed; its greeting tells nothing.
    quiet = {} if "TF_CPP_MIN_LOG_LEVEL" in os.environ else {"TF_CPP_MIN_LOG_LEVEL": "3"}
    return quiet | {"KERAS_BACKEND": name}


def set_backend(name: str) -> None:
    """Make this process's Keras, which is still to be imported, run on a backend that `choose_backend` returned."""
    os.environ.update(backend_settings(name))


def check_devices(wanted: str | None, backend: str, found: Sequence[str]) -> None:
    """Refuse a run on GPUs that the backend does not find: it would go on, unasked, on the processor.

    Args:
        wanted: As a request has them.
        backend: The backend's name.
        found: Its devices, such as ``gpu:0``.

    Raises:
        BackendError: GPUs are wanted, and there are none.
    """
    if wanted not in (None, "cpu") and all(device.startswith("cpu") for device in found):
        given = wanted if wanted == "gpu" else f"gpu:{wanted}"
        raise BackendError(
            f"--devices: received {given}, but {backend} finds no GPU here, only {', '.join(found)}. Leave the option "
            "out, or see: kerasarch doctor"
        )


def compiled_programs() -> Path:
    """Return the folder, in the user's cache, of programs that were compiled for a processor like this one."""
    return cached_file("compiled", platform.machine(), (_cpu(), platform.system()), "")


def _running() -> str | None:
    keras = sys.modules.get("keras")
    config = getattr(keras, "config", None)
    return str(config.backend()) if config is not None and hasattr(config, "backend") else None


def _command(backend: str) -> str:
    return f'pip install "kerasarch[{EXTRAS[backend]}]"'


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        return platform.processor()
    return platform.processor()


def _memory() -> int | None:
    """Bytes of memory."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None


def _commit() -> str | None:
    """The commit of the folder one works in, with ``+`` after it where files were changed."""
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--abbrev=12", "--dirty=+"], capture_output=True, text=True, timeout=5
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() if found.returncode == 0 and found.stdout.strip() else None
