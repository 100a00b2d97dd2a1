"""The final model of a run as a ``.keras`` file that any backend opens."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kerasarch.runs.atomic import disk_error, sync_folder


def save_model(model: Any, path: Path) -> None:
    """Write a model whole or not at all.

    Args:
        model: A ``keras.Model``.
        path: The file; its folder exists.

    Raises:
        RunError: The folder cannot be written or the disk is full. An earlier file is still there.
    """
    temporary = path.parent / f".writing-{path.name}"
    try:
        with _without_jit_compile(model):
            model.save(temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)  # noqa: PTH105 - tests make it fail
        sync_folder(path.parent)
    except OSError as error:
        raise disk_error(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _without_jit_compile(model: Any) -> Iterator[None]:
    """Leave ``jit_compile`` out of what is saved inside the block.

    Keras 3.15 stores what "auto" became: True on JAX, which would turn on torch.compile, and cost minutes, where the
    file is loaded with PyTorch.
    """
    inherited = model.get_compile_config

    def config() -> dict[str, Any]:
        found = inherited() or {}
        return {name: value for name, value in found.items() if name != "jit_compile"}

    model.__dict__["get_compile_config"] = config  # past Keras' tracking of attributes
    try:
        yield
    finally:
        del model.__dict__["get_compile_config"]
