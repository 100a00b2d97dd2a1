"""Models of transformers that are made from a config: folders whose ``model_type`` decides, and safetensors.

The families of picture classifiers, which have heads and several layouts, are in ``pretrained``.
"""

import dataclasses
import json
import re
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import keras

from kerasarch.errors import UsageError, WeightsError
from kerasarch.models.family import choose
from kerasarch.weights import bart, bloom, clip_text, gpt2, llama, mamba, mamba2, marian, mpt, openai_gpt, t5
from kerasarch.weights.albert import ALBERT
from kerasarch.weights.bert import BERT
from kerasarch.weights.checkpoint import Checkpoint, assign, torch_tensors, within
from kerasarch.weights.deberta import DEBERTA
from kerasarch.weights.deberta_v2 import DEBERTA_V2
from kerasarch.weights.distilbert import DISTILBERT
from kerasarch.weights.roberta import ROBERTA
from kerasarch.weights.safetensors_files import write_safetensors, write_text
from kerasarch.weights.text_encoders import EncoderFolder

# A module has MODEL, MODEL_TYPES, IGNORED, read_config, write_config, tensor_name and modern_name; select and complete
# where the tensors of a file are not one for each variable; comparable where configs that differ may mean the same;
# fresh where a model may have variables that the file has not; write_generation where there is a file that says how
# texts are generated.
NEUTRAL = ("dropout", "hidden_states", "start")
"""Fields of configs that change nothing of what weights mean."""
MODULES: tuple[ModuleType | EncoderFolder, ...] = (
    clip_text,
    gpt2,
    llama,
    mamba,
    mamba2,
    openai_gpt,
    bloom,
    mpt,
    marian,
    bart,
    t5,
    BERT,
    ROBERTA,
    DISTILBERT,
    ALBERT,
    DEBERTA,
    DEBERTA_V2,
)


def recognises(checkpoint: Checkpoint) -> bool:
    """Whether a folder of transformers holds one of these models."""
    return checkpoint.layout == "huggingface" and _find(checkpoint) is not None


def build(
    checkpoint: Checkpoint, *, name: str | None = None, overrides: Mapping[str, Any] | None = None
) -> keras.Model:
    """Return the model that a folder describes, with its weights.

    Args:
        checkpoint: A folder that ``recognises`` says yes to.
        name: Name of the model.
        overrides: Fields of the config to replace; ``dtype`` is the model's dtype policy.

    Raises:
        UsageError: An override is unknown.
        WeightsError: The weights do not fit.
    """
    module = _module(checkpoint)
    changes = dict(overrides or {})
    dtype = changes.pop("dtype", None)
    config = choose({}, module.read_config(checkpoint), changes)
    model = module.MODEL(config, name=name, dtype=dtype)
    model.build()
    _assign(model, module, checkpoint)
    return model


def load(model: keras.Model, checkpoint: Checkpoint) -> None:
    """Give an existing model the weights of a folder.

    Raises:
        UsageError: The model is of another class.
        WeightsError: The weights do not fit.
    """
    module = _module(checkpoint)
    if not isinstance(model, module.MODEL):
        raise UsageError(
            f"{checkpoint.origin}: weights of a {module.MODEL.__name__}. Received a {type(model).__name__}."
        )
    _check_config(model, module, checkpoint)
    _assign(model, module, checkpoint)


def knows(model: keras.Model) -> bool:
    """Whether transformers has a class for this model."""
    return any(isinstance(model, module.MODEL) for module in MODULES)


def write(model: keras.Model, folder: Path) -> Path:
    """Write a folder that transformers loads.

    Args:
        model: A model that ``knows`` says yes to.
        folder: Made if missing.

    Returns:
        The folder.
    """
    module = next(module for module in MODULES if isinstance(model, module.MODEL))
    tensors = torch_tensors(model, module.tensor_name)
    if hasattr(module, "complete"):
        tensors = module.complete(model.config, tensors)
    folder.mkdir(parents=True, exist_ok=True)
    write_safetensors(folder / "model.safetensors", tensors)
    write_text(folder / "config.json", json.dumps(module.write_config(model.config), indent=2) + "\n")
    if hasattr(module, "write_generation"):
        how = module.write_generation(model.config)
        write_text(folder / "generation_config.json", json.dumps(how, indent=2) + "\n")
    return folder


def _find(checkpoint: Checkpoint) -> ModuleType | EncoderFolder | None:
    kind = checkpoint.config.get("model_type")
    return next((module for module in MODULES if kind in module.MODEL_TYPES), None)


def _module(checkpoint: Checkpoint) -> ModuleType | EncoderFolder:
    module = _find(checkpoint)
    if module is None:
        raise WeightsError(
            f"{checkpoint.origin}: model_type {checkpoint.config.get('model_type')!r} is not built here."
        )
    return module


def _check_config(model: keras.Model, module: ModuleType | EncoderFolder, checkpoint: Checkpoint) -> None:
    """Refuse weights of another configuration, even if they have the same shapes."""
    settled = getattr(module, "comparable", lambda config: config)
    ours, theirs = settled(model.config), settled(module.read_config(checkpoint))
    neutral = {*NEUTRAL, *(() if getattr(ours, "head", True) else ("head", "tied"))}
    wrong = ", ".join(
        f"{field.name} is {getattr(theirs, field.name)} in the file and {getattr(ours, field.name)} in the model"
        for field in dataclasses.fields(ours)
        if field.name not in neutral and getattr(ours, field.name) != getattr(theirs, field.name)
    )
    if wrong:
        raise WeightsError(
            f"{checkpoint.origin}: made for another configuration: {wrong}. Build one by from_pretrained."
        )


def _assign(model: keras.Model, module: ModuleType | EncoderFolder, checkpoint: Checkpoint) -> None:
    renamed = {module.modern_name(name): tensor for name, tensor in checkpoint.tensors.items()}
    if hasattr(module, "select"):
        renamed = module.select(model.config, renamed, checkpoint.origin)
    fresh = re.compile(module.fresh(model.config, checkpoint) if hasattr(module, "fresh") else r"(?!)")
    assign(
        model,
        dataclasses.replace(checkpoint, tensors=renamed),
        lambda path: module.tensor_name(within(model, path)),
        ignored=module.IGNORED,
        may_stay_fresh=lambda path: fresh.search(within(model, path)) is not None,
    )
