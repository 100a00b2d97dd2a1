"""What the benchmarks share: options, a process for each backend, and steps that take turns."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from kerasarch.runs.environment import backend_settings

BACKENDS = ("jax", "tensorflow", "torch")


def options_of(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options that every benchmark has."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", choices=BACKENDS, action="append", help="only this one; may be repeated")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser


def add_sizes(parser: argparse.ArgumentParser, networks: Iterable[str], steps: int) -> None:
    """Add the options of benchmarks of image classifiers."""
    parser.add_argument("--network", choices=networks, action="append", help="only this one; may be repeated")
    parser.add_argument("--batch", type=int, default=8, help="images in a batch (default: 8)")
    parser.add_argument("--size", type=int, default=96, help="height and width in pixels (default: 96)")
    parser.add_argument("--steps", type=int, default=steps, help=f"timed steps of each kind (default: {steps})")


def on_each_backend(options: argparse.Namespace, measure: Callable[[str], Any]) -> list[Any]:
    """Measure every backend in a process of its own: the script runs itself again, and that process ends here.

    Args:
        options: What `options_of` parsed.
        measure: A backend's name to its figures, as JSON can hold them.

    Returns:
        The figures of each backend.
    """
    results = []
    for found in _found(options, measure):
        results.append(found)
        if options.json:  # what is measured stays, should the next one fail
            options.json.write_text(json.dumps(results, indent=2) + "\n")
    return results


def rows_of_each_backend(
    options: argparse.Namespace, measure: Callable[[str], list[dict]], names: Sequence[str]
) -> list[dict]:
    """Measure every backend as `on_each_backend` does; a file of ``--json`` gathers what is measured in parts.

    Args:
        options: What `options_of` parsed.
        measure: A backend's name to rows of figures.
        names: Entries of a row that tell what it is a measurement of: a later one takes an earlier one's place.

    Returns:
        The rows that the file had and those of this run.
    """
    had = json.loads(options.json.read_text()) if options.json and options.json.exists() else []
    rows = {tuple(row[name] for name in names): row for row in had}
    for found in _found(options, measure):
        rows |= {tuple(row[name] for name in names): row for row in found}
        if options.json:
            options.json.write_text(json.dumps(list(rows.values()), indent=2) + "\n")
    return list(rows.values())


def _found(options: argparse.Namespace, measure: Callable[[str], Any]) -> Iterator[Any]:
    if options.worker:
        from kerasarch import backends

        with backends.drawn_on_host():  # JAX would compile a program for the numbers of each shape first
            print(json.dumps(measure(options.worker)))
        sys.exit()
    for backend in options.backend or BACKENDS:
        began = time.monotonic()
        yield _apart(backend)
        print(f"{backend}: {time.monotonic() - began:.0f} s", file=sys.stderr)


def _apart(backend: str) -> Any:
    command = [sys.executable, *sys.argv, "--worker", backend]
    environment = os.environ | backend_settings(backend)
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"benchmark of {backend} failed with exit code {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def take_turns(steps: dict[str, Callable[[], None]], count: int) -> dict[str, float]:
    """Return the median seconds of each step; the first two rounds, which compile and warm up, do not count."""
    return {name: wall for name, (wall, _) in take_timed_turns(steps, count).items()}


RECORDED = 34
"""Turns that are not timed on PyTorch: our models' steps of fit and predict are recorded at the 33rd."""


def turns_before(backend: str) -> int:
    """Return how many turns go by before a step of a Keras model is as quick as it will be."""
    return RECORDED if backend == "torch" else 2


def take_timed_turns(
    steps: dict[str, Callable[[], None]], count: int, before: int = 2
) -> dict[str, tuple[float, float]]:
    """Return the median seconds of each step on the clock and of all processors, in the same turns.

    Args:
        steps: By name, what is timed.
        count: Timed turns.
        before: Turns before them.
    """
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in steps}
    for _ in range(count + before):
        for name, step in steps.items():
            wall, busy = time.perf_counter(), time.process_time()
            step()
            times[name].append((time.perf_counter() - wall, time.process_time() - busy))
    return {
        name: (
            statistics.median(wall for wall, _ in values[before:]),
            statistics.median(busy for _, busy in values[before:]),
        )
        for name, values in times.items()
    }
