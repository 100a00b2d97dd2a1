"""Every sampler ends at the data where the network is perfect and the steps are many, whatever their number."""

import numpy as np
import pytest

from kerasarch.errors import UsageError
from kerasarch.generation import METHODS, Flow, NoiseSchedule, ddim, ddpm, dpm_solver, euler, heun, make_plan, plms

pytestmark = pytest.mark.backend_free

DEVIATION = 0.25
COUNTS = [60, 99, 150, 350, 501, 999]  # a thousand is a multiple of none of them


def velocity(schedule):
    """What a perfect network says of Gaussian data: at each time a number by which the sample is multiplied."""
    signal = schedule.signal
    alphas, sigmas = np.sqrt(signal), np.sqrt(1 - signal)
    of_sample = alphas * DEVIATION**2 / (signal * DEVIATION**2 + 1 - signal)  # x0 over the sample
    table = alphas * (1 - alphas * of_sample) / sigmas - sigmas * of_sample
    return lambda time: np.interp(time, np.arange(len(table)), table)


def deviation(plan, network):
    """Deviation of what is drawn, with no chance in it: a sample is a sum of the first noise and those of the steps."""
    sample = np.zeros(len(plan) + 1)  # weights of these noises
    sample[0] = np.hypot(plan.alphas[0] * DEVIATION, plan.sigmas[0])
    old, outputs = 0 * sample, []
    history = np.zeros((len(plan), 0)) if plan.history is None else plan.history
    rows = zip(plan.times, plan.reading, plan.update, history, strict=True)
    for index, (time, (p, q, r, s), (a, b, c, d, e), weights) in enumerate(rows):
        out = network(time) * sample
        clean, epsilon = p * sample + q * out, r * sample + s * out
        sample, old = a * sample + b * clean + c * epsilon + d * old, clean
        sample = sample + sum(weight * before for weight, before in zip(weights, outputs, strict=False))
        sample[index + 1] += e
        outputs.insert(0, out)
    return np.linalg.norm(sample)


@pytest.mark.parametrize("steps", COUNTS)
@pytest.mark.parametrize("method", METHODS)
def test_any_number_of_steps(method, steps):
    schedule = NoiseSchedule("cosine")
    found = deviation(make_plan(method, schedule, steps, prediction="v", limit=None), velocity(schedule))
    assert abs(found - DEVIATION) < 2.2 / steps


@pytest.mark.parametrize("steps", COUNTS)
def test_any_number_of_steps_of_a_flow(steps):
    def network(time):
        t = time / 1000
        of_sample = (1 - t) * DEVIATION**2 / ((1 - t) ** 2 * DEVIATION**2 + t**2)
        return (1 - (1 - t) * of_sample) / t - of_sample

    found = deviation(make_plan("flow_euler", Flow(), steps, prediction="flow"), network)
    assert abs(found - DEVIATION) < 2.2 / steps


@pytest.mark.parametrize("spacing", ["linspace", "leading", "trailing"])
@pytest.mark.parametrize("solver", [ddpm, ddim, euler, heun, dpm_solver])
def test_any_spacing(solver, spacing):
    schedule = NoiseSchedule("cosine")
    clipped = {"limit": None} if solver in (ddpm, ddim) else {}
    for steps in (99, 350):
        plan = solver(schedule, steps, prediction="v", spacing=spacing, **clipped)
        assert abs(deviation(plan, velocity(schedule)) - DEVIATION) < 2.2 / steps


@pytest.mark.parametrize("method", METHODS)
def test_a_process_that_ends_without_signal(method):
    """All draw from it by v, but none by epsilon, which says nothing of the picture at its last step."""
    schedule = NoiseSchedule("cosine", zero_terminal_snr=True)
    found = deviation(make_plan(method, schedule, 99, prediction="v", limit=None), velocity(schedule))
    assert abs(found - DEVIATION) < 2.2 / 99
    with pytest.raises(UsageError, match="zero_terminal_snr"):
        make_plan(method, schedule, 99, prediction="epsilon")


def test_multistep_by_outputs():
    schedule = NoiseSchedule("cosine")
    for steps in (99, 350):
        plan = plms(schedule, steps, prediction="v", to_clean=True)
        assert abs(deviation(plan, velocity(schedule)) - DEVIATION) < 2.2 / steps
