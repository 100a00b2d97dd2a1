"""The process that checks one layer or model on one backend, and leaves NumPy files for the other backends.

``python -m kerasarch.testing.worker KIND NAME FOLDER``, with ``KERAS_BACKEND`` set. The first backend writes the
weights of each example to FOLDER; the later ones load them, so that all outputs come from the same numbers.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from kerasarch.registry import find
from kerasarch.testing.definitions import examine
from kerasarch.testing.example import examples_of
from kerasarch.testing.probe import Probe


def work(kind: Any, name: str, folder: Path) -> None:
    """Check an entry and write ``BACKEND.json`` and the outputs of each example.

    Args:
        kind: ``layers`` or ``models``.
        name: As the registry knows it.
        folder: Where the files go.
    """
    from kerasarch import backends

    entry = find(kind, name).load()
    layer = kind == "layers"
    examples = examples_of(entry, getattr(entry, "__name__", name))
    findings = examine(entry, None, layer=layer)
    if not any(finding.check == "construction" and finding.status == "failed" for finding in findings):
        for index, example in enumerate(examples):
            exchange(Probe(entry, example, layer), folder, index, backends.name())
    titles = [(f"{getattr(entry, '__name__', name)}({example.title})", example.tolerance) for example in examples]
    (folder / "examples.json").write_text(json.dumps(titles))
    (folder / f"{backends.name()}.json").write_text(json.dumps([asdict(finding) for finding in findings]))


def exchange(probe: Probe, folder: Path, index: int, backend: str) -> None:
    """Compute one example's outputs from the weights in the folder, which the first backend writes."""
    made = probe.ready()
    file = folder / f"weights_{index}.npz"
    if file.exists():
        with np.load(file) as weights:
            made.set_weights([weights[f"w{place}"] for place in range(len(weights.files))])
    else:
        _write(file, "w", made.get_weights())
    outputs = probe.call(made)
    _write(folder / f"outputs_{index}_{backend}.npz", "o", outputs)


def _write(file: Path, letter: str, arrays: Sequence[Any]) -> None:
    named: dict[str, Any] = {f"{letter}{place}": array for place, array in enumerate(arrays)}
    np.savez(file, **named)


if __name__ == "__main__":
    work(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
