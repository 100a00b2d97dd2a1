"""Samplers of diffusion models as plans: DDPM, DDIM, Euler, Heun, DPM-Solver++, flow matching.

All take the number of steps, what the network predicts, and ``share``: only the last share of the steps is planned, for
a sample that is a picture with noise added to it.
"""

import itertools
from typing import Any, Literal

import numpy as np

from kerasarch.errors import UsageError
from kerasarch.generation.noise_schedule import NoiseSchedule
from kerasarch.generation.plan import Plan, read
from kerasarch.generation.times import Spacing, karras_levels, noise_levels, remaining, spaced_times, times_of


def ddpm(
    schedule: NoiseSchedule,
    steps: int,
    *,
    prediction: str = "epsilon",
    variance: Literal["small", "large"] = "small",
    limit: float | None = 1.0,
    spacing: Spacing = "leading",
    offset: int = 0,
    share: float = 1.0,
) -> Plan:
    """Ancestral sampling: Ho et al., 2020, algorithm 2 and eq. 7 (https://arxiv.org/abs/2006.11239).

    Args:
        schedule: The process.
        steps: Steps, at most those of the process.
        prediction: ``"epsilon"``, ``"v"`` or ``"x0"``.
        variance: Of the added noise: ``"small"`` is that of the posterior, ``"large"`` is beta (section 3.2).
        limit: x0 is clipped to plus and minus this; None for never.
        spacing: Of the times.
        offset: Added to leading times.
        share: Which part of the steps, from the end.

    Raises:
        UsageError: The variance is unknown.
    """
    if variance not in ("small", "large"):
        raise UsageError(f'ddpm has variance "small" or "large". Received {variance!r}.')
    first = remaining(steps, share)
    times = np.round(spaced_times(schedule.steps, steps, spacing, offset=offset))[first:]
    signal = schedule.signal[times.astype(int)]
    after = np.append(signal[1:], 1.0)
    kept = signal / after  # alpha of a step that may be longer than one of training
    rows = np.zeros((len(times), 5))
    rows[:, 0] = np.sqrt(kept) * (1 - after) / (1 - signal)
    rows[:, 1] = np.sqrt(after) * (1 - kept) / (1 - signal)
    variances = (1 - kept) * ((1 - after) / (1 - signal) if variance == "small" else 1.0)
    rows[:, 4] = np.sqrt(np.maximum(variances, 1e-20)) * (times > 0)
    return _plan(times, np.sqrt(signal), np.sqrt(1 - signal), rows, prediction, first, after[-1], limit=limit)


def ddim(
    schedule: NoiseSchedule,
    steps: int,
    *,
    prediction: str = "epsilon",
    eta: float = 0.0,
    limit: float | None = 1.0,
    spacing: Spacing = "leading",
    offset: int = 0,
    to_clean: bool = True,
    by_stride: bool = False,
    share: float = 1.0,
) -> Plan:
    """DDIM: Song et al., 2020, eq. 12 and 16 (https://arxiv.org/abs/2010.02502).

    Args:
        schedule: The process.
        steps: Steps, at most those of the process.
        prediction: ``"epsilon"``, ``"v"`` or ``"x0"``.
        eta: Noise that is added: 0 none, 1 as much as DDPM.
        limit: x0 is clipped to plus and minus this; None for never. epsilon is not changed by it.
        spacing: Of the times.
        offset: Added to leading times.
        to_clean: Whether the last step leaves no noise, or that of the first training step.
        by_stride: Step down from each time by the same whole number, as diffusers does. Unless the times are that far
            apart, as leading ones are, the network is then told of another amount of noise than there is.
        share: Which part of the steps, from the end.
    """
    first = remaining(steps, share)
    times = np.round(spaced_times(schedule.steps, steps, spacing, offset=offset))[first:]
    signal, end = schedule.signal[times.astype(int)], 1.0 if to_clean else schedule.signal[0]
    after = np.append(signal[1:], end)
    if by_stride:
        before = (times - schedule.steps // steps).astype(int)
        after = np.where(before >= 0, schedule.signal[np.maximum(before, 0)], end)
    deviation = eta * np.sqrt((1 - after) / (1 - signal) * (1 - signal / after))
    rows = np.zeros((len(times), 5))
    rows[:, 1] = np.sqrt(after)
    rows[:, 2] = np.sqrt(1 - after - deviation**2)
    rows[:, 4] = deviation
    return _plan(times, np.sqrt(signal), np.sqrt(1 - signal), rows, prediction, first, after[-1], limit=limit)


def euler(
    schedule: NoiseSchedule,
    steps: int,
    *,
    prediction: str = "epsilon",
    ancestral: bool = False,
    spacing: Spacing = "linspace",
    offset: int = 0,
    karras: bool = False,
    share: float = 1.0,
) -> Plan:
    """Euler's method on the probability-flow equation: Karras et al., 2022, eq. 4 (https://arxiv.org/abs/2206.00364).

    Args:
        schedule: The process.
        steps: Steps, at most those of the process.
        prediction: ``"epsilon"``, ``"v"`` or ``"x0"``.
        ancestral: Step further down and add noise, as k-diffusion does.
        spacing: Of the times, between which noise levels are interpolated.
        offset: Added to leading times.
        karras: Space the noise levels by eq. 5 instead.
        share: Which part of the steps, from the end.
    """
    first = remaining(steps, share)
    spaced = spaced_times(schedule.steps, steps, spacing, offset=offset)
    times, levels, alphas, sigmas = _levels(schedule, spaced, karras, first)
    rows = _first_order(alphas, sigmas)
    if ancestral:
        now, after = levels[:-1], levels[1:]
        up = np.sqrt(after**2 * (now**2 - after**2) / now**2)
        down = np.sqrt(after**2 - up**2)
        rows[:, 0] = alphas[1:] / alphas[:-1] * down / now
        rows[:, 1] = alphas[1:] * (1 - down / now)
        rows[:, 4] = alphas[1:] * up
    return _plan(times, alphas[:-1], sigmas[:-1], rows, prediction, first, start=_start(sigmas, spacing))


def heun(
    schedule: NoiseSchedule,
    steps: int,
    *,
    prediction: str = "epsilon",
    spacing: Spacing = "linspace",
    offset: int = 0,
    karras: bool = False,
    highest: float | None = None,
    share: float = 1.0,
) -> Plan:
    """Heun's second-order method: Karras et al., 2022, algorithm 1 (https://arxiv.org/abs/2206.00364).

    Each step but the last asks the network twice.

    Args:
        schedule: The process.
        steps: Steps, at most those of the process.
        prediction: ``"epsilon"``, ``"v"`` or ``"x0"``.
        spacing: Of the times.
        offset: Added to leading times.
        karras: Space the noise levels by eq. 5.
        highest: Begin at this noise over signal where the process goes beyond it, as a cosine schedule does: where one
            level is many times the next the slope's error grows as much. The paper's is 80 (table 1). None for no cap.
        share: Which part of the steps, from the end.
    """
    first = remaining(steps, share)
    spaced = spaced_times(schedule.steps, steps, spacing, offset=offset)
    times, levels, alphas, sigmas = _levels(schedule, spaced, karras, first, highest=highest)
    trial = _first_order(alphas, sigmas)
    rows, places = [], []
    for i, (now, after) in enumerate(itertools.pairwise(levels)):
        rows.append(trial[i])
        places.append(i)
        if after == 0:
            break
        # Slope at both ends, of what the trial step began with: that is its result less its x0's part.
        here, there, ratio = (after - now) / (2 * now), (after - now) / (2 * after), after / now
        back = (1 + here) / ratio
        rows.append(
            np.array([back + there, -there * alphas[i + 1], 0, -(back * (1 - ratio) + here) * alphas[i + 1], 0])
        )
        places.append(i + 1)
    at = np.array(places)
    return _plan(times[at], alphas[at], sigmas[at], np.array(rows), prediction, first, start=_start(sigmas, spacing))


def dpm_solver(
    schedule: NoiseSchedule,
    steps: int,
    *,
    prediction: str = "epsilon",
    order: Literal[1, 2] = 2,
    multistep: bool = True,
    stochastic: bool = False,
    rule: Literal["midpoint", "heun"] = "midpoint",
    spacing: Spacing = "linspace",
    offset: int = 0,
    karras: bool = False,
    share: float = 1.0,
) -> Plan:
    """DPM-Solver++: Lu et al., 2022, algorithms 1 and 2 (https://arxiv.org/abs/2211.01095).

    The last step is of first order, as it must be where it ends without noise.

    Args:
        schedule: The process.
        steps: Times the network is asked, fewer than the process has steps.
        prediction: ``"epsilon"``, ``"v"`` or ``"x0"``.
        order: 1 (which is DDIM) or 2.
        multistep: Second order from the x0 of the step before (2M), or from one in between (2S).
        stochastic: Add noise (SDE-DPM-Solver++, appendix D); with multistep alone.
        rule: How the multistep method of second order weighs its difference: ``"midpoint"`` or ``"heun"``.
        spacing: Of the times.
        offset: Added to leading times.
        karras: Space the noise levels by Karras et al., eq. 5.
        share: Which part of the steps, from the end.

    Raises:
        UsageError: A combination that does not exist.
    """
    if order not in (1, 2) or (stochastic and not multistep) or rule not in ("midpoint", "heun"):
        raise UsageError(
            'dpm_solver has order 1 or 2, rule "midpoint" or "heun", and noise in multistep alone. '
            f"Received order={order}, rule={rule!r}, stochastic={stochastic}, multistep={multistep}."
        )
    # One time more than steps, so that the last is above zero.
    if spacing == "trailing":
        spaced = spaced_times(schedule.steps, steps, spacing)
    else:
        spaced = np.round(spaced_times(schedule.steps, steps + 1, spacing))[:-1] + (spacing == "leading") * offset
    first = remaining(steps, share)
    times, _, alphas, sigmas = _levels(schedule, spaced, karras, first, whole=True)
    rows = _first_order(alphas, sigmas)
    with np.errstate(divide="ignore"):
        lambdas = np.log(alphas) - np.log(sigmas)
    if stochastic:
        fall = np.exp(-np.diff(lambdas))
        rows[:, 0] *= fall
        rows[:, 1] = alphas[1:] * (1 - fall**2)
        rows[:, 4] = sigmas[1:] * np.sqrt(1 - fall**2)
    if order == 2 and multistep:
        _multistep(rows, alphas, lambdas, rule, stochastic)
    elif order == 2:
        _singlestep(rows, alphas, sigmas, lambdas)
    return _plan(np.round(times), alphas[:-1], sigmas[:-1], rows, prediction, first)


def flow_euler(steps: int, *, total: int = 1000, shift: float = 1.0, share: float = 1.0) -> Plan:
    """Euler's method on a straight flow ``x_t = (1 - t) x0 + t noise``: Liu et al., 2022, eq. 1.

    https://arxiv.org/abs/2209.03003. The network predicts ``noise - x0``.

    Args:
        steps: Steps.
        total: What the network is told is t times this.
        shift: Spends more steps near the noise: Esser et al., 2024, eq. 23 (https://arxiv.org/abs/2403.03206).
        share: Which part of the steps, from the end.
    """
    if steps < 1 or shift <= 0:
        raise UsageError(f"flow_euler needs steps >= 1 and shift > 0. Received steps={steps}, shift={shift}.")

    def shifted(t: np.ndarray) -> np.ndarray:
        return shift * t / (1 + (shift - 1) * t)

    high, low = shifted(np.array([1.0, 1 / total]))
    first = remaining(steps, share)
    sigmas = np.append(shifted(np.linspace(high, low, steps)), 0.0)[first:]
    rows = _first_order(1 - sigmas, sigmas)
    return _plan(sigmas[:-1] * total, 1 - sigmas[:-1], sigmas[:-1], rows, "flow", first)


def _multistep(rows: np.ndarray, alphas: np.ndarray, lambdas: np.ndarray, rule: str, stochastic: bool) -> None:
    """Bring all rows but the first and the last to second order by the x0 of the row before."""
    for i in range(1, len(rows) - 1):
        h, before = lambdas[i + 1] - lambdas[i], lambdas[i] - lambdas[i - 1]
        weight = rows[i, 1] / 2
        if rule == "heun":
            rest = (1 - np.exp(-2 * h)) / (-2 * h) if stochastic else (np.exp(-h) - 1) / h
            weight = alphas[i + 1] * (rest + 1)
        weight *= h / before
        rows[i, 1] += weight
        rows[i, 3] = -weight


def _singlestep(rows: np.ndarray, alphas: np.ndarray, sigmas: np.ndarray, lambdas: np.ndarray) -> None:
    """Bring every second row to second order: from where the row before began, by the x0 of both."""
    for i in range(1, len(rows) - 1, 2):
        to_middle = rows[i - 1]
        whole = sigmas[i + 1] / sigmas[i - 1]
        gain = alphas[i + 1] - alphas[i - 1] * whole
        weight = gain / 2 * (lambdas[i + 1] - lambdas[i - 1]) / (lambdas[i] - lambdas[i - 1])
        back = whole / to_middle[0]
        rows[i] = (back, weight, 0, gain - weight - back * to_middle[1], 0)


def _first_order(alphas: np.ndarray, sigmas: np.ndarray) -> np.ndarray:
    """Rows of ``alpha' x0 + sigma' eps``, with eps from the sample and x0."""
    rows = np.zeros((len(alphas) - 1, 5))
    rows[:, 0] = sigmas[1:] / sigmas[:-1]
    rows[:, 1] = alphas[1:] - alphas[:-1] * rows[:, 0]
    return rows


def _levels(
    schedule: NoiseSchedule,
    times: np.ndarray,
    karras: bool,
    first: int,
    *,
    whole: bool = False,
    highest: float | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Times from the first on; noise over signal, signal and noise at each, and at the end without noise.

    Karras' levels span those of the times, or of the whole process.
    """
    table = noise_levels(schedule)
    levels = np.interp(times, np.arange(len(table)), table)
    if highest is not None:
        levels = np.minimum(levels, highest)
    if karras:
        levels = karras_levels(table[::-1] if whole else levels, len(times))
    if karras or highest is not None:
        times = times_of(levels, table)
    times, levels = times[first:], np.append(levels, 0.0)[first:]
    alphas = 1 / np.sqrt(1 + levels**2)
    return times, levels, alphas, levels * alphas


def _start(sigmas: np.ndarray, spacing: Spacing) -> float:
    # From the largest noise level on; leading times begin below it, with a sample that has signal in it.
    return 1.0 if spacing == "leading" else float(sigmas[0])


def _plan(
    times: np.ndarray,
    alphas: np.ndarray,
    sigmas: np.ndarray,
    rows: np.ndarray,
    prediction: str,
    first: int,
    last: float = 1.0,
    **fields: Any,
) -> Plan:
    return Plan(
        times,
        read(prediction, alphas, sigmas),
        rows,
        np.append(alphas, np.sqrt(last)),
        np.append(sigmas, np.sqrt(1 - last)),
        partial=first > 0,
        **fields,
    )
