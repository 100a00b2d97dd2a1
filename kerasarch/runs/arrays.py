"""Arrays in a file: the safetensors layout, written and read with NumPy alone.

Eight bytes give the length of a JSON header, which names each array's type, shape and place; the raw little-endian
bytes follow. The layout is published at https://huggingface.co/docs/safetensors; other tools can open these files.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from kerasarch.errors import CheckpointError

_CODES = {
    "BOOL": "bool", "U8": "uint8", "I8": "int8", "U16": "uint16", "I16": "int16", "U32": "uint32", "I32": "int32",
    "U64": "uint64", "I64": "int64", "F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64",
    "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "C64": "complex64",
}  # fmt: skip
_NAMES = {name: code for code, name in _CODES.items()}
_MAX_HEADER = 100 * 2**20  # bytes


def write_arrays(file: BinaryIO, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays by name.

    Args:
        file: An open binary file.
        arrays: Arrays of any numeric type, bfloat16 and the two common 8-bit floats included.

    Raises:
        CheckpointError: An array's type has no code.
    """
    header: dict[str, Any] = {}
    offset = 0
    contiguous = {name: np.ascontiguousarray(array).reshape(np.shape(array)) for name, array in arrays.items()}
    for name, array in contiguous.items():
        code = _NAMES.get(array.dtype.name)
        if code is None:
            raise CheckpointError(
                f"array {name!r} has type {array.dtype}, which no checkpoint can hold. Use one of: {', '.join(_NAMES)}."
            )
        header[name] = {"dtype": code, "shape": list(array.shape), "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little"))
    file.write(text)
    for array in contiguous.values():
        file.write(array.reshape(-1).view(np.uint8).data)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read the arrays of a file into memory.

    Raises:
        CheckpointError: The file is missing, cut short or not of this layout.
    """
    arrays: dict[str, np.ndarray] = {}
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 0 < length <= _MAX_HEADER:
                raise ValueError(f"its header claims {length} bytes")
            header = json.loads(file.read(length))
            for name, entry in header.items():
                if name == "__metadata__":
                    continue
                start, end = entry["data_offsets"]
                file.seek(8 + length + start)
                data = file.read(end - start)
                arrays[name] = np.frombuffer(data, _dtype(entry["dtype"])).reshape(entry["shape"]).copy()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}.") from error
    return arrays


def _dtype(code: str) -> np.dtype:
    name = _CODES[code]
    if name.startswith(("bfloat16", "float8")):
        import ml_dtypes

        return np.dtype(getattr(ml_dtypes, name))
    return np.dtype(name)
