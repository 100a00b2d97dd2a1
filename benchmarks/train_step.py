"""How fast ResNet-18, ResNet-50 and MobileNetV2 train and predict, beside keras.applications and plain PyTorch.

    python benchmarks/train_step.py --batch 8 --size 96

Each backend runs in a process of its own. In one process the networks take turns, step by step, so that a machine that
slows down slows all of them; the median of the steps counts. Everything uses SGD with momentum, cross-entropy on logits
and one batch of random numbers that stays where it is.
"""

import argparse
from collections.abc import Callable

from each_backend import add_sizes, on_each_backend, options_of, take_turns

NETWORKS = ("resnet18", "resnet50", "mobilenet_v2")


def main() -> None:
    """Run every backend and print the table."""
    parser = options_of(__doc__)
    add_sizes(parser, NETWORKS, steps=9)
    options = parser.parse_args()
    results = [
        row
        for rows in on_each_backend(
            options, lambda backend: measure(backend, options.network or list(NETWORKS), options)
        )
        for row in rows
    ]
    print(table(results, options))


def measure(backend: str, networks: list[str], options: argparse.Namespace) -> list[dict]:
    """Time every implementation that this backend has of every network."""
    results = []
    for network in networks:
        steps = {"kerasarch": keras_steps(ours(network, options.size), options)}
        if network != "resnet18":
            steps["keras.applications"] = keras_steps(theirs(network, options.size), options)
        if backend == "torch" and network != "mobilenet_v2":
            steps["plain PyTorch"] = torch_steps(network, options)
        for kind in ("train", "predict"):
            for name, seconds in take_turns({name: pair[kind] for name, pair in steps.items()}, options.steps).items():
                results.append(
                    {"backend": backend, "network": network, "kind": kind, "implementation": name, "seconds": seconds}
                )
    return results


def ours(network: str, size: int):
    """Return our network."""
    from kerasarch import models

    return models.build(network, input_shape=(size, size, 3))


def theirs(network: str, size: int):
    """Return that of keras.applications; its ResNet-50 is v1, with biases, otherwise the same."""
    import keras

    build = keras.applications.ResNet50 if network == "resnet50" else keras.applications.MobileNetV2
    return build(weights=None, input_shape=(size, size, 3), classifier_activation=None)


def keras_steps(model, options: argparse.Namespace) -> dict[str, Callable[[], None]]:
    """Return a training and an inference step of a Keras model, as ``fit`` and ``predict`` run them."""
    import keras
    import numpy as np

    model.compile(
        keras.optimizers.SGD(0.01, momentum=0.9), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    rng = np.random.default_rng(0)
    x = keras.ops.convert_to_tensor(rng.normal(size=(options.batch, options.size, options.size, 3)).astype("float32"))
    y = keras.ops.convert_to_tensor(rng.integers(0, 1000, options.batch))
    # The results are NumPy numbers: no step can end before its work is done.
    return {"train": lambda: model.train_on_batch(x, y), "predict": lambda: model.predict_on_batch(x)}


def torch_steps(network: str, options: argparse.Namespace) -> dict[str, Callable[[], None]]:
    """Return the same steps of the plain PyTorch network."""
    import torch
    from plain_resnet import PlainResNet

    deep = network == "resnet50"
    model = PlainResNet((3, 4, 6, 3) if deep else (2, 2, 2, 2), bottleneck=deep)
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)
    x = torch.randn(options.batch, 3, options.size, options.size)
    y = torch.randint(0, 1000, (options.batch,))

    def train() -> None:
        model.train()
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        loss.item()

    def predict() -> None:
        model.eval()
        with torch.no_grad():
            model(x).numpy()

    return {"train": train, "predict": predict}


def table(results: list[dict], options: argparse.Namespace) -> str:
    """Return the figures as text, 80 columns wide."""
    lines = [
        f"batch {options.batch}, {options.size} x {options.size} pixels; images a second (our time / that time)",
        f"{'backend':<11}{'network':<13}{'step':<8}{'kerasarch':>10}{'keras.applications':>20}{'plain PyTorch':>18}",
    ]
    keys = dict.fromkeys((row["backend"], row["network"], row["kind"]) for row in results)
    for key in keys:
        seconds = {
            row["implementation"]: row["seconds"]
            for row in results
            if (row["backend"], row["network"], row["kind"]) == key
        }
        cells = [f"{options.batch / seconds['kerasarch']:10.1f}"]
        for other, width in (("keras.applications", 20), ("plain PyTorch", 18)):
            if other in seconds:
                ratio = f"({seconds['kerasarch'] / seconds[other]:.2f})"
                cells.append(f"{options.batch / seconds[other]:{width - 7}.1f}{ratio:>7}")
            else:
                cells.append(f"{'-':>{width}}")
        lines.append(f"{key[0]:<11}{key[1]:<13}{key[2]:<8}{''.join(cells)}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
