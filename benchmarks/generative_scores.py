"""What generative scores say of pictures of known quality: python benchmarks/generative_scores.py --backend jax.

Trains the feature classifier on the bundled digits (16 by 16 pixels) and scores, against 1,079 training pictures: real
ones that were held out, blurred ones, those of half the classes, copies of ten pictures, and noise.
"""

import argparse
import os
import time

import numpy as np
from PIL import Image, ImageFilter

from kerasarch.runs.environment import set_backend

SHAPE = (16, 16, 1)


def blurred(images: np.ndarray, radius: float) -> np.ndarray:
    """Blur pictures."""
    filtered = [np.asarray(Image.fromarray(i[..., 0]).filter(ImageFilter.GaussianBlur(radius))) for i in images]
    return np.stack(filtered)[..., np.newaxis]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backend", default="jax", choices=("jax", "tensorflow", "torch"))
    set_backend(parser.parse_args().backend)

    from kerasarch import metrics
    from kerasarch.data import load_images
    from kerasarch.runs.generative import pictures_of, score
    from kerasarch.training import train_feature_classifier

    data = load_images("digits", test=0.2, validation=0.2)
    everything = pictures_of([data.train, data.validation, data.test], SHAPE)
    real, others = pictures_of([data.train], SHAPE), pictures_of([data.validation, data.test], SHAPE)
    began = time.perf_counter()
    classifier = train_feature_classifier(everything.images, everything.labels, everything.classes, cache=False)
    print(
        f"classifier: accuracy {classifier.accuracy:.2%}, {time.perf_counter() - began:.1f} s, {os.cpu_count()} cores"
    )
    reference, random = classifier(real.images)[0], np.random.default_rng(0)
    few = others.images[random.integers(len(others), size=10)]
    rows = {
        "held-out real pictures": others.images,
        "100 of them": others.images[random.choice(len(others), 100, replace=False)],
        "blurred by 1 pixel": blurred(others.images, 1),
        "blurred by 2 pixels": blurred(others.images, 2),
        "classes 0 to 4 alone": others.images[others.labels < 5],
        "copies of ten pictures": few[random.integers(10, size=len(others))],
        "noise": random.integers(0, 256, others.images.shape, dtype=np.uint8),
    }
    print("| pictures | count | Frechet | kernel | precision | recall | density | coverage | classes |")
    for name, images in rows.items():
        features, chances = classifier(images)
        found = score(reference, features)
        modes = metrics.mode_coverage(chances.argmax(axis=1), real.labels, real.classes)
        print(
            f"| {name} | {found.pictures} | {found.frechet_distance:.2f} | {found.kernel_distance:.3f} "
            f"| {found.precision:.2f} | {found.recall:.2f} | {found.density:.2f} | {found.coverage:.2f} "
            f"| {modes.covered} |"
        )


if __name__ == "__main__":
    main()
