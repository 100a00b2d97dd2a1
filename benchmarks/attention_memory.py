"""Memory that attention takes, forward and with its gradients, beside the definition that keeps every score.

    python benchmarks/attention_memory.py

Each figure comes from a process of its own: the peak of its resident memory during one call less what it held before,
with the function compiled and the kernels loaded. ``growth`` is the exponent p of memory ~ tokens^p, fitted to the
figures of a row: 1 is linear, 2 the square. Linux alone: the peak is set back through ``/proc/self/clear_refs``. Exit
code 1 when ours grows faster than linear, with a tenth to spare.
"""

import argparse
import functools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from kerasarch.runs.environment import backend_settings

BACKENDS = ("jax", "tensorflow", "torch")
# glibc hands what is freed back to the system at once: otherwise what is freed before a call hides what it takes
RETURNED = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
WARM = 320  # tokens: beyond what is computed at once


def main() -> None:
    """Measure every size on every backend, print the table, and hold it against the requirement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", choices=BACKENDS, action="append", help="only this one; may be repeated")
    parser.add_argument("--tokens", type=int, nargs="+", default=[1024, 2048, 4096, 8192, 16384])
    parser.add_argument("--plain-up-to", type=int, default=4096, help="most tokens of the definition (default: 4096)")
    parser.add_argument("--heads", type=int, default=2)
    parser.add_argument("--width", type=int, default=32, help="channels of a head (default: 32)")
    parser.add_argument("--causal", action="store_true", help="each token sees itself and those before alone")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    parser.add_argument("--worker", nargs=3, metavar=("TOKENS", "KIND", "PASS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        tokens, kind, way = options.worker
        print(json.dumps(measure(int(tokens), kind, way, options)))
        return
    rows = []
    for backend in options.backend or BACKENDS:
        for kind in ("ours", "definition"):
            for way in ("forward", "gradients"):
                sizes = [size for size in options.tokens if kind == "ours" or size <= options.plain_up_to]
                found = {size: run_worker(backend, size, kind, way) for size in sizes}
                rows.append({"backend": backend, "kind": kind, "pass": way, "mb": found, "growth": growth(found)})
    print(table(rows, options))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")
    sys.exit(0 if all(row["growth"] <= 1.1 for row in rows if row["kind"] == "ours") else 1)


def run_worker(backend: str, tokens: int, kind: str, way: str) -> float:
    """Measure one size in a process of its own."""
    command = [sys.executable, __file__, *sys.argv[1:], "--worker", str(tokens), kind, way]
    environment = os.environ | backend_settings(backend) | RETURNED
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"{tokens} tokens, {kind}, {way} on {backend} failed with exit code {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def measure(tokens: int, kind: str, way: str, options: argparse.Namespace) -> float:
    """Return the megabytes that one call takes."""
    from kerasarch.backends import operations

    function = operations.attend if kind == "ours" else definition
    attention = functools.partial(function, causal=options.causal)
    prepare = {"jax": with_jax, "tensorflow": with_tensorflow, "torch": with_torch}[os.environ["KERAS_BACKEND"]]
    rng = np.random.default_rng(0)

    def ready(count: int) -> Callable[[], Any]:
        shape = (1, count, options.heads, options.width)
        return prepare(attention, way, [rng.normal(size=shape).astype("float32") for _ in range(3)])

    ready(WARM)()
    call = ready(tokens)
    Path("/proc/self/clear_refs").write_text("5")  # the peak becomes what is held now
    before = resident("VmHWM")
    result = call()
    after = resident("VmHWM")
    del result
    return (after - before) / 1024


def resident(field: str) -> int:
    """Return a figure of this process' memory in kilobytes."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(field))


def definition(query: Any, key: Any, value: Any, causal: bool) -> Any:
    """Attention as its paper writes it, in plain Keras."""
    from keras import ops

    scores = ops.einsum("btnd,bsnd->bnts", query, key) / query.shape[-1] ** 0.5
    if causal:
        places = ops.arange(query.shape[1])
        scores = ops.where(places <= places[:, None], scores, -1e30)
    return ops.einsum("bnts,bsnd->btnd", ops.softmax(scores), value)


def with_jax(attention: Callable, way: str, arrays: list[np.ndarray]) -> Callable[[], Any]:
    """Return a compiled call."""
    import jax

    inputs = [jax.numpy.asarray(array) for array in arrays]
    gradients = jax.grad(lambda *parts: (attention(*parts) ** 2).sum(), argnums=(0, 1, 2))
    function = jax.jit(attention if way == "forward" else gradients).lower(*inputs).compile()
    return lambda: jax.block_until_ready(function(*inputs))


def with_tensorflow(attention: Callable, way: str, arrays: list[np.ndarray]) -> Callable[[], Any]:
    """Return a traced call."""
    import tensorflow as tf

    inputs = [tf.constant(array) for array in arrays]

    def gradients(*parts: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(parts)
            loss = tf.reduce_sum(attention(*parts) ** 2)
        return tape.gradient(loss, parts)

    function = tf.function(attention if way == "forward" else gradients).get_concrete_function(*inputs)
    return lambda: tf.nest.map_structure(lambda part: part.numpy().shape, function(*inputs))


def with_torch(attention: Callable, way: str, arrays: list[np.ndarray]) -> Callable[[], Any]:
    """Return a call on the CPU."""
    import torch

    inputs = [torch.tensor(array, requires_grad=way != "forward") for array in arrays]
    if way == "forward":
        return lambda: attention(*inputs)
    return lambda: torch.autograd.grad((attention(*inputs) ** 2).sum(), inputs)


def growth(found: dict[int, float]) -> float:
    """Return the exponent of the memory in the number of tokens."""
    sizes, megabytes = np.array(list(found)), np.maximum(list(found.values()), 0.1)
    return float(np.polyfit(np.log(sizes), np.log(megabytes), 1)[0])


def table(rows: list[dict], options: argparse.Namespace) -> str:
    """The figures as a table."""
    titles = ["backend", "attention", "pass", *(f"{size:,} tokens" for size in options.tokens), "growth"]
    kind = "causal, " if options.causal else ""
    lines = [f"peak memory in MB, {kind}one example, {options.heads} heads of {options.width}, float32", ""]
    lines += ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    for row in rows:
        figures = [f"{row['mb'][size]:.1f}" if size in row["mb"] else "" for size in options.tokens]
        lines.append(
            "| " + " | ".join([row["backend"], row["kind"], row["pass"], *figures, f"{row['growth']:.2f}"]) + " |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
