"""A small classifier trained on a data set, whose features generated pictures are judged by.

Pictures of handwriting or clothing are not what ImageNet's networks look at; a network that has learned these very
classes tells them apart better, and counts them. It depends on the labelled pictures alone, not on their order, on how
a run splits them, or on the run's seed: every run on the same data is judged by the same network.
"""

import dataclasses
import hashlib
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerasarch import backends
from kerasarch.errors import DataError, ShapeError
from kerasarch.training.schedules import WarmupCosine
from kerasarch.training.user_cache import cached_file, keep

FEATURES = 64
"""Numbers that describe a picture."""
BATCH, LEAST_STEPS, MOST_STEPS, PASSES = 64, 250, 2000, 12
HELD_OUT = 0.2  # part of each class that the accuracy is measured on
VERSION = 1  # of this file: raise it when what is trained changes
_SEED = 0x0FEA


@dataclasses.dataclass(frozen=True)
class FeatureClassifier:
    """A trained classifier of pictures of one size.

    Attributes:
        model: uint8 or float pictures ``(N, H, W, C)`` from 0 to 255 to ``{"features": (N, 64), "logits": ...}``.
        classes: Names of the classes.
        accuracy: On the part of the pictures that it was not trained on.
        cached: Whether it was found in the cache.
    """

    model: Any
    classes: tuple[str, ...]
    accuracy: float
    cached: bool

    def __call__(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Describe pictures.

        The features are scaled so that over the training pictures their mean variance is 1: a Frechet distance of 64
        says that the means are a standard deviation apart in every one of the 64.

        Args:
            images: uint8, ``(N, H, W, C)``, of the size it was trained for.

        Returns:
            Features ``(N, 64)`` and class probabilities ``(N, classes)``.

        Raises:
            ShapeError: The pictures have another size.
        """
        images = np.asarray(images)
        wanted = tuple(self.model.inputs[0].shape[1:])
        if images.shape[1:] != wanted or not len(images):
            raise ShapeError(f"Pictures must be (N, {', '.join(map(str, wanted))}). Received {images.shape}.")
        return _describe(self.model, images)


def train_feature_classifier(
    images: np.ndarray,
    labels: np.ndarray,
    classes: Sequence[str],
    *,
    steps: int | None = None,
    cache: bool = True,
    say: Callable[[str], Any] | None = None,
) -> FeatureClassifier:
    """Train a classifier, or take it from the user's cache.

    Convolutions with batch normalisation, halving the picture down to 4 pixels, then 64 features; AdamW, batches of 64.

    Args:
        images: uint8, ``(N, H, W, C)``; all that are labelled, whatever they are used for otherwise.
        labels: Class index of each, ``(N,)``.
        classes: Names of the classes.
        steps: Batches to learn from; None for twelve passes over the pictures, but 250 to 2,000.
        cache: Look in the cache, and keep it there. It is found by the pictures, the steps, the backend and the version
            of Keras.
        say: Told where it comes from, and how good it is.

    Returns:
        The classifier.

    Raises:
        ShapeError: The arrays do not fit each other.
        DataError: There are fewer than two classes, or a class has fewer than two pictures.
    """
    images, labels, digest = _in_order(images, labels, len(classes))
    trained, tested = _split(labels, len(classes))
    steps = steps or min(max(PASSES * len(trained) // BATCH, LEAST_STEPS), MOST_STEPS)
    made_by = (VERSION, digest, images.shape, tuple(classes), steps, backends.name(), keras.__version__)
    path = cached_file("feature-classifiers", f"{len(classes)}-classes", made_by, ".keras")
    found = cache and path.is_file()
    if found:
        model = keras.saving.load_model(path, compile=False)
    else:
        model = _trained(images[trained], labels[trained], len(classes), steps)
        if cache:
            _keep(model, path, say)
    accuracy = float((_describe(model, images[tested])[1].argmax(axis=1) == labels[tested]).mean())
    if say is not None:
        origin = f"from the cache, {path}" if found else f"trained on {len(trained)} pictures"
        say(f"feature classifier: {origin}; accuracy {accuracy:.1%} on {len(tested)} others")
    return FeatureClassifier(model, tuple(classes), accuracy, found)


def _in_order(images: np.ndarray, labels: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray, str]:
    """Bring the pictures into an order of their own, that of their hashes, and hash the whole."""
    images, labels = np.asarray(images), np.asarray(labels)
    if images.ndim != 4 or images.dtype != np.uint8 or labels.shape != (len(images),):
        raise ShapeError(
            "A feature classifier learns from uint8 pictures (N, H, W, C) and labels (N,). "
            f"Received {images.dtype} of shape {images.shape} and labels of shape {labels.shape}."
        )
    counts = np.bincount(labels, minlength=classes)
    if classes < 2 or len(counts) != classes or counts.min() < 2:
        raise DataError(
            "A feature classifier needs two classes or more with two pictures or more each. "
            f"Received {classes} classes, the smallest with {counts.min()} pictures."
        )
    digests = [
        hashlib.blake2b(image.tobytes() + int(label).to_bytes(4, "little"), digest_size=16).digest()
        for image, label in zip(images, labels, strict=True)
    ]
    order = sorted(range(len(digests)), key=digests.__getitem__)
    return images[order], labels[order], hashlib.blake2b(b"".join(sorted(digests))).hexdigest()


def _split(labels: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions to train on and to test on: of each class the first fifth, in the order of the hashes, is held out."""
    trained, tested = [], []
    for label in range(classes):
        positions = np.flatnonzero(labels == label)
        held = max(int(len(positions) * HELD_OUT), 1)
        tested.append(positions[:held])
        trained.append(positions[held:])
    return np.sort(np.concatenate(trained)), np.sort(np.concatenate(tested))


def _trained(images: np.ndarray, labels: np.ndarray, classes: int, steps: int) -> Any:
    inputs, features, logits = _graph(images.shape[1:], classes)
    learner = keras.Model(inputs, logits)
    learner.compile(
        keras.optimizers.AdamW(WarmupCosine(3e-3, warmup=steps // 10, total=steps), weight_decay=1e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    learner.fit(_Draws(images, labels, steps), epochs=1, shuffle=False, verbose=0)
    spread = _describe(keras.Model(inputs, {"features": features, "logits": logits}), images)[0].var(axis=0).mean()
    scaled = keras.layers.Rescaling(float(1 / np.sqrt(max(spread, 1e-12))), name="features_scale")(features)
    return keras.Model(inputs, {"features": scaled, "logits": logits}, name="feature_classifier")


class _Draws(keras.utils.PyDataset):
    """Batches drawn at random, all of one size: JAX compiles once."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, steps: int):
        super().__init__()
        self.images, self.labels, self.steps = images, labels, steps

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rows = np.random.default_rng([_SEED, index]).integers(len(self.labels), size=BATCH)
        return self.images[rows].astype(np.float32), self.labels[rows].astype(np.int32)


def _graph(shape: tuple[int, ...], classes: int) -> tuple[Any, Any, Any]:
    """Pictures, features and logits; laid out channels last whatever Keras is set to, as the pictures are."""
    layers, side = keras.layers, min(shape[:2])
    seeds = iter(range(_SEED, _SEED + 99))
    inputs = keras.Input(shape, name="pixels")
    x = layers.Rescaling(1 / 127.5, -1.0)(inputs)
    if side >= 64:
        x = layers.AveragePooling2D(side // 32, data_format="channels_last")(x)
        side //= side // 32
    x = layers.GaussianNoise(0.1, seed=next(seeds))(x)
    width, stride = 16, 2 if side > 16 else 1
    while True:
        x = layers.Conv2D(
            width, 3, strides=stride, padding="same", use_bias=False, data_format="channels_last",
            kernel_initializer=keras.initializers.HeNormal(seed=next(seeds)),
        )(x)  # fmt: skip
        x = layers.ReLU()(layers.BatchNormalization(axis=-1, momentum=0.9)(x))
        side = -(-side // stride)
        if side <= 4:
            break
        width, stride = min(2 * width, 128), 2
    x = layers.Flatten(data_format="channels_last")(x)
    kernel = keras.initializers.HeNormal(seed=next(seeds))
    x = layers.Dense(FEATURES, use_bias=False, kernel_initializer=kernel)(x)
    features = layers.ReLU(name="features")(layers.BatchNormalization(axis=-1, momentum=0.9)(x))
    x = layers.Dropout(0.3, seed=next(seeds))(features)
    kernel = keras.initializers.GlorotUniform(seed=next(seeds))
    return inputs, features, layers.Dense(classes, kernel_initializer=kernel, name="logits")(x)


def _describe(model: Any, images: np.ndarray, batch: int = 256) -> tuple[np.ndarray, np.ndarray]:
    """Features and probabilities, in batches of one size."""
    features, logits = [], []
    for start in range(0, len(images), batch):
        take = np.arange(start, start + batch) % len(images)  # a last batch is filled up
        given = model.predict_on_batch(images[take].astype(np.float32))
        features.append(np.asarray(given["features"], np.float64)[: len(images) - start])
        logits.append(np.asarray(given["logits"], np.float64)[: len(images) - start])
    scores = np.exp(np.concatenate(logits) - np.concatenate(logits).max(axis=1, keepdims=True))
    return np.concatenate(features), scores / scores.sum(axis=1, keepdims=True)


def _keep(model: Any, path: Path, say: Callable[[str], Any] | None) -> None:
    """Put a model into the cache; a cache that cannot be written costs the next run some seconds, no more."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / "model.keras"
            model.save(made)
            keep(made, path)
    except OSError as error:
        if say is not None:
            say(f"feature classifier: not kept in the cache ({error})")
