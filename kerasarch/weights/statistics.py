"""Replacing the statistics of normalisation layers by calibrated ones."""

from pathlib import Path

import keras
import numpy as np

from kerasarch.errors import WeightsError
from kerasarch.weights.pretrained import FAMILIES, describe


def assign_statistics(model: keras.Model, path: str | Path) -> keras.Model:
    """Give the normalisation layers the arrays of an ``.npz`` file, keyed by variable path.

    Weights that came out of a converted network (where the normalisation was folded into the convolutions) have
    statistics that fit inference only. Such a file brings back statistics with which the layers can be trained;
    inference stays the same.

    Args:
        model: A model that a builder of kerasarch made.
        path: File whose keys are our variable paths (``stem_conv/norm/gamma``) or keras.applications'
            (``bn_Conv1/gamma``).

    Returns:
        The model.

    Raises:
        WeightsError: The file is missing or damaged, an array belongs to no variable, or a shape does not fit.
    """
    family, config = describe(model)
    module = FAMILIES[family]
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path}: not a readable .npz file ({error}).") from error
    targets = {}
    for variable in model.weights:
        layer, kind = variable.path.rsplit("/", 1)
        if not layer.endswith("norm"):
            continue
        theirs = module.tensor_name(variable.path, "keras", config).rsplit("/", 1)[0]
        targets[variable.path] = targets[f"{theirs}/{kind}"] = variable
    unused = [name for name in arrays if name not in targets]
    if unused or not arrays:
        raise WeightsError(f"{path}: {len(unused)} arrays belong to no normalisation, the first {unused[:1]}.")
    for name, array in arrays.items():
        if array.shape != tuple(targets[name].shape):
            raise WeightsError(
                f"{path}: {name} has shape {array.shape}, {targets[name].path} {tuple(targets[name].shape)}."
            )
    for name, array in arrays.items():
        targets[name].assign(array)
    return model
