"""How much time the boundary cache saves: the head of MobileNetV2 trained with and without it.

    python benchmarks/unfreezing.py --images 1600 --size 160 --epochs 5

Each backend runs in a process of its own and trains the same head twice on the same images in the same order: once with
the activations below the head computed in every epoch, once with them kept. Both times are of the whole `fit`, with
compiling, and with filling the cache. Weights and images are random numbers, which take the time that others take; the
losses of the last epoch are printed because they must agree.
"""

import argparse
import time

from each_backend import BACKENDS, on_each_backend, options_of


def main() -> None:
    """Run every backend and print the table."""
    parser = options_of(__doc__)
    parser.add_argument("--images", type=int, default=1600, help="training images (default: 1600)")
    parser.add_argument("--size", type=int, default=160, help="height and width in pixels (default: 160)")
    parser.add_argument("--epochs", type=int, default=5, help="epochs of head training (default: 5)")
    parser.add_argument("--batch", type=int, default=32, help="images in a batch (default: 32)")
    options = parser.parse_args()
    figures = on_each_backend(options, lambda backend: measure(options))
    print(f"MobileNetV2 at {options.size} px, {options.images} images, {options.epochs} epochs of head training")
    print(f"{'':<11}{'without cache':>23}{'with cache':>25}{'':>8}{'last loss':>13}")
    print(
        f"{'backend':<11}{'epoch 1':>10}{'total s':>13}{'epoch 1':>12}{'total s':>13}{'ratio':>8}{'without/with':>13}"
    )
    for backend, (without, kept) in zip(options.backend or BACKENDS, figures, strict=True):
        print(
            f"{backend:<11}{without['first']:>10.1f}{without['total']:>13.1f}{kept['first']:>12.1f}"
            f"{kept['total']:>13.1f}{without['total'] / kept['total']:>8.1f}"
            f"{without['loss']:>7.3f}/{kept['loss']:.3f}"
        )


def measure(options: argparse.Namespace) -> list[dict]:
    """Seconds of head training without and with the cache: first epoch, all of it."""
    import keras
    import numpy as np

    from kerasarch import training

    class Clock(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 0:
                self.first = time.perf_counter()

    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (options.images, options.size, options.size, 3)).astype("float32")
    y = rng.integers(0, 10, options.images)
    results = []
    for cache in (False, True):
        keras.utils.set_random_seed(0)
        base = keras.applications.MobileNetV2(
            input_shape=(options.size, options.size, 3), weights=None, include_top=False, pooling="avg"
        )
        model = keras.Model(base.input, keras.layers.Dense(10, name="head")(base.output))
        clock, begin = Clock(), time.perf_counter()
        history = training.GradualUnfreezing(
            model, strategy="extract", epochs=options.epochs, cache=cache, verbose=0
        ).fit(training.ArrayBatches(x, y, batch=options.batch), callbacks=[clock])
        total = time.perf_counter() - begin
        results.append({"first": clock.first - begin, "total": total, "loss": history["head"]["loss"][-1]})
    return results


if __name__ == "__main__":
    main()
