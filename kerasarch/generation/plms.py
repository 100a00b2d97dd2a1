"""Pseudo linear multistep sampling: what Stable Diffusion 1's folders ask for, as ``PNDMScheduler``."""

import numpy as np

from kerasarch.errors import UsageError
from kerasarch.generation.noise_schedule import NoiseSchedule
from kerasarch.generation.plan import Plan, read
from kerasarch.generation.times import Spacing, remaining, spaced_times

# Weights of the outputs that a step mixes: of this one, and of the ones that were asked for before, the latest first.
# The second question only corrects the first step, and has no part in what follows.
_FIRST, _CORRECTED = (1.0,), (1 / 2, 1 / 2)
_GROWING = ((3 / 2, 0, -1 / 2), (23 / 12, -16 / 12, 0, 5 / 12), (55 / 24, -59 / 24, 37 / 24, 0, -9 / 24))
_FULL = (55 / 24, -59 / 24, 37 / 24, -9 / 24)
_LONGEST = 4  # outputs that are kept


def plms(
    schedule: NoiseSchedule,
    steps: int,
    *,
    prediction: str = "epsilon",
    spacing: Spacing = "leading",
    offset: int = 0,
    to_clean: bool = False,
    share: float = 1.0,
) -> Plan:
    """PLMS: Liu et al., 2022, eq. 9, 11 and 12 (https://arxiv.org/abs/2202.09778), without Runge-Kutta steps.

    The network is asked once more than there are steps: the first step is taken twice, the second time with the mean of
    the outputs at both its ends (section 3.3's pseudo improved Euler method). Orders two and three follow, then four.

    Each step is as long as the others, as in diffusers: choose leading times, which are that far apart.

    Where only a share of the steps is planned, the warm-up is at the first of them; diffusers' pipelines leave it out.

    Args:
        schedule: The process.
        steps: Steps, at most those of the process.
        prediction: ``"epsilon"`` or ``"v"``.
        spacing: Of the times.
        offset: Added to leading times.
        to_clean: Whether the last step leaves no noise, or that of the first training step.
        share: Which part of the steps, from the end.

    Raises:
        UsageError: The prediction is another.
    """
    if prediction not in ("epsilon", "v"):
        raise UsageError(f'plms needs a network that predicts "epsilon" or "v". Received {prediction!r}.')
    first, length = remaining(steps, share), schedule.steps // steps
    spaced = np.round(spaced_times(schedule.steps, steps, spacing, offset=offset)).astype(int)[first:]
    signal = schedule.signal
    end = 1.0 if to_clean else signal[0]
    # Each question: the time that the network is told, where its step begins, where it ends
    questions = [(time, time, time - length) for time in spaced]
    if len(spaced) > 1:
        again = spaced[1]
        questions.insert(1, (again, min(again + length, schedule.steps - 1), again))
    update, history = np.zeros((len(questions), 5)), np.zeros((len(questions), _LONGEST))
    levels = [signal[spaced[0]]]
    kept = mixed = 0.0
    for index, (time, start, stop) in enumerate(questions):
        now, after = signal[start], signal[stop] if stop >= 0 else end
        keep, mix = _coefficients(now, after, prediction)
        own, *others = _weights(index)
        if index == 1:
            # From where the first step began: that is its result less its output's part, over the sample's part.
            update[index, 0] = keep / kept
            others[0] = mix * others[0] - keep / kept * mixed
            history[index, 0] = others[0]
        else:
            update[index, 0] = keep
            history[index, : len(others)] = mix * np.array(others)
        _add_output(update[index], mix * own, signal[time], prediction)
        if index == 0:
            kept, mixed = keep, mix
        levels.append(after)
    told = np.array([time for time, _, _ in questions])
    alphas, sigmas = np.sqrt(levels), np.sqrt(1 - np.array(levels))
    reading = read(prediction, np.sqrt(signal[told]), np.sqrt(1 - signal[told]))
    return Plan(
        told.astype("float64"), reading, update, alphas, sigmas, partial=first > 0, history=history
    )  # fmt: skip


def _coefficients(now: float, after: float, prediction: str) -> tuple[float, float]:
    """Return what a step multiplies the sample and the output with: DDIM's, which eq. 11 is another form of."""
    keep = np.sqrt(after / now)
    mix = np.sqrt(1 - after) - keep * np.sqrt(1 - now)
    if prediction == "v":
        return keep + mix * np.sqrt(1 - now), mix * np.sqrt(now)
    return keep, mix


def _weights(index: int) -> tuple[float, ...]:
    if index < 2:
        return (_FIRST, _CORRECTED)[index]
    return _GROWING[index - 2] if index - 2 < len(_GROWING) else _FULL


def _add_output(row: np.ndarray, weight: float, signal: float, prediction: str) -> None:
    """Express this question's output by epsilon, which is read from it and, for v, from the sample."""
    if prediction == "v":
        weight /= np.sqrt(signal)
        row[0] -= weight * np.sqrt(1 - signal)
    row[2] = weight
