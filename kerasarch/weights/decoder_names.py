"""What folders of decoders have in common: names of tensors by block, fused maps, fields that must be usual."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from kerasarch.errors import WeightsError
from kerasarch.weights.checkpoint import TORCH_NAMES, Checkpoint
from kerasarch.weights.gpt2 import TIED

PREFIX = "transformer."
_BLOCK = re.compile(r"block(\d+)/(.+)")


def read_fields(checkpoint: Checkpoint, fields: Mapping[str, str], usual: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a config that are only called otherwise.

    Args:
        checkpoint: A folder.
        fields: Name there to name here; of several for one field a later one wins.
        usual: Fields whose other values are not built here.

    Raises:
        WeightsError: One of those has another value.
    """
    given = checkpoint.config
    check_usual(given, usual, checkpoint.origin)
    found = {ours: given[theirs] for theirs, ours in fields.items() if theirs in given}
    if isinstance(found.get("end"), list):
        found["end"] = tuple(found["end"])
    return found


def check_usual(given: Mapping[str, Any], usual: Mapping[str, Any], origin: str) -> None:
    """Refuse fields with values that are not built here.

    Raises:
        WeightsError: A field has one.
    """
    for name, only in usual.items():
        if given.get(name, only) != only:
            raise WeightsError(f"{origin}: {name}={given[name]!r} is not built here, only {only!r}.")


@dataclasses.dataclass(frozen=True)
class DecoderNames:
    """Names of the tensors of a family.

    Attributes:
        blocks: What stands before the number of a block.
        parts: Layer of a block here to its name there.
        outer: Other layers.
    """

    blocks: str
    parts: Mapping[str, str]
    outer: Mapping[str, str]

    def tensor_name(self, path: str) -> str:
        """Return the name of the tensor that belongs to a variable, given by its path within the model."""
        layer, variable = path.rsplit("/", 1)
        if layer == "head":
            return TIED
        found = _BLOCK.fullmatch(layer)
        name = f"{self.blocks}.{found[1]}.{self.parts[found[2]]}" if found else self.outer[layer]
        return f"{PREFIX}{name}.{TORCH_NAMES[variable]}"


def modern_name(name: str) -> str:
    """Return the name as in a model with a head: one without leaves its first part out."""
    return name if name.startswith((PREFIX, TIED)) else PREFIX + name


def file_names(config: Any, tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return tensors by the names of a file: a model without head leaves the first part out."""
    return {name if config.head else name.removeprefix(PREFIX): tensor for name, tensor in tensors.items()}


@dataclasses.dataclass(frozen=True)
class FusedMap:
    """A linear map of a file that makes query, key and value at once.

    Attributes:
        whole: Its name, behind that of the block.
        parts: Names of the three maps that a model has in its place.
        by_head: Whether the outputs of a head stand together; otherwise those of the queries do.
    """

    whole: str
    parts: tuple[str, str, str]
    by_head: bool = False

    def split(self, tensors: Mapping[str, np.ndarray], heads: int, origin: str) -> dict[str, np.ndarray]:
        """Return tensors with the three maps in place of each fused one.

        Raises:
            WeightsError: A fused tensor has no three parts for so many heads.
        """
        parted: dict[str, np.ndarray] = {}
        for name, tensor in tensors.items():
            if f".{self.whole}." not in name:
                parted[name] = tensor
                continue
            if tensor.shape[0] % (3 * heads):
                raise WeightsError(
                    f"{origin}: tensor {name} should have three parts of {heads} heads. It has shape {tensor.shape}."
                )
            shape = (heads, 3, -1) if self.by_head else (1, 3, -1)
            split = tensor.reshape(*shape, *tensor.shape[1:])
            for place, part in enumerate(self.parts):
                rows = split[:, place].reshape(-1, *tensor.shape[1:])
                parted[name.replace(f".{self.whole}.", f".{part}.")] = rows
        return parted

    def join(self, tensors: Mapping[str, np.ndarray], heads: int) -> dict[str, np.ndarray]:
        """Undo `split`."""
        first, *others = (f".{part}." for part in self.parts)
        joined: dict[str, np.ndarray] = {}
        for name, tensor in tensors.items():
            if first in name:
                three = [tensor, *(tensors[name.replace(first, other)] for other in others)]
                shape = (heads, -1) if self.by_head else (1, -1)
                stacked = np.stack([part.reshape(*shape, *part.shape[1:]) for part in three], axis=1)
                joined[name.replace(first, f".{self.whole}.")] = stacked.reshape(-1, *tensor.shape[1:])
            elif not any(other in name for other in others):
                joined[name] = tensor
        return joined
