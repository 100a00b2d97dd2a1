"""Models that draw pictures: a generator or decoder together with where its latent vectors come from.

A run of a generative recipe saves one as ``model.keras``; ``kerasarch sample`` opens it on any backend.

Every random number is drawn by NumPy from the seed and the picture's own number, so that picture 5 of seed 1 begins
with the same latent vector wherever and among however many it is drawn; seed generators inside the network are set from
the seed for each chunk. The network sees full chunks of one size only: the pixels do not depend on how many pictures
were asked for, and JAX compiles once.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from kerasarch.errors import ShapeError, UsageError

CHUNK = 32
"""Pictures that the network makes at a time."""
SEED_STATE = "seed_generator_state"  # what Keras calls the variable of a SeedGenerator


class Sampler(keras.Model):
    """What every model that draws pictures can do. Subclasses write `sample`; `generate` runs the network in chunks.

    Args:
        network: Makes pictures; it is built.
        pixels: What the network gives for black and for white.
        activation: ``"sigmoid"`` where the network gives logits; None where it gives pixels.
        classes: Names of the classes that can be asked for, or their number; None where the network takes no labels.
        data_format: Of the network's pictures; None for ``keras.config.image_data_format()``.
        **kwargs: Passed to ``keras.Model``.

    Raises:
        UsageError: The range of pixels is empty, an argument is unknown, or the network has no variables yet.
    """

    def __init__(
        self,
        network: keras.Model,
        *,
        pixels: tuple[float, float] = (-1.0, 1.0),
        activation: Literal["sigmoid"] | None = None,
        classes: Sequence[str] | int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        low, high = (float(value) for value in pixels)
        if not low < high or activation not in (None, "sigmoid"):
            raise UsageError(
                'A sampler needs pixels (black, white) with black < white and activation None or "sigmoid". '
                f"Received pixels={tuple(pixels)}, activation={activation!r}."
            )
        if not network.built:
            raise UsageError(
                f"{network.name} has no variables yet. Call it on a batch before it is given to a sampler."
            )
        names = range(classes) if isinstance(classes, int) else classes
        self.network = network
        self.pixels, self.activation = (low, high), activation
        self.class_names = None if names is None else tuple(str(name) for name in names)
        self.data_format = data_format or keras.config.image_data_format()
        self.built = True

    def sample(
        self, count: int, seed: int, labels: Sequence[int] | np.ndarray | None = None, truncation: float = 1.0
    ) -> np.ndarray:
        """Draw pictures.

        Args:
            count: How many.
            seed: Same seed, same pictures; a longer draw begins with the pictures of a shorter one.
            labels: Classes to draw, repeated in turn; None for each class in turn. Only where the network takes labels.
            truncation: Above 0, at most 1: below 1, pictures are more typical and less varied.

        Returns:
            uint8, ``(count, height, width, channels)``.

        Raises:
            UsageError: An argument is out of range.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how it samples")

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Give pictures from 0 to 1 as the network lays them out; ``inputs`` are the network's."""
        return self.to_unit(self.network(inputs, training=training))

    def to_unit(self, pictures: Any) -> Any:
        """Bring what the network gives to float32 from 0 (black) to 1 (white)."""
        pictures = ops.cast(pictures, "float32")
        if self.activation == "sigmoid":
            return ops.sigmoid(pictures)
        low, high = self.pixels
        return (pictures - low) / (high - low)

    def run_chunks(self, inputs: Any, seed: int = 0) -> np.ndarray:
        """Run the network over any number of pictures.

        Args:
            inputs: Arrays of one length, nested as the network takes them.
            seed: What the seed generators inside the network descend from.

        Returns:
            uint8, ``(N, height, width, channels)``.
        """
        count = len(keras.tree.flatten(inputs)[0])
        states = [variable for variable in self.variables if variable.path.endswith(SEED_STATE)]
        # Training may share the network: its random numbers must not depend on whether somebody looked.
        kept = [np.array(ops.convert_to_numpy(state.value)) for state in states]
        found = []
        try:
            for start in range(0, count, CHUNK):
                for number, state in enumerate(states):
                    words = np.random.SeedSequence([seed, start, number]).generate_state(int(np.prod(state.shape)))
                    state.assign(words.astype(np.uint32).reshape(state.shape))
                take = np.arange(start, start + CHUNK) % count  # a last chunk is filled up
                chunk = keras.tree.map_structure(lambda array, take=take: np.asarray(array)[take], inputs)
                pictures = np.asarray(self.predict_on_batch(chunk), np.float32)[: count - start]
                found.append(np.clip(np.rint(pictures * 255), 0, 255).astype(np.uint8))
        finally:
            for state, value in zip(states, kept, strict=True):
                state.assign(value)
        images = np.concatenate(found)
        return np.moveaxis(images, 1, -1) if self.data_format == "channels_first" else images

    def labels_for(self, count: int, labels: Sequence[int] | np.ndarray | None) -> np.ndarray | None:
        """Return the class of each picture, or None where the network takes none.

        Raises:
            UsageError: A label is unknown, or the network takes none.
        """
        if self.class_names is None:
            if labels is not None:
                raise UsageError("labels: this model was trained without labels and cannot be asked for a class.")
            return None
        known = len(self.class_names)
        wanted = np.arange(known) if labels is None else np.asarray(labels)
        if (
            wanted.ndim != 1
            or not len(wanted)
            or wanted.dtype.kind not in "iu"
            or wanted.min() < 0
            or wanted.max() >= known
        ):
            raise UsageError(
                f"labels must be class numbers from 0 to {known - 1}. Received {np.asarray(labels).tolist()}."
            )
        return np.resize(wanted, count).astype(np.int32)

    def get_config(self) -> dict[str, Any]:
        """Return the network and the attributes as plain values."""
        return {
            "name": self.name,
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
            "network": keras.saving.serialize_keras_object(self.network),
            "pixels": list(self.pixels),
            "activation": self.activation,
            "classes": None if self.class_names is None else list(self.class_names),
            "data_format": self.data_format,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Any = None) -> "Sampler":
        """Build the network and the sampler around it."""
        network = keras.saving.deserialize_keras_object(config["network"], custom_objects=custom_objects)
        return cls(**{**config, "network": network})


@keras.saving.register_keras_serializable(package="kerasarch")
class LatentSampler(Sampler):
    """A generator or decoder with a standard normal prior: ``picture = network(z), z ~ N(0, I)``.

    Truncation below 1 draws ``z = truncation * t`` with ``t`` from a normal distribution whose components beyond 2 are
    drawn again: Brock et al., 2018, section 3.1 (https://arxiv.org/abs/1809.11096), in the parametrisation of the
    authors' published generators. Where the network truncates itself (StyleGAN: Karras et al., 2018, appendix B,
    https://arxiv.org/abs/1812.04948), it is called with ``truncation`` of shape ``(B, 1)`` instead.

    Args:
        network: Takes latent arrays ``(B, *latent)``, with classes the list ``[latents, labels (B,)]``.
        latent: Length of a latent vector, or the shape of a latent array.
        truncates: ``"latent"``: components are drawn again; ``"network"``: the network is told.
        **kwargs: As for `Sampler`.

    Raises:
        UsageError: An argument is not usable.
    """

    def __init__(
        self,
        network: keras.Model,
        latent: int | Sequence[int],
        *,
        truncates: Literal["latent", "network"] = "latent",
        **kwargs: Any,
    ):
        super().__init__(network, **kwargs)
        self.latent = (int(latent),) if isinstance(latent, int) else tuple(int(size) for size in latent)
        if truncates not in ("latent", "network") or not self.latent or min(self.latent) < 1:
            raise UsageError(
                'A LatentSampler needs a latent shape of positive sizes and truncates "latent" or "network". Received '
                f"latent={latent}, truncates={truncates!r}."
            )
        self.truncates = truncates

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Give pictures from 0 to 1 for ``{"latents": (B, *latent)}`` with ``labels`` and ``truncation`` where used."""
        given = inputs["latents"] if "labels" not in inputs else [inputs["latents"], inputs["labels"]]
        more = {"truncation": inputs["truncation"]} if "truncation" in inputs else {}
        return self.to_unit(self.network(given, training=training, **more))

    def sample(
        self, count: int, seed: int, labels: Sequence[int] | np.ndarray | None = None, truncation: float = 1.0
    ) -> np.ndarray:
        """Draw pictures; see `Sampler.sample`."""
        check_draw(count, seed, truncation)
        inner = 1.0 if self.truncates == "network" else truncation
        return self.generate(self.draw(count, seed, inner), labels, seed=seed, truncation=truncation)

    def draw(self, count: int, seed: int, truncation: float = 1.0) -> np.ndarray:
        """Draw latent arrays: float32, ``(count, *latent)``."""
        latents = np.empty((count, *self.latent), np.float32)
        for number in range(count):
            random = np.random.default_rng([seed, number])
            values = random.standard_normal(self.latent)
            while truncation < 1 and (far := np.abs(values) > 2).any():
                values[far] = random.standard_normal(int(far.sum()))
            latents[number] = values * truncation
        return latents

    def generate(
        self,
        latents: np.ndarray,
        labels: Sequence[int] | np.ndarray | None = None,
        *,
        seed: int = 0,
        truncation: float = 1.0,
    ) -> np.ndarray:
        """Make the pictures of given latent arrays.

        Args:
            latents: ``(N, *latent)``.
            labels: As for `sample`.
            seed: What noise inside the network descends from.
            truncation: What a network that truncates itself is told.

        Returns:
            uint8, ``(N, height, width, channels)``.

        Raises:
            ShapeError: The arrays are not of the latent shape.
            UsageError: A label is unknown.
        """
        latents = np.asarray(latents, np.float32)
        if latents.shape[1:] != self.latent or not len(latents):
            raise ShapeError(
                f"Latent arrays must be (N, {', '.join(map(str, self.latent))}). Received {latents.shape}."
            )
        inputs = {"latents": latents}
        given = self.labels_for(len(latents), labels)
        if given is not None:
            inputs["labels"] = given
        if self.truncates == "network":
            inputs["truncation"] = np.full((len(latents), 1), truncation, np.float32)
        return self.run_chunks(inputs, seed)

    def interpolate(
        self, rows: int, steps: int, seed: int, labels: Sequence[int] | np.ndarray | None = None
    ) -> np.ndarray:
        """Walk from one picture to another along great circles, which keep the length that the prior expects.

        White, 2016 (https://arxiv.org/abs/1609.04468), section 2.1.

        Args:
            rows: Walks; each has one class throughout.
            steps: Pictures of a walk, both ends included, 2 at least.
            seed: Same seed, same walks.
            labels: Class of each walk, as for `sample`.

        Returns:
            uint8, ``(rows, steps, height, width, channels)``.
        """
        check_draw(rows, seed, 1.0)
        if steps < 2:
            raise UsageError(f"An interpolation has 2 pictures or more. Received steps={steps}.")
        ends = self.draw(2 * rows, seed).reshape(2, rows, -1)
        walks = spherical(ends[0], ends[1], steps).reshape(rows * steps, *self.latent)
        given = self.labels_for(rows, labels)
        images = self.generate(walks, None if given is None else np.repeat(given, steps), seed=seed)
        return images.reshape(rows, steps, *images.shape[1:])

    def get_config(self) -> dict[str, Any]:
        """Return the network and the attributes as plain values."""
        return {**super().get_config(), "latent": list(self.latent), "truncates": self.truncates}


def spherical(start: np.ndarray, end: np.ndarray, steps: int) -> np.ndarray:
    """Interpolate between the rows of two matrices ``(N, D)`` along great circles: ``(N, steps, D)``."""
    lengths = np.linalg.norm(start, axis=1) * np.linalg.norm(end, axis=1)
    cosine = np.sum(start * end, axis=1) / np.maximum(lengths, 1e-12)
    angle = np.arccos(np.clip(cosine, -1, 1))[:, np.newaxis, np.newaxis]  # (N, 1, 1)
    t = np.linspace(0, 1, steps)[np.newaxis, :, np.newaxis]
    sine = np.sin(angle)
    straight = sine < 1e-6  # (nearly) parallel: the circle is a line
    safe = np.where(straight, 1, sine)
    before = np.where(straight, 1 - t, np.sin((1 - t) * angle) / safe)
    after = np.where(straight, t, np.sin(t * angle) / safe)
    return before * start[:, np.newaxis] + after * end[:, np.newaxis]


def check_draw(count: int, seed: int, truncation: float) -> None:
    """Refuse counts, seeds and truncations that mean nothing.

    Raises:
        UsageError: One of them is out of range.
    """
    if count < 1:
        raise UsageError(f"The count of pictures must be 1 or more. Received {count}.")
    if seed < 0:
        raise UsageError(f"The seed must be a whole number from 0 on. Received {seed}.")
    if not (0 < truncation <= 1 and math.isfinite(truncation)):
        raise UsageError(f"truncation must be above 0 and at most 1. Received {truncation}.")
