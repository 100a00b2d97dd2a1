"""Language models and translators with their tokenizers, as a person names them: a run, a folder, a repository."""

from pathlib import Path
from typing import Any

from kerasarch.errors import UsageError
from kerasarch.runs.folder import MODEL, RUN, TOKENIZER, RunFolder, find
from kerasarch.runs.tokenizer_pair import load_tokenizers

TOKENIZER_FILES = ["*.json", "*.txt", "*.model", "*.spm"]


def run_of(source: str, runs: Path) -> RunFolder | None:
    """Return the run that is meant, or None where a folder of weights or a repository is.

    Args:
        source: A run, a folder, or ``hf:org/name``.
        runs: Where runs are kept.

    Raises:
        UsageError: There is no such run.
    """
    path = Path(source).expanduser()
    if source.startswith("hf:") or (path.is_dir() and not (path / RUN).is_file()):
        return None
    try:
        return find(source, runs)
    except UsageError as error:
        raise UsageError(f"{error} A folder in Hugging Face layout, or hf:ORG/NAME, would do too.") from error


def open_text_model(source: str, folder: RunFolder | None, *, dtype: str | None = None) -> tuple[Any, Any]:
    """Open a language model and its tokenizer, once Keras is imported.

    Args:
        source: A folder in Hugging Face layout, or ``hf:org/name[@revision]``; not looked at for a run.
        folder: The run, or None.
        dtype: Dtype policy of a folder's model; None for Keras' own.

    Returns:
        A `kerasarch.models.CausalLanguageModel` and a `kerasarch.data.Tokenizer`; or a model that reads one text and
        writes another, and a `kerasarch.runs.tokenizer_pair.TokenizerPair`.

    Raises:
        UsageError: It is neither, or the dtype is given for a run.
        WeightsError: A file is missing or damaged.
        DependencyError: The network or a package is missing.
    """
    from kerasarch import models
    from kerasarch.data import load_tokenizer

    if folder is not None:
        if dtype is not None:
            raise UsageError("--dtype is for folders of weights: a run's model keeps the dtype that it was saved in.")
        model, place = _model_of(folder), folder.path / TOKENIZER
        name = f"run {folder.id} of {folder.recipe}"
    else:
        from kerasarch.weights import from_pretrained

        given: dict[str, Any] = {} if dtype is None else {"dtype": dtype}
        model, name = from_pretrained(source, **given), source
        place = tokenizer_folder(source)
    if is_translator(model) and getattr(model.config, "head", True):
        return model, load_tokenizers(place)
    if not isinstance(model, models.CausalLanguageModel) or not model.config.head:
        what = type(model).__name__ + (" without a head" if isinstance(model, models.CausalLanguageModel) else "")
        raise UsageError(f"{name} is no language model that goes on with texts: its model is a {what}.")
    return model, load_tokenizer(place)


def is_translator(model: Any) -> bool:
    """Whether a model reads one text and writes another."""
    return hasattr(model, "read_source")


def _model_of(folder: RunFolder) -> Any:
    import keras

    from kerasarch.errors import WeightsError

    path = folder.path / MODEL
    if not path.is_file() or not (folder.path / TOKENIZER).is_dir():
        raise UsageError(
            f"run {folder.id} of {folder.recipe} ({folder.status}) has no {MODEL} with a {TOKENIZER} beside it: no "
            f"text can be drawn from it."
        )
    try:
        return keras.saving.load_model(path, compile=False)
    except (ValueError, TypeError, OSError, KeyError) as error:
        raise WeightsError(f"{path} cannot be opened ({str(error).strip().splitlines()[0]}).") from error


def tokenizer_folder(source: str) -> Path:
    """Return the folder of the tokenizer's files, fetched from the hub where that is meant.

    Args:
        source: A folder, or ``hf:org/name[@revision]``.

    Raises:
        DependencyError: The network or a package is missing.
    """
    if not source.startswith("hf:"):
        return Path(source).expanduser()
    from kerasarch.weights.sources import fetch

    name, _, revision = source.removeprefix("hf:").partition("@")
    parts = name.split("/")
    start = "".join(f"{part}/" for part in parts[2:])
    found = fetch("/".join(parts[:2]), revision, [f"{start}{pattern}" for pattern in TOKENIZER_FILES], source)
    return found / start
