"""What monitoring costs: processor time of ``run.fit`` with and without, on a small network and a ResNet.

    KERAS_BACKEND=jax python benchmarks/monitoring.py

Both are trained in turns; of each the fastest and the median epoch are shown.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import keras
import numpy as np

from kerasarch import backends, models
from kerasarch.runs.active import MONITOR, ActiveRun
from kerasarch.runs.folder import RunFolder


def dense():
    """A network whose steps take about a millisecond: what a look costs shows most."""
    layers = [keras.layers.Dense(128, "relu", name=f"dense{i}") for i in range(3)]
    return keras.Sequential([keras.Input((64,)), *layers, keras.layers.Dense(10, name="head")]), (64,), 100


def resnet():
    """ResNet-18 for small pictures."""
    return models.resnet("resnet18", classes=10, input_shape=(16, 16, 3)), (16, 16, 3), 8


class Clock(keras.callbacks.Callback):
    """Processor seconds of each epoch: what else the machine does counts less than in seconds on the wall."""

    def __init__(self):
        super().__init__()
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch, logs=None):
        """Begin."""
        self.began = time.process_time()

    def on_epoch_end(self, epoch, logs=None):
        """End."""
        self.seconds.append(time.process_time() - self.began)


def epochs(model, data, monitor: int, count: int) -> list[float]:
    """Processor seconds of each epoch but the first, which compiles."""
    with tempfile.TemporaryDirectory() as place:
        folder, clock = RunFolder.create(Path(place), "benchmark", {}, {}), Clock()
        run = ActiveRun(folder, seed=0, quiet=True, monitor=monitor)
        run.fit("fit", model, data, epochs=count, callbacks=[clock])
        return clock.seconds[1:]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--only", choices=("dense", "resnet"))
    options = parser.parse_args()
    print(f"{backends.name()} {backends.version()}, a look at least every {MONITOR} steps")
    for build in (dense, resnet):
        if options.only not in (None, build.__name__):
            continue
        times: dict[int, list[float]] = {0: [], MONITOR: []}
        for _ in range(options.turns):
            for monitor, seconds in times.items():
                model, shape, steps = build()
                loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
                model.compile(keras.optimizers.Adam(1e-4), loss)
                numbers = np.random.default_rng(0)
                x = numbers.normal(size=(32 * steps, *shape)).astype("float32")
                seconds += epochs(model, (x, numbers.integers(0, 10, len(x))), monitor, options.epochs)
        for word, of in (("fastest", min), ("median", statistics.median)):
            without, watched = of(times[0]) / steps * 1e3, of(times[MONITOR]) / steps * 1e3
            print(
                f"{build.__name__:8} {word:8} {without:8.3f} ms a step, watched {watched:8.3f}: {watched / without:.3f}"
            )


if __name__ == "__main__":
    main()
