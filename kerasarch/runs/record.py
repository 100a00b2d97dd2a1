"""``metrics.jsonl``: one line for each thing that was logged, read back without what a resumed run did twice."""

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

from kerasarch.runs.atomic import disk_error, plain


class Recorder:
    """Appends lines to a file.

    Args:
        path: The file; it is made with the first line.
    """

    def __init__(self, path: Path):
        self._path = path

    def write(self, **fields: Any) -> None:
        """Append one line of JSON values; the time in seconds is added.

        Raises:
            RunError: The file cannot be written or the disk is full.
        """
        line = json.dumps({"time": round(time.time(), 3), **plain(fields)}, ensure_ascii=False) + "\n"
        try:
            with self._path.open("a+b") as file:
                if file.tell():
                    file.seek(-1, 2)
                    if file.read(1) != b"\n":  # a kill cut the last line short
                        line = "\n" + line
                file.write(line.encode())
        except OSError as error:
            raise disk_error(self._path, error) from error


@dataclasses.dataclass
class Record:
    """What a run logged.

    Args:
        phases: For each phase the lines of its epochs, in order.
        batches: For each phase the lines between, with ``loss`` at a ``step`` of the phase.
        logged: Lines of ``run.log``, by step.
        events: Entries of the timeline.
        looks: For each phase the lines on gradients, by step.
        weights: For each phase the lines with histograms of weights, by step.
        warnings: Warnings of training's health, in order.
    """

    phases: dict[str, list[dict[str, Any]]] = dataclasses.field(default_factory=dict)
    batches: dict[str, list[dict[str, Any]]] = dataclasses.field(default_factory=dict)
    logged: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    events: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    looks: dict[str, list[dict[str, Any]]] = dataclasses.field(default_factory=dict)
    weights: dict[str, list[dict[str, Any]]] = dataclasses.field(default_factory=dict)
    warnings: list[dict[str, Any]] = dataclasses.field(default_factory=list)


def read_record(path: Path) -> Record:
    """Read what a run logged. Lines that are no JSON are passed over; of lines for the same step the last counts.

    Args:
        path: The file ``metrics.jsonl``; it may be missing.
    """
    epochs: dict[str, dict[int, dict[str, Any]]] = {}
    batches: dict[str, dict[int, dict[str, Any]]] = {}
    logged: dict[int, dict[str, Any]] = {}
    events: dict[str, dict[str, Any]] = {}
    by_step: dict[str, dict[str, dict[int, dict[str, Any]]]] = {"monitor": {}, "weights": {}}
    warnings: dict[tuple[str, str, str], dict[str, Any]] = {}
    for line in lines(path):
        kind = line.get("kind")
        if kind == "epoch":
            epochs.setdefault(line["phase"], {})[line["epoch"]] = line
        elif kind == "batch":
            batches.setdefault(line["phase"], {})[line["step"]] = line
        elif kind == "log":
            logged.setdefault(line["step"], {}).update(line)
        elif kind in by_step:
            by_step[kind].setdefault(line["phase"], {})[line["step"]] = line
        elif kind == "warning":
            warnings.setdefault((line["phase"], line["name"], line["part"]), line)
        elif kind is not None:
            key = json.dumps({name: value for name, value in line.items() if name != "time"}, sort_keys=True)
            events.setdefault(key, line)
    return Record(
        _in_order(epochs),
        _in_order(batches),
        [logged[step] for step in sorted(logged)],
        list(events.values()),
        _in_order(by_step["monitor"]),
        _in_order(by_step["weights"]),
        list(warnings.values()),
    )


def _in_order(phases: dict[str, dict[int, dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    return {phase: [rows[index] for index in sorted(rows)] for phase, rows in phases.items()}


def lines(path: Path) -> list[dict[str, Any]]:
    """Read the lines that are JSON objects."""
    found = []
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    for line in text.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            found.append(value)
    return found
