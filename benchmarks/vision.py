"""How fast ResNet-50, EfficientNet-B0, ConvNeXt-T and ViT-B/16 train and predict, beside Keras' and Hugging Face's.

    python benchmarks/vision.py --batch 8 --size 96

The peer on the same backend is keras.applications, for ViT KerasHub where it is installed (``pip install keras-hub``);
on PyTorch there is Hugging Face's transformers too. Each backend has a process of its own, where the implementations
of one network take turns, step by step, so that a machine that slows down slows all of them; the median of the steps
counts, on the clock and in processor time. Weights and pictures are random numbers; everything uses SGD with momentum
and cross-entropy on logits. The ResNet-50 of keras.applications is that of the first paper, with 6 % fewer
multiply-adds: beside it our ``resnet50_v1`` is timed, beside that of transformers ``resnet50``.
"""

import argparse
from collections.abc import Callable

from each_backend import add_sizes, on_each_backend, options_of, take_timed_turns, turns_before
from train_step import keras_steps

NETWORKS = {
    "resnet50": "ResNet50",
    "efficientnet_b0": "EfficientNetB0",
    "convnext_tiny": "ConvNeXtTiny",
    "vit_base_patch16": None,
}
"""Our name to that in keras.applications; the last one is in KerasHub."""
SAME = {"resnet50": "resnet50_v1"}
"""Our name of what keras.applications has, where it is another one."""
FIELDS = {"convnext_tiny": {"stochastic_depth": 0.0}}
"""What makes ours train as the peers do by default: they leave no branch out."""


def main() -> None:
    """Run every backend and print the table."""
    parser = options_of(__doc__)
    add_sizes(parser, NETWORKS, steps=7)
    options = parser.parse_args()
    found = on_each_backend(options, lambda backend: measure(backend, options.network or list(NETWORKS), options))
    print(table([row for rows in found for row in rows], options))


def measure(backend: str, networks: list[str], options: argparse.Namespace) -> list[dict]:
    """Time every implementation that this backend has of every network."""
    import keras

    from kerasarch import models

    shape = (options.size, options.size, 3)
    results = []
    for network in networks:
        steps = {"kerasarch": keras_steps(models.build(network, input_shape=shape, **FIELDS.get(network, {})), options)}
        peer = keras_peer(network, shape)
        if peer is not None:
            steps["Keras"] = keras_steps(peer, options)
        if peer is not None and network in SAME:
            steps["kerasarch, same"] = keras_steps(models.build(SAME[network], input_shape=shape), options)
        if backend == "torch":
            steps["transformers"] = huggingface_steps(network, options)
        for kind in ("train", "predict"):
            turns = take_timed_turns(
                {name: pair[kind] for name, pair in steps.items()}, options.steps, turns_before(backend)
            )
            for name, (wall, busy) in turns.items():
                results.append(
                    {
                        "backend": backend,
                        "network": network,
                        "kind": kind,
                        "implementation": name,
                        "wall": wall,
                        "cpu": busy,
                    }
                )
        keras.utils.clear_session()
    return results


def keras_peer(network: str, shape: tuple[int, int, int]):
    """Return the network of keras.applications or KerasHub, or None where KerasHub is not installed."""
    import keras

    name = NETWORKS[network]
    if name is not None:
        build = getattr(keras.applications, name)
        return build(weights=None, input_shape=shape, classifier_activation=None)
    try:
        from keras_hub import models as hub
    except ImportError:
        return None
    backbone = hub.ViTBackbone(
        image_shape=shape, patch_size=16, num_layers=12, num_heads=12, hidden_dim=768, mlp_dim=3072
    )
    return hub.ViTImageClassifier(backbone=backbone, num_classes=1000, preprocessor=None)


def huggingface_steps(network: str, options: argparse.Namespace) -> dict[str, Callable[[], None]]:
    """Return a training and an inference step of transformers' network of the same size."""
    import torch
    import transformers

    kinds = {
        "resnet50": lambda: transformers.ResNetForImageClassification(transformers.ResNetConfig(num_labels=1000)),
        "efficientnet_b0": lambda: transformers.EfficientNetForImageClassification(
            transformers.EfficientNetConfig(
                width_coefficient=1.0, depth_coefficient=1.0, image_size=options.size, hidden_dim=1280, num_labels=1000
            )
        ),
        "convnext_tiny": lambda: transformers.ConvNextForImageClassification(
            transformers.ConvNextConfig(num_labels=1000)
        ),
        "vit_base_patch16": lambda: transformers.ViTForImageClassification(
            transformers.ViTConfig(image_size=options.size, num_labels=1000)
        ),
    }
    model = kinds[network]()
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)
    x = torch.randn(options.batch, 3, options.size, options.size)
    y = torch.randint(0, 1000, (options.batch,))

    def train() -> None:
        model.train()
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x).logits, y)
        loss.backward()
        optimizer.step()
        loss.item()

    def predict() -> None:
        model.eval()
        with torch.no_grad():
            model(x).logits.numpy()

    return {"train": train, "predict": predict}


def table(results: list[dict], options: argparse.Namespace) -> str:
    """Return the figures as text: our images a second, and our time over theirs, on the clock and in processor time."""
    lines = [
        f"batch {options.batch}, {options.size} x {options.size} pixels; ratios: our time / theirs, clock and CPU",
        f"{'backend':<11}{'network':<17}{'step':<8}{'images/s':>9}{'Keras':>14}{'transformers':>14}",
    ]
    for key in dict.fromkeys((row["backend"], row["network"], row["kind"]) for row in results):
        rows = {row["implementation"]: row for row in results if (row["backend"], row["network"], row["kind"]) == key}
        own = rows["kerasarch"]
        cells = [f"{options.batch / own['wall']:9.1f}"]
        for other, width in (("Keras", 14), ("transformers", 14)):
            text = "-"
            if other in rows:
                same = rows.get("kerasarch, same", own) if other == "Keras" else own
                text = f"{same['wall'] / rows[other]['wall']:.2f}  {same['cpu'] / rows[other]['cpu']:.2f}"
            cells.append(f"{text:>{width}}")
        lines.append(f"{key[0]:<11}{key[1]:<17}{key[2]:<8}{''.join(cells)}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
