"""Plain Keras feature extraction: the figure that ``kerasarch run transfer-image`` has to reach on the same images.

    KERAS_BACKEND=jax python benchmarks/feature_extraction.py --data FOLDER --weights mobilenet_v2.weights.h5

Nothing of kerasarch is used: keras.applications' MobileNetV2 without its head, frozen, its features computed once, and
a Dense layer trained on them with Adam. Pictures are stretched to a square. The folder holds ``train`` and ``test``
folders of class folders.
"""

import argparse
import time
from pathlib import Path

import keras
import numpy as np
from PIL import Image


def load(folder: Path, classes: list[str], size: int) -> tuple[np.ndarray, np.ndarray]:
    """Read the pictures of one part: ``(N, size, size, 3)`` in [-1, 1] and class numbers."""
    images, labels = [], []
    for label, name in enumerate(classes):
        for path in sorted((folder / name).iterdir()):
            with Image.open(path) as picture:
                pixels = picture.convert("RGB").resize((size, size), Image.Resampling.BILINEAR)
            images.append(np.asarray(pixels, dtype="float32") / 127.5 - 1)
            labels.append(label)
    return np.stack(images), np.array(labels)


def main() -> None:
    """Train and print the accuracy on the test pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with train and test folders of class folders")
    parser.add_argument("--weights", type=Path, required=True, help="weights of the full keras.applications model")
    parser.add_argument("--size", type=int, default=160, help="height and width in pixels")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    keras.utils.set_random_seed(options.seed)
    began = time.monotonic()
    classes = sorted(path.name for path in (options.data / "train").iterdir() if path.is_dir())
    full = keras.applications.MobileNetV2(input_shape=(options.size, options.size, 3), weights=None)
    full.load_weights(options.weights)
    base = keras.Model(full.input, full.layers[-2].output)
    parts = {part: load(options.data / part, classes, options.size) for part in ("train", "test")}
    features = {part: base.predict(images, batch_size=32, verbose=0) for part, (images, _) in parts.items()}
    head = keras.Sequential([keras.layers.Dense(len(classes))])
    head.compile(
        "adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"], jit_compile=False
    )
    head.fit(features["train"], parts["train"][1], batch_size=16, epochs=options.epochs, verbose=0)
    _, accuracy = head.evaluate(features["test"], parts["test"][1], verbose=0)
    print(
        f"{keras.config.backend()}: accuracy {accuracy:.4f} on {len(parts['test'][1])} test pictures, "
        f"{options.size} px, {options.epochs} epochs, {time.monotonic() - began:.0f} s"
    )


if __name__ == "__main__":
    main()
