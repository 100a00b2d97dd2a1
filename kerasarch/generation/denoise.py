"""Drawing with a diffusion model: a plan is followed, one compiled step for all of them."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasarch import backends
from kerasarch.errors import ShapeError, UsageError
from kerasarch.generation.plan import Plan

# Columns of a step's numbers: those of the plan, then the clipping limit, the guidance and its rescaling, then the
# weights of outputs before
_LIMIT, _GUIDANCE, _RESCALE, _HISTORY = 9, 10, 11, 12


class DenoisingStep(keras.Model):
    """One step of a sampler around a network that predicts from noisy samples.

    With guidance the network is asked with and without the condition, in one batch, and
    ``out = without + guidance (with - without)``: Ho and Salimans, 2022, eq. 6 (https://arxiv.org/abs/2207.12598).
    Rescaling brings its deviation back to that of the conditional output: Lin et al., 2023, eq. 15 and 16
    (https://arxiv.org/abs/2305.08891).

    Args:
        network: ``network([x, times, *conditions])``; gives what the plan's reading expects, of the shape of x.
        guided: Whether batches hold unconditional conditions too.
        **kwargs: Passed to ``keras.Model``.
    """

    def __init__(self, network: keras.Model, *, guided: bool = False, **kwargs: Any):
        # The sample and the plan's numbers stay in full precision, whatever the network computes in.
        super().__init__(**{"dtype": "float32", **kwargs})
        self.network, self.guided = network, guided
        # It has no variables of its own. Unbuilt, Keras would first run it on JAX operation by operation, and compile
        # each.
        self.built = network.built
        self.ask = backends.predictor(self)

    def call(self, batch: dict[str, Any]) -> tuple[Any, ...]:
        """Return the next sample and x0, and the network's output where outputs before have a part in the step.

        Args:
            batch: ``x`` and ``old`` (the x0 of the step before) and ``noise``, ``(B, ...)``; ``time``, ``(B,)``;
                ``numbers``, ``(B, 12 + H)``; ``outputs``, a list of the H outputs before, the latest first;
                ``conditions``, a list; where guided ``unconditional``, a list like it.
        """
        x, numbers, outputs = batch["x"], batch["numbers"], list(batch.get("outputs", []))
        shape = (-1,) + (1,) * (len(x.shape) - 1)
        column = [ops.reshape(numbers[:, i], shape) for i in range(_HISTORY + len(outputs))]
        p, q, r, s, a, b, c, d, e = column[:9]
        out = self._predict(batch, column[_GUIDANCE], column[_RESCALE])
        limit = column[_LIMIT]
        clean = ops.maximum(ops.minimum(p * x + q * out, limit), -limit)
        x = a * x + b * clean + c * (r * x + s * out) + d * batch["old"] + e * batch["noise"]
        for weight, before in zip(column[_HISTORY:], outputs, strict=True):
            x = x + weight * before
        return (x, clean, out) if outputs else (x, clean)

    def _predict(self, batch: dict[str, Any], guidance: Any, rescale: Any) -> Any:
        x, time, conditions = batch["x"], batch["time"], list(batch.get("conditions", []))
        if not self.guided:
            return ops.cast(self.network([x, time, *conditions]), "float32")
        pairs = zip(conditions, batch["unconditional"], strict=True)
        both = [ops.concatenate(pair) for pair in ((x, x), (time, time), *pairs)]
        given, free = ops.split(ops.cast(self.network(both), "float32"), 2)
        out = free + guidance * (given - free)
        axes = tuple(range(1, len(x.shape)))
        spread = ops.std(given, axes, keepdims=True) / ops.maximum(ops.std(out, axes, keepdims=True), 1e-12)
        return out * (1 + rescale * (spread - 1))


def denoise(
    network: keras.Model,
    plan: Plan,
    shape: Sequence[int],
    *,
    seed: int = 0,
    first: int = 0,
    noise: Any = None,
    conditions: Sequence[Any] = (),
    unconditional: Sequence[Any] = (),
    guidance: float = 1.0,
    rescale: float = 0.0,
    known: Any = None,
    mask: Any = None,
    watch: Callable[[int, np.ndarray, np.ndarray], Any] | None = None,
) -> np.ndarray:
    """Draw samples.

    The noise of sample i is drawn from the seed and i by NumPy: the same on every backend and among however many.

    Args:
        network: As `DenoisingStep` takes it; or such a step, which is then not compiled anew for each call.
        plan: The sampler. With ``share`` below 1 it needs ``known``: image to image.
        shape: ``(B, ...)``.
        seed: Of all noise.
        first: Number of the first sample: those of several calls differ.
        noise: The first noise, ``(B, ...)``, in the place of what the seed gives.
        conditions: Arrays ``(B, ...)`` that the network gets after the times.
        unconditional: As many arrays that stand for no condition; needed where guidance is not 1.
        guidance: Weight of the condition; 1 is none.
        rescale: 0 to 1: how much of the growth in contrast by guidance is taken back.
        known: Clean samples ``(B, ...)`` to begin from, with the plan's first noise; with ``mask`` to fill in.
        mask: ``(B, ..., 1)`` or of the samples' shape: 1 where to draw, 0 where ``known`` stays.
        watch: Called after each step with its number, the samples and x0.

    Returns:
        Samples, ``(B, ...)`` float32.

    Raises:
        UsageError: Guidance without unconditional conditions, or a mask without known samples.
        ShapeError: ``known`` has another shape.
    """
    guided = guidance != 1.0
    if guided and (not conditions or len(unconditional) != len(conditions)):
        raise UsageError(
            f"guidance={guidance} needs conditions and as many unconditional ones. "
            f"Received {len(conditions)} and {len(unconditional)}."
        )
    if known is None and (mask is not None or plan.partial):
        raise UsageError("A mask, or a plan that begins in the middle, needs known samples.")
    for name, given in (("known", known), ("noise", noise)):
        if given is not None and np.shape(given) != tuple(shape):
            raise ShapeError(f"{name} has the shape {np.shape(given)}, expected that of the samples, {tuple(shape)}.")
    step = network if isinstance(network, DenoisingStep) else DenoisingStep(network, guided=guided)
    if step.guided != guided:
        raise UsageError(f"The step was made with guided={step.guided}. Received guidance={guidance}.")
    draws = [np.random.default_rng([seed, first + index]) for index in range(shape[0])]

    def draw() -> np.ndarray:
        return np.stack([rng.standard_normal(shape[1:], dtype="float32") for rng in draws])

    begin = draw() if noise is None else np.asarray(noise, "float32")
    # What is to be filled in has nothing to begin from, unless the first steps are left out.
    fresh = known is None or (mask is not None and not plan.partial)
    x = begin * np.float32(plan.start) if fresh else _noisy(known, begin, plan, 0)
    clean, still = np.zeros_like(x), np.zeros_like(x)
    outputs = [still] * (0 if plan.history is None else plan.history.shape[1])
    constant: dict[str, Any] = {"conditions": [np.asarray(part) for part in conditions]}
    if guided:
        constant["unconditional"] = [np.asarray(part) for part in unconditional]
    for index, time in enumerate(plan.times):
        batch = {
            "x": x,
            "old": clean,
            "noise": draw() if plan.update[index, 4] else still,
            "time": np.full(shape[0], time, "float32"),
            "numbers": np.tile(_numbers(plan, index, guidance, rescale), (shape[0], 1)),
            "outputs": outputs,
            **constant,
        }
        x, clean, *out = (np.asarray(part) for part in step.ask(batch))
        outputs = [*out, *outputs[:-1]]
        if mask is not None:
            last = index == len(plan) - 1
            kept = np.asarray(known, "float32") if last else _noisy(known, begin, plan, index + 1)
            x = np.where(np.asarray(mask) > 0, x, kept)
        if watch is not None:
            watch(index, x, clean)
    return x


def _numbers(plan: Plan, index: int, guidance: float, rescale: float) -> np.ndarray:
    limit = np.inf if plan.limit is None else plan.limit
    history = () if plan.history is None else plan.history[index]
    return np.array([*plan.reading[index], *plan.update[index], limit, guidance, rescale, *history], "float32")


def _noisy(known: Any, noise: np.ndarray, plan: Plan, index: int) -> np.ndarray:
    return (plan.alphas[index] * np.asarray(known) + plan.sigmas[index] * noise).astype("float32")
