"""What recipes of texts leave behind: the run's model with its tokenizer, and both as other programs read them."""

from pathlib import Path
from typing import Any

from kerasarch.data import Tokenizer
from kerasarch.errors import UsageError, WeightsError
from kerasarch.recipe import Run
from kerasarch.runs.folder import TOKENIZER

ENCODER = "encoder"
"""Folder of an encoder within its run's."""


def save_with_tokenizer(run: Run, model: Any, tokenizer: Tokenizer, name: str) -> Path | None:
    """Save a model with its tokenizer: as the run's, and in Hugging Face layout where there is one for this model.

    Args:
        run: The run.
        model: The trained model.
        tokenizer: What reads its texts.
        name: Of the folder in Hugging Face layout within the run's.

    Returns:
        That folder, None where there is no such layout, which the run then says.
    """
    from kerasarch.weights import to_pretrained

    run.save(model)
    tokenizer.write(run.dir / TOKENIZER)
    try:
        folder = to_pretrained(model, run.dir / name)
    except (UsageError, WeightsError) as error:
        run.say(f"not written in Hugging Face layout: {error}")
        return None
    tokenizer.write(folder)
    run.say(f"model and tokenizer written to {folder}")
    return folder
