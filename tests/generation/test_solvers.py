"""Every sampler's way from noise to picture is that of diffusers, from the same noise and the same network outputs."""

import inspect
import warnings

import numpy as np
import pytest

from kerasarch.errors import UsageError
from kerasarch.generation import NoiseSchedule, ddim, ddpm, dpm_solver, euler, flow_euler, heun, plms

diffusers = pytest.importorskip("diffusers")
torch = pytest.importorskip("torch")
pytestmark = pytest.mark.backend_free

PREDICTIONS = {"epsilon": "epsilon", "v": "v_prediction", "x0": "sample"}
KINDS = {"linear": "linear", "scaled_linear": "scaled_linear", "cosine": "squaredcos_cap_v2"}
SHAPE = (2, 3, 4)


def network(x, time):
    """Any function of sample and time will do, as long as it is not linear."""
    return np.tanh(0.7 * x + 0.3 * np.sin(time / 90))


def walk(plan, seed=0):
    """Follow a plan in float64 NumPy; return the samples, each at the scale of the plan."""
    rng = np.random.default_rng(seed)
    x, old, seen = rng.normal(size=SHAPE) * plan.start, np.zeros(SHAPE), []
    outputs, history = [], np.zeros((len(plan), 0)) if plan.history is None else plan.history
    rows = zip(plan.times, plan.reading, plan.update, history, strict=True)
    for time, (p, q, r, s), (a, b, c, d, e), weights in rows:
        noise = rng.normal(size=SHAPE)
        out = network(x, time)
        clean, epsilon = p * x + q * out, r * x + s * out
        if plan.limit is not None:
            clean = np.clip(clean, -plan.limit, plan.limit)
        x, old = a * x + b * clean + c * epsilon + d * old + e * noise, clean
        x = x + sum(weight * before for weight, before in zip(weights, outputs, strict=False))
        outputs.insert(0, out)
        seen.append(x)
    return seen


class Draws:
    """Stands in for the reference's random numbers: those of `walk`."""

    def __init__(self, rng):
        self.rng, self.next = rng, None

    def __call__(self, *_, **__):
        return torch.from_numpy(self.next)


def reference(scheduler, steps, monkeypatch, seed=0, **keywords):
    """Follow the reference; return its samples and the scale that brings each to ours."""
    rng = np.random.default_rng(seed)
    draws = Draws(rng)
    monkeypatch.setattr(inspect.getmodule(type(scheduler)), "randn_tensor", draws, raising=False)
    scheduler.set_timesteps(steps)
    x = torch.from_numpy(rng.normal(size=SHAPE)) * float(scheduler.init_noise_sigma)
    seen = []
    flow = "Flow" in type(scheduler).__name__
    explodes = hasattr(scheduler, "sigmas") and float(scheduler.init_noise_sigma) != 1 and not flow
    for index, time in enumerate(scheduler.timesteps):
        draws.next = rng.normal(size=SHAPE)
        given = x if flow else scheduler.scale_model_input(x, time)
        out = torch.from_numpy(network(np.asarray(given, "float64"), float(time)))
        x = scheduler.step(out, time, x, return_dict=False, **keywords)[0]
        scale = 1.0
        if explodes:
            sigmas = scheduler.sigmas[index + 1]
            scale = float(1 / (sigmas**2 + 1) ** 0.5)
        seen.append(np.asarray(x, "float64") * scale)
    return seen


def agree(plan, scheduler, steps, monkeypatch, tolerance=1e-4, **keywords):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = reference(scheduler, steps, monkeypatch, **keywords)
    np.testing.assert_allclose(np.asarray(plan.times), np.asarray(scheduler.timesteps, "float64"), atol=2e-2)
    got = walk(plan)
    assert len(got) == len(expected)
    for one, other in zip(got, expected, strict=True):
        assert np.abs(one - other).max() <= tolerance * max(1, np.abs(other).max())


def make(name, kind="linear", prediction="epsilon", **fields):
    own = inspect.signature(getattr(diffusers, name).__init__).parameters
    shared = {"beta_schedule": KINDS[kind], "prediction_type": PREDICTIONS[prediction]}
    return getattr(diffusers, name)(**{key: value for key, value in shared.items() if key in own}, **fields)


@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_ddpm(kind, prediction, monkeypatch):
    scheduler = make("DDPMScheduler", kind, prediction)
    agree(ddpm(NoiseSchedule(kind), 25, prediction=prediction), scheduler, 25, monkeypatch)


def test_ddpm_large_variance_every_step_and_trailing(monkeypatch):
    scheduler = make("DDPMScheduler", variance_type="fixed_large", clip_sample=False, timestep_spacing="trailing")
    plan = ddpm(NoiseSchedule(), 40, variance="large", limit=None, spacing="trailing")
    agree(plan, scheduler, 40, monkeypatch)
    short = NoiseSchedule("cosine", steps=60)
    scheduler = make("DDPMScheduler", "cosine", num_train_timesteps=60)
    agree(ddpm(short, 60), scheduler, 60, monkeypatch)


@pytest.mark.parametrize("spacing", ["linspace", "leading", "trailing"])
@pytest.mark.parametrize("steps", [10, 15])
def test_ddpm_and_ddim_in_each_spacing(steps, spacing, monkeypatch):
    """Of 15 a thousand is no multiple: there diffusers' DDIM steps to other times than it asks for next."""
    schedule, given = NoiseSchedule("scaled_linear"), {"timestep_spacing": spacing, "steps_offset": 1}
    scheduler = make("DDPMScheduler", "scaled_linear", **given)
    agree(ddpm(schedule, steps, spacing=spacing, offset=1), scheduler, steps, monkeypatch)
    scheduler = make("DDIMScheduler", "scaled_linear", **given)
    agree(
        ddim(schedule, steps, spacing=spacing, offset=1, eta=0.6, by_stride=True),
        scheduler,
        steps,
        monkeypatch,
        eta=0.6,
    )


@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("eta", [0.0, 0.6])
def test_ddim(eta, prediction, monkeypatch):
    scheduler = make("DDIMScheduler", "scaled_linear", prediction, set_alpha_to_one=False, steps_offset=1)
    plan = ddim(NoiseSchedule("scaled_linear"), 20, prediction=prediction, eta=eta, offset=1, to_clean=False)
    agree(plan, scheduler, 20, monkeypatch, eta=eta)


def test_zero_terminal_snr(monkeypatch):
    schedule = NoiseSchedule("scaled_linear", zero_terminal_snr=True)
    assert schedule.signal[-1] == 0
    scheduler = make(
        "DDIMScheduler", "scaled_linear", "v", rescale_betas_zero_snr=True, timestep_spacing="trailing",
        clip_sample=False,
    )  # fmt: skip
    plan = ddim(schedule, 10, prediction="v", limit=None, spacing="trailing")
    agree(plan, scheduler, 10, monkeypatch)
    with pytest.raises(UsageError, match="without signal"):
        ddim(schedule, 10, spacing="trailing")


@pytest.mark.parametrize("spacing", ["linspace", "leading", "trailing"])
@pytest.mark.parametrize("ancestral", [False, True])
def test_euler(spacing, ancestral, monkeypatch):
    name = "EulerAncestralDiscreteScheduler" if ancestral else "EulerDiscreteScheduler"
    scheduler = make(name, "scaled_linear", timestep_spacing=spacing, steps_offset=1)
    plan = euler(NoiseSchedule("scaled_linear"), 15, ancestral=ancestral, spacing=spacing, offset=1)
    agree(plan, scheduler, 15, monkeypatch)


@pytest.mark.parametrize("prediction", ["epsilon", "v"])
def test_euler_with_the_levels_of_karras(prediction, monkeypatch):
    scheduler = make("EulerDiscreteScheduler", "scaled_linear", prediction, use_karras_sigmas=True)
    plan = euler(NoiseSchedule("scaled_linear"), 12, prediction=prediction, karras=True)
    agree(plan, scheduler, 12, monkeypatch)


@pytest.mark.parametrize("spacing", ["linspace", "leading", "trailing"])
@pytest.mark.parametrize("karras", [False, True])
def test_heun(karras, spacing, monkeypatch):
    scheduler = make(
        "HeunDiscreteScheduler", "scaled_linear", use_karras_sigmas=karras, timestep_spacing=spacing, steps_offset=1
    )
    schedule = NoiseSchedule("scaled_linear", first=0.00085, last=0.012)
    plan = heun(schedule, 12, karras=karras, spacing=spacing, offset=1)
    assert len(plan) == 23
    agree(plan, scheduler, 12, monkeypatch)


@pytest.mark.parametrize("spacing", ["linspace", "leading", "trailing"])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"order": 1}, {"solver_order": 1}),
        ({}, {}),
        ({"rule": "heun"}, {"solver_type": "heun"}),
        ({"stochastic": True}, {"algorithm_type": "sde-dpmsolver++"}),
        ({"stochastic": True, "rule": "heun"}, {"algorithm_type": "sde-dpmsolver++", "solver_type": "heun"}),
        ({"karras": True}, {"use_karras_sigmas": True}),
    ],
)
def test_dpm_solver_multistep(spacing, ours, theirs, monkeypatch):
    scheduler = make("DPMSolverMultistepScheduler", "scaled_linear", timestep_spacing=spacing, steps_offset=1, **theirs)
    plan = dpm_solver(NoiseSchedule("scaled_linear"), 16, spacing=spacing, offset=1, **ours)
    agree(plan, scheduler, 16, monkeypatch)


@pytest.mark.parametrize("steps", [15, 16])
@pytest.mark.parametrize("order", [1, 2])
def test_dpm_solver_singlestep(order, steps, monkeypatch):
    scheduler = make("DPMSolverSinglestepScheduler", "scaled_linear", solver_order=order, lower_order_final=True)
    plan = dpm_solver(NoiseSchedule("scaled_linear"), steps, order=order, multistep=False)
    agree(plan, scheduler, steps, monkeypatch)


@pytest.mark.parametrize("prediction", ["epsilon", "v"])
@pytest.mark.parametrize("steps", [1, 2, 3, 20])
def test_plms(steps, prediction, monkeypatch):
    scheduler = make("PNDMScheduler", "scaled_linear", prediction, skip_prk_steps=True, steps_offset=1)
    plan = plms(NoiseSchedule("scaled_linear"), steps, prediction=prediction, offset=1)
    assert len(plan) == (1 if steps == 1 else steps + 1)
    agree(plan, scheduler, steps, monkeypatch)


@pytest.mark.parametrize("spacing", ["linspace", "trailing"])
def test_plms_with_other_times(spacing, monkeypatch):
    fields = {"skip_prk_steps": True, "timestep_spacing": spacing, "set_alpha_to_one": True}
    scheduler = make("PNDMScheduler", "linear", "v", **fields)
    plan = plms(NoiseSchedule("linear"), 12, prediction="v", spacing=spacing, to_clean=True)
    agree(plan, scheduler, 12, monkeypatch)


@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_flow_matching(shift, monkeypatch):
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=shift)
    scheduler.init_noise_sigma = 1.0
    agree(flow_euler(12, shift=shift), scheduler, 12, monkeypatch)


def test_a_perfect_network_is_followed_to_the_picture():
    """With the true x0 every sampler ends at it, whatever the noise; with part of the steps too."""
    schedule, picture = NoiseSchedule("cosine"), np.random.default_rng(1).uniform(-1, 1, SHAPE)
    makers = (ddpm, ddim, euler, heun, dpm_solver)
    for make_plan in makers:
        for share in (1.0, 0.4):
            plan = make_plan(schedule, 10, prediction="x0", share=share)
            assert plan.sigmas[0] <= 1 if share == 1 else plan.sigmas[0] < 0.95
            x = plan.alphas[0] * picture + plan.sigmas[0] * np.random.default_rng(2).normal(size=SHAPE)
            old = np.zeros(SHAPE)
            for (a, b, c, d, _), (_, _, r, s) in zip(plan.update, plan.reading, strict=True):
                x, old = a * x + b * picture + c * (r * x + s * picture) + d * old, picture
            np.testing.assert_allclose(x, picture, atol=1e-6)


def test_wrong_arguments():
    for wrong in (
        lambda: NoiseSchedule("sigmoid"),
        lambda: NoiseSchedule(first=0.5, last=0.1),
        lambda: ddpm(NoiseSchedule(steps=10), 11),
        lambda: ddim(NoiseSchedule(), 10, spacing="even"),
        lambda: euler(NoiseSchedule(), 10, prediction="noise"),
        lambda: heun(NoiseSchedule(), 10, share=0.0),
        lambda: dpm_solver(NoiseSchedule(), 10, order=3),
        lambda: flow_euler(0),
        lambda: plms(NoiseSchedule(), 10, prediction="x0"),
        lambda: ddpm(NoiseSchedule(), 10, variance="learned"),
        lambda: NoiseSchedule().weights(np.array([1]), "noise"),
    ):
        with pytest.raises(UsageError):
            wrong()
