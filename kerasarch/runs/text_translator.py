"""A translation run as a function of texts, for augmentation by translation there and back."""

from pathlib import Path
from typing import Any

from kerasarch.errors import UsageError
from kerasarch.runs.text_model import is_translator, open_text_model, run_of


def open_translator(name: str, runs: Path) -> Any:
    """Open a translator, as ``kerasarch generate`` does; it takes the most probable token at each step.

    Args:
        name: A run of the recipe ``translate``, a folder of weights in Hugging Face layout, or ``hf:org/name``.
        runs: Where runs are kept.

    Returns:
        A `kerasarch.generation.TextTranslator`, which takes texts and gives as many.

    Raises:
        UsageError: There is no such run, or its model does not translate.
    """
    from kerasarch.generation import BeamSearch, TextTranslator

    model, tokenizers = open_text_model(name, run_of(name, runs))
    if not is_translator(model):
        raise UsageError(f"--back-translate: {name} holds a {type(model).__name__}, expected a model that translates.")
    return TextTranslator(BeamSearch(model, beams=1), tokenizers.source, tokenizers.target)
