"""Reading and writing safetensors files, single and sharded.

The format (https://huggingface.co/docs/safetensors/index#format) is a length, a JSON header and the raw numbers:
nothing in it can run. Reading it here costs a page and makes no package necessary.
"""

import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from kerasarch.errors import WeightsError

MAX_HEADER = 100_000_000  # bytes, the format's own limit
DTYPES = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U8": np.uint8,
    "BOOL": np.bool_,
}


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """Read every tensor of one file; bfloat16 becomes float32.

    Args:
        path: The file.

    Returns:
        Tensor name to array. The arrays are views of the file and cannot be written to.

    Raises:
        WeightsError: The file is missing, truncated or no safetensors file.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such file. Expected a safetensors file.")
    size = path.stat().st_size
    if size < 8:
        raise WeightsError(f"{path}: {size} bytes are too few for a safetensors file. Fetch it again.")
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > min(MAX_HEADER, size - 8):
            raise WeightsError(f"{path}: truncated or no safetensors file (header of {length} bytes). Fetch it again.")
        try:
            header = json.loads(file.read(length))
        except ValueError as error:
            raise WeightsError(
                f"{path}: the header is no JSON. Expected a safetensors file; fetch it again."
            ) from error
    if not isinstance(header, dict):
        raise WeightsError(f"{path}: the header is no table of tensors. Fetch the file again.")
    header.pop("__metadata__", None)
    data = np.memmap(path, np.uint8, "r", offset=8 + length) if size > 8 + length else np.zeros(0, np.uint8)
    return {name: _tensor(path, name, entry, data) for name, entry in header.items()}


def _tensor(path: Path, name: str, entry: Mapping, data: np.ndarray) -> np.ndarray:
    try:
        kind, shape, (start, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{path}: the entry of tensor {name!r} is incomplete. Fetch the file again.") from error
    if kind != "BF16" and kind not in DTYPES:
        raise WeightsError(f"{path}: tensor {name!r} has dtype {kind}. Readable are BF16, {', '.join(DTYPES)}.")
    width = 2 if kind == "BF16" else np.dtype(DTYPES[kind]).itemsize
    if not 0 <= start <= end <= len(data) or end - start != width * math.prod(shape):
        raise WeightsError(
            f"{path}: truncated. Tensor {name!r} of shape {list(shape)} should be at bytes {start} to {end}, "
            f"the file has {len(data)}. Fetch it again."
        )
    raw = data[start:end]
    if kind == "BF16":
        # bfloat16 is the upper half of a float32.
        return (raw.view("<u2").astype(np.uint32) << 16).view(np.float32).reshape(shape)
    return raw.view(np.dtype(DTYPES[kind]).newbyteorder("<")).reshape(shape)


def read_safetensors_folder(folder: Path, stem: str = "model") -> dict[str, np.ndarray]:
    """Read ``model.safetensors``, or the shards that ``model.safetensors.index.json`` lists.

    Args:
        folder: Folder in Hugging Face layout.
        stem: Name of the file before its ending; ``"diffusion_pytorch_model"`` in folders of diffusers.

    Raises:
        WeightsError: No such file, a shard is missing, or shards and index disagree.
    """
    single, index = folder / f"{stem}.safetensors", folder / f"{stem}.safetensors.index.json"
    if single.is_file():
        return read_safetensors(single)
    if not index.is_file():
        pickles = sorted(path.name for path in folder.glob("*.bin"))
        hint = f" {', '.join(pickles)} are pickles, which are never read: convert them." if pickles else ""
        raise WeightsError(f"{folder}: expected {single.name} or {index.name}.{hint}")
    try:
        weight_map: dict[str, str] = json.loads(index.read_text())["weight_map"]
        wanted = {name: Path(shard).name for name, shard in weight_map.items()}  # never outside the folder
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"{index}: not a readable index of shards. Fetch it again.") from error
    tensors: dict[str, np.ndarray] = {}
    for shard in sorted(set(wanted.values())):
        for name, tensor in read_safetensors(folder / shard).items():
            if wanted.get(name) != shard:
                raise WeightsError(f"{folder / shard}: tensor {name!r} is not in this shard according to {index.name}.")
            tensors[name] = tensor
    missing = sorted(set(wanted) - set(tensors))
    if missing:
        raise WeightsError(
            f"{folder}: the shards lack {len(missing)} tensors of {index.name}, the first {missing[0]!r}."
        )
    return tensors


def write_safetensors(path: Path, tensors: Mapping[str, np.ndarray]) -> None:
    """Write tensors, in the order of their names, with the metadata that PyTorch's readers expect.

    Args:
        path: The file, replaced only when everything is written.
        tensors: Name to array of one of the dtypes in ``DTYPES``.
    """
    codes = {np.dtype(value): code for code, value in DTYPES.items()}
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    arrays = []
    for name in sorted(tensors):
        array = np.asarray(tensors[name], order="C")
        header[name] = {
            "dtype": codes[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [offset, offset + array.nbytes],
        }
        offset += array.nbytes
        arrays.append(array)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        for array in arrays:
            file.write(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
    partial.replace(path)


def write_text(path: Path, text: str) -> None:
    """Write a text file, replaced only when everything is written."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
