"""How commands that look at a model open it: the backend chosen, Keras imported without a greeting, plugins known."""

import contextlib
import importlib
from pathlib import Path
from typing import Any

from kerasarch.errors import PluginError, UsageError, WeightsError


def start(backend: str | None) -> None:
    """Choose the backend, import Keras on it and register the classes of ours and of plugins.

    Args:
        backend: The backend asked for; None is the one that a run would take.

    Raises:
        BackendError: It is not there.
    """
    from kerasarch.runs.environment import choose_backend, compiled_programs, set_backend
    from kerasarch.runs.greeting import without_greeting

    set_backend(choose_backend(backend))
    with without_greeting():
        from kerasarch import backends
    backends.prepare(compiled_programs())
    for name in ("layers", "models", "generation"):
        importlib.import_module(f"kerasarch.{name}")  # its classes are registered when it is imported
    import_plugins()


def import_plugins() -> None:
    """Import what plugins offer as models and layers, which registers their classes. A broken one is passed over."""
    from kerasarch.registry import KINDS, entries

    for kind in KINDS:
        if kind == "recipes":
            continue  # they hold no classes, and may not import Keras
        for entry in entries(kind):
            if not entry.builtin:
                # Whether its classes are needed shows when the file is opened.
                with contextlib.suppress(PluginError):
                    entry.load()


def open_file(path: Path) -> Any:
    """Open a ``.keras`` file, once `start` has imported Keras.

    Raises:
        WeightsError: The file is damaged, or its classes are not to be found.
    """
    import keras

    try:
        return keras.saving.load_model(path, compile=False)
    except (ValueError, TypeError, OSError, KeyError, ImportError) as error:
        reason = (str(error).strip().splitlines() or [repr(error)])[0]
        raise WeightsError(
            f"{path} cannot be opened ({reason}). It may be damaged, or hold classes of another version or of a plugin."
        ) from error


def open_model(source: str, input_shape: tuple[int, ...] | None = None) -> Any:
    """Open what a person calls a model: a ``.keras`` file, a checkpoint, or a name that ``kerasarch models`` lists.

    A name gives a fresh model; a file or folder stays as it was built.

    Args:
        source: Path, ``hf:...``, ``timm:...`` or a name.
        input_shape: Height, width, channels to build a fresh model or a checkpoint for.

    Raises:
        UsageError: There is no such file and no such name.
        WeightsError: The file or folder cannot be read.
    """
    from kerasarch.registry import load_model_builder

    sizes = {} if input_shape is None else {"input_shape": input_shape}
    path = Path(source).expanduser()
    if path.suffix == ".keras":
        if not path.is_file():
            raise UsageError(f"{source}: there is no such file.")
        return open_file(path)
    if path.exists() or source.startswith(("hf:", "timm:", "keras:")):
        from kerasarch.weights import from_pretrained

        return from_pretrained(source, **sizes)  # type: ignore[arg-type]
    return load_model_builder(source)(**sizes)


def read_size(text: str | None, option: str = "--input") -> tuple[int, ...] | None:
    """Read ``224x224x3``.

    Raises:
        UsageError: It is no such size.
    """
    if text is None:
        return None
    parts = text.lower().replace("×", "x").split("x")
    if not all(part.isdecimal() and int(part) > 0 for part in parts) or not 1 < len(parts) < 5:
        raise UsageError(f"{option}: received {text!r}, expected sizes such as 224x224x3: height, width, channels.")
    return tuple(int(part) for part in parts)
