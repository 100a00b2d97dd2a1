"""Plans read from ``scheduler_config.json`` take diffusers' way, class by class, and are written back."""

import json
import warnings

import numpy as np
import pytest

from kerasarch.errors import UsageError, WeightsError
from kerasarch.generation import SAMPLERS, read_scheduler
from tests.generation.test_solvers import agree

diffusers = pytest.importorskip("diffusers")
pytestmark = pytest.mark.backend_free

# As the public folders have them, fields of other classes included
STABLE_DIFFUSION = {
    "_class_name": "PNDMScheduler",
    "_diffusers_version": "0.6.0",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "num_train_timesteps": 1000,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "trained_betas": None,
    "clip_sample": False,
}
STABLE_DIFFUSION_2 = {**STABLE_DIFFUSION, "_class_name": "DDIMScheduler", "prediction_type": "v_prediction"}
STABLE_DIFFUSION_XL = {
    **STABLE_DIFFUSION,
    "_class_name": "EulerDiscreteScheduler",
    "interpolation_type": "linear",
    "prediction_type": "epsilon",
    "sample_max_value": 1.0,
    "timestep_spacing": "leading",
    "use_karras_sigmas": False,
}
FLOW = {"_class_name": "FlowMatchEulerDiscreteScheduler", "num_train_timesteps": 1000, "shift": 3.0}
OTHERS = {
    "heun": {**STABLE_DIFFUSION, "_class_name": "HeunDiscreteScheduler", "use_karras_sigmas": True},
    "ancestral": {**STABLE_DIFFUSION, "_class_name": "EulerAncestralDiscreteScheduler", "timestep_spacing": "trailing"},
    "dpm": {
        **STABLE_DIFFUSION,
        "_class_name": "DPMSolverMultistepScheduler",
        "algorithm_type": "sde-dpmsolver++",
        "solver_type": "heun",
        "timestep_spacing": "leading",
    },
    "single": {**STABLE_DIFFUSION, "_class_name": "DPMSolverSinglestepScheduler", "prediction_type": "sample"},
    "ddpm": {"_class_name": "DDPMScheduler", "beta_schedule": "squaredcos_cap_v2", "variance_type": "fixed_large"},
    "zero": {
        "_class_name": "DDIMScheduler",
        "rescale_betas_zero_snr": True,
        "timestep_spacing": "trailing",
        "prediction_type": "v_prediction",
        "clip_sample_range": 2.0,
    },
    "bare": {"_class_name": "EulerDiscreteScheduler"},
}
CONFIGS = {"sd": STABLE_DIFFUSION, "sd2": STABLE_DIFFUSION_2, "sdxl": STABLE_DIFFUSION_XL, "flow": FLOW, **OTHERS}


def reference(config, kind=None):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler = getattr(diffusers, kind or config["_class_name"]).from_config(config)
    if "FlowMatch" in type(scheduler).__name__:
        scheduler.init_noise_sigma = 1.0
    return scheduler


@pytest.mark.parametrize("name", CONFIGS)
def test_plans_follow_the_folder(name, monkeypatch):
    config = CONFIGS[name]
    plan = read_scheduler(config).plan(15)
    agree(plan, reference(config), 15, monkeypatch)


@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if name != "flow_euler"])
def test_another_sampler_takes_over_what_both_have(sampler, monkeypatch):
    """As ``OtherScheduler.from_config(scheduler.config)`` does."""
    source = {**STABLE_DIFFUSION_2, "unknown_field": 3}
    scheduler = read_scheduler(source, sampler=sampler)
    assert scheduler.prediction == "v"
    agree(scheduler.plan(11), reference(STABLE_DIFFUSION_2, SAMPLERS[sampler]), 11, monkeypatch)


@pytest.mark.parametrize("name", CONFIGS)
def test_written_back(name, tmp_path):
    scheduler = read_scheduler(CONFIGS[name])
    (tmp_path / "scheduler_config.json").write_text(json.dumps(scheduler.to_config()))
    kind = getattr(diffusers, CONFIGS[name]["_class_name"])
    again = kind.from_pretrained(tmp_path)
    wanted = reference(CONFIGS[name])
    assert {key: again.config[key] for key in scheduler.fields} == {key: wanted.config[key] for key in scheduler.fields}
    assert read_scheduler(json.loads((tmp_path / "scheduler_config.json").read_text())) == scheduler


def test_eta_and_shares(monkeypatch):
    scheduler = read_scheduler(STABLE_DIFFUSION_2)
    agree(scheduler.plan(10, eta=0.5), reference(STABLE_DIFFUSION_2), 10, monkeypatch, eta=0.5)
    part = scheduler.plan(10, share=0.3)
    np.testing.assert_array_equal(part.times, scheduler.plan(10).times[7:])
    assert part.partial
    assert scheduler.schedule.first == 0.00085
    with pytest.raises(UsageError, match="DDIM alone"):
        read_scheduler(STABLE_DIFFUSION).plan(10, eta=0.5)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"_class_name": "UniPCMultistepScheduler"}, "'UniPCMultistepScheduler' is not built here"),
        ({"trained_betas": [0.1, 0.2]}, "trained_betas"),
        ({"beta_schedule": "sigmoid"}, "beta_schedule='sigmoid'"),
        ({"skip_prk_steps": False}, "skip_prk_steps=False"),
        ({"prediction_type": "sample"}, "prediction_type='sample'"),
        ({"warp": 3}, "not known here: warp"),
        ({"_class_name": "DDIMScheduler", "thresholding": True}, "thresholding=True"),
        ({"_class_name": "DDPMScheduler", "variance_type": "learned_range"}, "variance_type='learned_range'"),
        ({"_class_name": "EulerDiscreteScheduler", "use_beta_sigmas": True}, "use_beta_sigmas"),
        ({"_class_name": "DPMSolverMultistepScheduler", "solver_order": 3}, "solver_order=3"),
        (
            {
                "_class_name": "DPMSolverMultistepScheduler",
                "beta_schedule": "squaredcos_cap_v2",
                "use_karras_sigmas": True,
            },
            "beta_schedule",
        ),
    ],
)
def test_what_is_not_built_is_named(changes, match):
    with pytest.raises(WeightsError, match=match):
        read_scheduler({**STABLE_DIFFUSION, **changes})


def test_wrong_samplers():
    with pytest.raises(UsageError, match="No sampler 'lms'"):
        read_scheduler(STABLE_DIFFUSION, sampler="lms")
    with pytest.raises(UsageError, match="one is a flow"):
        read_scheduler(FLOW, sampler="ddim")
