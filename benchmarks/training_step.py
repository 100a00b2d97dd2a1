"""What a training step costs through `Learner`, beside a hand-written loop of each backend.

    python benchmarks/training_step.py --batch 16 --size 32

DCGAN and WGAN-GP: one step of the discriminator or critic and one of the generator on a batch of random pictures that
stays where it is. "native" is the step as one writes it for the backend, around the same Keras networks: jax.grad in
jax.jit with ``stateless_call`` and ``stateless_apply``; tf.GradientTape in tf.function; torch.autograd with
torch.optim. "torch.nn" is the same step on networks of plain torch.nn, so that one sees what Keras itself costs.

Each backend runs in a process of its own. In one process the implementations take turns, step by step, so that a
machine that slows down slows all of them; the medians of the steps and of the turns' ratios count.
"""

import argparse
import importlib
import statistics
import sys
import time
from collections.abc import Callable

from each_backend import on_each_backend, options_of

METHODS = ("dcgan", "wgan-gp")


def main() -> None:
    """Run every backend and print the table."""
    parser = options_of(__doc__)
    parser.add_argument("--method", choices=METHODS, action="append", help="only this one; may be repeated")
    parser.add_argument("--batch", type=int, default=16, help="pictures in a batch (default: 16)")
    parser.add_argument("--size", type=int, default=32, help="height and width in pixels (default: 32)")
    parser.add_argument("--width", type=int, default=32, help="channels of the widest map (default: 32)")
    parser.add_argument("--steps", type=int, default=30, help="timed steps of each kind (default: 30)")
    parser.add_argument("--profile", action="store_true", help="print where a Learner's step spends its time (Python)")
    options = parser.parse_args()
    results = [row for rows in on_each_backend(options, lambda backend: measure(backend, options)) for row in rows]
    print(table(results, options))


def measure(backend: str, options: argparse.Namespace) -> list[dict]:
    """Time every implementation that this backend has of every method."""
    import numpy as np

    native = importlib.import_module(f"native_gan_{backend}")
    shape = (options.batch, options.size, options.size, 3)
    real = np.random.default_rng(0).uniform(-1, 1, shape).astype("float32")
    results = []
    for method in options.method or METHODS:
        steps = {"Learner": learner_step(backend, method, real, options)}
        steps["native"] = native.step(method, *networks(method, options), real)
        if backend == "torch":
            steps["torch.nn"] = native.plain_step(method, real, options.width)
        if options.profile:
            profile(steps["Learner"], options.steps)
        times = take_turns(steps, options.steps)
        for name, seconds in times.items():
            # Of each turn its own ratio: what slows the machine for a while slows both sides.
            ratio = statistics.median(ours / other for ours, other in zip(times["Learner"], seconds, strict=True))
            row = {"backend": backend, "method": method, "implementation": name}
            results.append(row | {"seconds": statistics.median(seconds), "ratio": ratio})
    return results


def take_turns(steps: dict[str, Callable[[], float]], count: int) -> dict[str, list[float]]:
    """Return the seconds of each step; the first three rounds, which compile and warm up, do not count."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(count + 3):
        names = list(steps)
        for name in names if turn % 2 else reversed(names):
            start = time.perf_counter()
            steps[name]()
            times[name].append(time.perf_counter() - start)
    return {name: values[3:] for name, values in times.items()}


def networks(method: str, options: argparse.Namespace) -> tuple:
    """Return a generator and a discriminator of their own."""
    from kerasarch import models

    norm = "batch" if method == "dcgan" else "none"
    generator = models.dcgan_generator(size=options.size, latent=64, width=options.width)
    return generator, models.dcgan_discriminator(size=options.size, width=options.width, norm=norm)


def learner_step(backend: str, method: str, real, options: argparse.Namespace) -> Callable[[], float]:
    """Return a step as ``fit`` runs it, that returns a loss."""
    import keras
    from learner_gan import DCGAN, WGANGP

    learner = (DCGAN if method == "dcgan" else WGANGP)(*networks(method, options))
    rates = {name: keras.optimizers.Adam(2e-4, beta_1=0.5) for name in ("generator", "discriminator")}
    learner.compile(rates)
    learner._symbolic_build(data_batch=(real,))
    learner.make_train_function()
    batch = keras.ops.convert_to_tensor(real)
    if backend == "torch":
        return lambda: float(learner.train_function([(batch,)])["generator_loss"])
    if backend == "tensorflow":
        return lambda: float(learner.train_function(iter([(batch,)]))["generator_loss"])
    state = learner._get_jax_state(True, True, True, True)

    def step() -> float:
        nonlocal state
        logs, state = learner.train_function(state, iter([(batch,)]))
        return float(logs["generator_loss"])

    return step


def profile(step: Callable[[], float], count: int) -> None:
    """Print the functions that take longest in Python."""
    import cProfile
    import pstats

    step()
    profiler = cProfile.Profile()
    profiler.enable()
    for _ in range(count):
        step()
    profiler.disable()
    pstats.Stats(profiler, stream=sys.stderr).sort_stats("tottime").print_stats(25)


def table(results: list[dict], options: argparse.Namespace) -> str:
    """Return the figures as text, at most 80 columns wide."""
    lines = [
        f"batch {options.batch}, {options.size} x {options.size} pixels, width {options.width}; milliseconds a step",
        f"{'backend':<12}{'method':<9}{'Learner':>9}{'native':>9}{'ratio':>7}{'torch.nn':>10}{'ratio':>7}",
    ]
    for backend, method in dict.fromkeys((row["backend"], row["method"]) for row in results):
        rows = {row["implementation"]: row for row in results if (row["backend"], row["method"]) == (backend, method)}
        cells = [f"{1000 * rows['Learner']['seconds']:9.2f}"]
        for other, wide in (("native", 9), ("torch.nn", 10)):
            if other in rows:
                cells.append(f"{1000 * rows[other]['seconds']:{wide}.2f}{rows[other]['ratio']:7.2f}")
        lines.append(f"{backend:<12}{method:<9}{''.join(cells)}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
