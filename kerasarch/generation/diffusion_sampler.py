"""Pictures drawn with a diffusion model: what a run of a diffusion recipe saves."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np

from kerasarch.errors import UsageError
from kerasarch.generation.denoise import DenoisingStep, denoise
from kerasarch.generation.flow import Flow
from kerasarch.generation.methods import make_plan
from kerasarch.generation.noise_schedule import NoiseSchedule
from kerasarch.generation.plan import Plan
from kerasarch.models.sampler import Sampler, check_draw

CHUNK = 32
"""Pictures that are drawn at a time."""


@keras.saving.register_keras_serializable(package="kerasarch")
class DiffusionSampler(Sampler):
    """Draws pictures by taking noise away, step after step.

    Args:
        network: Called as ``network([x, times])`` or ``network([x, times, labels])``.
        shape: Of what the network denoises, without the batch.
        process: A `NoiseSchedule` or `Flow`.
        prediction: What the network predicts.
        method: A name in ``kerasarch.generation.METHODS``.
        steps: Questions to the network.
        guidance: Weight of the class; 1 is none.
        null: Class number that stands for none; needed for guidance. None where the network never learned it.
        limit: x0 is clipped to plus and minus this where the method allows; None for never.
        decoder: From what the network denoises to pictures; None where these are the pictures.
        **kwargs: As for ``kerasarch.models.Sampler``.

    Raises:
        UsageError: The method is unknown or does not fit the process, or guidance has nothing that stands for no class.
    """

    def __init__(
        self,
        network: keras.Model,
        shape: Sequence[int],
        process: NoiseSchedule | Flow,
        *,
        prediction: str,
        method: str = "dpm_solver",
        steps: int = 25,
        guidance: float = 1.0,
        null: int | None = None,
        limit: float | None = 1.0,
        decoder: keras.Model | None = None,
        **kwargs: Any,
    ):
        super().__init__(network, **kwargs)
        self.shape, self.process = tuple(int(size) for size in shape), process
        self.prediction, self.method, self.steps, self.limit = prediction, method, int(steps), limit
        self.guidance, self.null, self.decoder = float(guidance), null, decoder
        self._check_guidance(self.guidance)
        self.plan()
        self._steppers = SimpleNamespace(made={})  # Keras would take models in a plain dictionary for parts of this one

    def plan(self, method: str | None = None, steps: int | None = None) -> Plan:
        """Return the sampler's table.

        Args:
            method: Another method than the sampler's own.
            steps: Another number of steps.
        """
        return make_plan(
            method or self.method, self.process, steps or self.steps, prediction=self.prediction, limit=self.limit
        )

    def sample(
        self, count: int, seed: int, labels: Sequence[int] | np.ndarray | None = None, truncation: float = 1.0
    ) -> np.ndarray:
        """Draw pictures; see ``Sampler.sample``. There is no truncation: guidance is what makes pictures typical."""
        check_draw(count, seed, truncation)
        if truncation != 1:
            raise UsageError(
                f"truncation={truncation}: a diffusion model draws without. Give it guidance when it is trained."
            )
        return self.draw(count, seed, labels)

    def draw(self, count: int, seed: int, labels: Sequence[int] | np.ndarray | None = None, **how: Any) -> np.ndarray:
        """Draw pictures in another way than the sampler's own.

        Args:
            count: How many.
            seed: Same seed, same pictures; a longer draw begins with those of a shorter one.
            labels: As for `sample`.
            **how: ``plan``, ``guidance`` and ``watch``, as for `draw_under`.

        Returns:
            uint8, ``(count, height, width, channels)``.
        """
        return self.draw_under(count, seed, self.labels_for(count, labels), **how)

    def draw_under(
        self,
        count: int,
        seed: int,
        given: np.ndarray | None,
        *,
        plan: Plan | None = None,
        guidance: float | None = None,
        watch: Callable[[int, np.ndarray, np.ndarray], Any] | None = None,
    ) -> np.ndarray:
        """Draw pictures under conditions.

        Args:
            count: How many.
            seed: Same seed, same pictures.
            given: What the network gets besides samples and times, ``(count, ...)``, or None.
            plan: From `plan`, or made by a function of ``kerasarch.generation``; None for the sampler's own.
            guidance: Weight of the conditions; None for the sampler's own.
            watch: Called after each step with its number, the samples and x0, of each 32 pictures in turn.

        Returns:
            uint8, ``(count, height, width, channels)``.

        Raises:
            UsageError: Guidance has nothing that stands for no condition.
        """
        plan, guidance = plan or self.plan(), self.guidance if guidance is None else guidance
        self._check_guidance(guidance)
        stepper = self.stepper(guidance != 1)
        found = []
        for start in range(0, count, CHUNK):
            conditions: dict[str, Any] = {}
            if given is not None:
                chosen = given[np.arange(start, start + CHUNK) % count]  # a last chunk is filled up
                conditions["conditions"] = [chosen]
                if guidance != 1:
                    none = np.broadcast_to(np.asarray(self.null, chosen.dtype), chosen.shape)
                    conditions |= {"unconditional": [none], "guidance": guidance}
            samples = denoise(stepper, plan, (CHUNK, *self.shape), seed=seed, first=start, watch=watch, **conditions)
            found.append(self.pictures(samples)[: count - start])
        return np.concatenate(found)

    def _check_guidance(self, guidance: float) -> None:
        if guidance != 1 and (self.null is None or self.class_names is None):
            raise UsageError(
                f"guidance={guidance} needs a network with classes, and the number that stands for none. Received "
                f"classes={self.class_names}, null={self.null}. Train with classes of which a share is hidden."
            )

    def stepper(self, guided: bool) -> DenoisingStep:
        """Return the compiled step around the network."""
        made = self._steppers.made
        if guided not in made:
            made[guided] = DenoisingStep(self.network, guided=guided)
        return made[guided]

    def pictures(self, samples: np.ndarray) -> np.ndarray:
        """Decode what the network denoises, ``(N, ...)``, into uint8 pictures ``(N, height, width, channels)``."""
        if self.decoder is not None:
            samples = np.asarray(self.decoder.predict_on_batch(samples), np.float32)
        low, high = self.pixels
        unit = (np.asarray(samples, np.float32) - low) / (high - low)
        images = np.clip(np.rint(unit * 255), 0, 255).astype(np.uint8)
        return np.moveaxis(images, 1, -1) if self.data_format == "channels_first" else images

    def get_config(self) -> dict[str, Any]:
        """Return the networks and the attributes as plain values."""
        return {
            **super().get_config(),
            "shape": list(self.shape),
            "process": keras.saving.serialize_keras_object(self.process),
            "prediction": self.prediction,
            "method": self.method,
            "steps": self.steps,
            "guidance": self.guidance,
            "null": self.null,
            "limit": self.limit,
            "decoder": None if self.decoder is None else keras.saving.serialize_keras_object(self.decoder),
        }

    @classmethod
    def from_config(cls, config: Any, custom_objects: Any = None) -> "DiffusionSampler":
        """Build the networks and the sampler around them."""
        parts = {
            name: keras.saving.deserialize_keras_object(config[name], custom_objects=custom_objects)
            for name in ("network", "process", "decoder")
            if config[name] is not None
        }
        return cls(**{**config, **parts})
