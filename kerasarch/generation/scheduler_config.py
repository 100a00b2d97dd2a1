"""Samplers as diffusers describes them: ``scheduler_config.json``.

Each of its scheduler classes is an entry in a table: its fields with their defaults, those among them that have to keep
one value here, and how a plan is made. Fields that another class has are passed over, as diffusers passes over them.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

from kerasarch.errors import UsageError, WeightsError
from kerasarch.generation.noise_schedule import NoiseSchedule
from kerasarch.generation.plan import Plan
from kerasarch.generation.plms import plms
from kerasarch.generation.solvers import ddim, ddpm, dpm_solver, euler, flow_euler, heun

_KINDS = {"linear": "linear", "scaled_linear": "scaled_linear", "squaredcos_cap_v2": "cosine"}
_PREDICTIONS = {"epsilon": "epsilon", "v_prediction": "v", "sample": "x0"}
_SCHEDULE = {
    "num_train_timesteps": 1000,
    "beta_start": 0.0001,
    "beta_end": 0.02,
    "beta_schedule": "linear",
    "trained_betas": None,
    "prediction_type": "epsilon",
}
_CLIPPING = {"clip_sample": True, "clip_sample_range": 1.0}
_THRESHOLDING = {"thresholding": False, "dynamic_thresholding_ratio": 0.995, "sample_max_value": 1.0}
_LEVELS = {"use_karras_sigmas": False, "use_exponential_sigmas": False, "use_beta_sigmas": False}
_DPM = {
    "solver_order": 2,
    "algorithm_type": "dpmsolver++",
    "solver_type": "midpoint",
    "use_flow_sigmas": False,
    "flow_shift": 1.0,
    "final_sigmas_type": "zero",
    "lambda_min_clipped": -math.inf,
    "variance_type": None,
    "use_dynamic_shifting": False,
    "time_shift_type": "exponential",
}


@dataclasses.dataclass(frozen=True)
class _Class:
    """A scheduler class of diffusers.

    Attributes:
        defaults: Its fields.
        plan: ``(fields, schedule, steps, common) -> Plan``; common are prediction and share.
        fixed: Values that a field may have, where there are others that are not built here. Fields that mean something
            only beside such a value are not looked at.
    """

    defaults: Mapping[str, Any]
    plan: Callable[..., Plan]
    fixed: Mapping[str, tuple[Any, ...]] = dataclasses.field(default_factory=dict)


def _spacing(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"spacing": fields["timestep_spacing"], "offset": fields["steps_offset"]}


def _limit(fields: Mapping[str, Any]) -> float | None:
    return fields["clip_sample_range"] if fields["clip_sample"] else None


def _ddim(fields: Mapping[str, Any], schedule: NoiseSchedule, steps: int, **common: Any) -> Plan:
    to_clean = fields["set_alpha_to_one"]
    return ddim(
        schedule, steps, limit=_limit(fields), to_clean=to_clean, by_stride=True, **_spacing(fields), **common
    )  # fmt: skip


def _ddpm(fields: Mapping[str, Any], schedule: NoiseSchedule, steps: int, **common: Any) -> Plan:
    variance: Any = "large" if fields["variance_type"] == "fixed_large" else "small"
    return ddpm(schedule, steps, variance=variance, limit=_limit(fields), **_spacing(fields), **common)


def _pndm(fields: Mapping[str, Any], schedule: NoiseSchedule, steps: int, **common: Any) -> Plan:
    return plms(schedule, steps, to_clean=fields["set_alpha_to_one"], **_spacing(fields), **common)


def _euler(fields: Mapping[str, Any], schedule: NoiseSchedule, steps: int, **common: Any) -> Plan:
    return euler(schedule, steps, karras=fields["use_karras_sigmas"], **_spacing(fields), **common)


def _ancestral(fields: Mapping[str, Any], schedule: NoiseSchedule, steps: int, **common: Any) -> Plan:
    return euler(schedule, steps, ancestral=True, **_spacing(fields), **common)


def _heun(fields: Mapping[str, Any], schedule: NoiseSchedule, steps: int, **common: Any) -> Plan:
    return heun(schedule, steps, karras=fields["use_karras_sigmas"], **_spacing(fields), **common)


def _dpm(multistep: bool) -> Callable[..., Plan]:
    def plan(fields: Mapping[str, Any], schedule: NoiseSchedule, steps: int, **common: Any) -> Plan:
        return dpm_solver(
            schedule,
            steps,
            order=fields["solver_order"],
            multistep=multistep,
            stochastic=fields["algorithm_type"] == "sde-dpmsolver++",
            rule=fields["solver_type"],
            karras=fields["use_karras_sigmas"],
            **(_spacing(fields) if multistep else {}),
            **common,
        )

    return plan


def _flow(fields: Mapping[str, Any], schedule: None, steps: int, *, prediction: str, share: float) -> Plan:
    return flow_euler(steps, total=fields["num_train_timesteps"], shift=fields["shift"], share=share)


_OFF: dict[str, tuple[Any, ...]] = {"trained_betas": (None,)}
_UNCLIPPED = {**_OFF, "thresholding": (False,)}
_ONE_WAY = {**_OFF, "use_exponential_sigmas": (False,), "use_beta_sigmas": (False,)}
_DPM_FIXED = {
    **_ONE_WAY,
    "thresholding": (False,),
    "solver_order": (1, 2),
    "solver_type": ("midpoint", "heun"),
    "use_flow_sigmas": (False,),
    "final_sigmas_type": ("zero",),
    "lambda_min_clipped": (-math.inf, None),
    "variance_type": (None,),
    "use_dynamic_shifting": (False,),
}
_LEADING = {"timestep_spacing": "leading", "steps_offset": 0}
_LINSPACE = {"timestep_spacing": "linspace", "steps_offset": 0}
_RESCALED = {"rescale_betas_zero_snr": False}
CLASSES = {
    "DDIMScheduler": _Class(
        {**_SCHEDULE, **_CLIPPING, **_THRESHOLDING, **_LEADING, **_RESCALED, "set_alpha_to_one": True},
        _ddim,
        _UNCLIPPED,
    ),
    "DDPMScheduler": _Class(
        {**_SCHEDULE, **_CLIPPING, **_THRESHOLDING, **_LEADING, **_RESCALED, "variance_type": "fixed_small"},
        _ddpm,
        {**_UNCLIPPED, "variance_type": ("fixed_small", "fixed_small_log", "fixed_large")},
    ),
    "PNDMScheduler": _Class(
        {**_SCHEDULE, **_LEADING, "skip_prk_steps": False, "set_alpha_to_one": False},
        _pndm,
        {**_OFF, "skip_prk_steps": (True,), "prediction_type": ("epsilon", "v_prediction")},
    ),
    "EulerDiscreteScheduler": _Class(
        {
            **_SCHEDULE,
            **_LEVELS,
            **_LINSPACE,
            **_RESCALED,
            "interpolation_type": "linear",
            "sigma_min": None,
            "sigma_max": None,
            "timestep_type": "discrete",
            "final_sigmas_type": "zero",
        },
        _euler,
        {
            **_ONE_WAY,
            "interpolation_type": ("linear",),
            "sigma_min": (None,),
            "sigma_max": (None,),
            "timestep_type": ("discrete",),
            "final_sigmas_type": ("zero",),
        },
    ),
    "EulerAncestralDiscreteScheduler": _Class({**_SCHEDULE, **_LINSPACE, **_RESCALED}, _ancestral, _OFF),
    "HeunDiscreteScheduler": _Class(
        {
            **_SCHEDULE,
            **_LEVELS,
            **_LINSPACE,
            "beta_start": 0.00085,
            "beta_end": 0.012,
            "clip_sample": False,
            "clip_sample_range": 1.0,
        },
        _heun,
        {**_ONE_WAY, "clip_sample": (False,)},
    ),
    "DPMSolverMultistepScheduler": _Class(
        {
            **_SCHEDULE,
            **_THRESHOLDING,
            **_LEVELS,
            **_DPM,
            **_LINSPACE,
            **_RESCALED,
            "lower_order_final": True,
            "euler_at_final": False,
            "use_lu_lambdas": False,
        },
        _dpm(multistep=True),
        {**_DPM_FIXED, "algorithm_type": ("dpmsolver++", "sde-dpmsolver++"), "use_lu_lambdas": (False,)},
    ),
    "DPMSolverSinglestepScheduler": _Class(
        {**_SCHEDULE, **_THRESHOLDING, **_LEVELS, **_DPM, "lower_order_final": False},
        _dpm(multistep=False),
        {**_DPM_FIXED, "algorithm_type": ("dpmsolver++",)},
    ),
    "FlowMatchEulerDiscreteScheduler": _Class(
        {
            "num_train_timesteps": 1000,
            "shift": 1.0,
            **_LEVELS,
            "use_dynamic_shifting": False,
            "base_shift": 0.5,
            "max_shift": 1.15,
            "base_image_seq_len": 256,
            "max_image_seq_len": 4096,
            "invert_sigmas": False,
            "shift_terminal": None,
            "time_shift_type": "exponential",
            "stochastic_sampling": False,
        },
        _flow,
        {
            **dict.fromkeys(_LEVELS, (False,)),
            "use_dynamic_shifting": (False,),
            "invert_sigmas": (False,),
            "shift_terminal": (None,),
            "stochastic_sampling": (False,),
        },
    ),
}
_KNOWN = {name for entry in CLASSES.values() for name in entry.defaults}
SAMPLERS = {
    "ddim": "DDIMScheduler",
    "ddpm": "DDPMScheduler",
    "plms": "PNDMScheduler",
    "euler": "EulerDiscreteScheduler",
    "euler_ancestral": "EulerAncestralDiscreteScheduler",
    "heun": "HeunDiscreteScheduler",
    "dpm_solver": "DPMSolverMultistepScheduler",
    "dpm_solver_single": "DPMSolverSinglestepScheduler",
    "flow_euler": "FlowMatchEulerDiscreteScheduler",
}
"""Our names of the classes."""


@dataclasses.dataclass(frozen=True)
class Scheduler:
    """What a folder says about noise and sampling.

    Attributes:
        name: Class of diffusers.
        fields: All of its fields.
    """

    name: str
    fields: Mapping[str, Any]

    @property
    def schedule(self) -> NoiseSchedule | None:
        """The process; None for a straight flow."""
        if "beta_schedule" not in self.fields:
            return None
        fields = self.fields
        kind: Any = _KINDS[fields["beta_schedule"]]
        shifted = fields.get("rescale_betas_zero_snr", False)
        return NoiseSchedule(
            kind, fields["num_train_timesteps"], fields["beta_start"], fields["beta_end"], zero_terminal_snr=shifted
        )

    @property
    def prediction(self) -> str:
        """What the network predicts: ``"epsilon"``, ``"v"``, ``"x0"`` or ``"flow"``."""
        return _PREDICTIONS[self.fields["prediction_type"]] if "prediction_type" in self.fields else "flow"

    def plan(self, steps: int, *, share: float = 1.0, eta: float | None = None) -> Plan:
        """Return the plan of so many steps.

        Args:
            steps: Steps, as diffusers counts them.
            share: Which part of them, from the end.
            eta: Noise that DDIM adds; other samplers have none to choose.

        Raises:
            UsageError: ``eta`` for another sampler, or more steps than the process has.
        """
        common: dict[str, Any] = {"prediction": self.prediction, "share": share}
        if eta is not None:
            if self.name != "DDIMScheduler":
                raise UsageError(f"eta is a matter of DDIM alone. Received eta={eta} for {self.name}; leave it out.")
            common["eta"] = eta
        return CLASSES[self.name].plan(self.fields, self.schedule, steps, **common)

    def to_config(self) -> dict[str, Any]:
        """Return the contents of ``scheduler_config.json``."""
        return {"_class_name": self.name, **self.fields}


def read_scheduler(
    config: Mapping[str, Any], *, sampler: str | None = None, origin: str = "scheduler_config.json"
) -> Scheduler:
    """Read the contents of ``scheduler_config.json``.

    Args:
        config: The contents.
        sampler: A name in ``SAMPLERS`` in the place of the class that the file names; what both have in common stays.
        origin: Where it came from, for messages.

    Raises:
        WeightsError: The class, a field or a value is not built here.
        UsageError: No such sampler.
    """
    if sampler is not None and sampler not in SAMPLERS:
        raise UsageError(f"No sampler {sampler!r}. There are: {', '.join(SAMPLERS)}.")
    given = str(config.get("_class_name", ""))
    name = SAMPLERS[sampler] if sampler else given
    if name not in CLASSES:
        raise WeightsError(
            f"{origin}: the scheduler {given!r} is not built here. Choose a sampler: {', '.join(SAMPLERS)}."
        )
    if sampler and (given.startswith("FlowMatch") != name.startswith("FlowMatch")):
        raise UsageError(f"{origin}: {sampler} cannot sample what {given} describes: one is a flow, the other is none.")
    entry = CLASSES[name]
    unknown = sorted(key for key in config if key not in _KNOWN and not key.startswith("_"))
    if unknown and not sampler:
        raise WeightsError(f"{origin}: fields that are not known here: {', '.join(unknown)}.")
    fields = {key: config.get(key, default) for key, default in entry.defaults.items()}
    if sampler and name == "PNDMScheduler" and given != name:
        fields["skip_prk_steps"] = True  # the class's default stands for another sampler
    _check(name, fields, entry, origin)
    return Scheduler(name, fields)


def _check(name: str, fields: Mapping[str, Any], entry: _Class, origin: str) -> None:
    allowed: dict[str, tuple[Any, ...]] = {**entry.fixed}
    if "beta_schedule" in fields:
        allowed = {"beta_schedule": tuple(_KINDS), "prediction_type": tuple(_PREDICTIONS), **allowed}
    if fields.get("use_karras_sigmas") and name.startswith("DPM"):
        allowed["beta_schedule"] = ("linear", "scaled_linear")
    for key, values in allowed.items():
        if fields[key] not in values:
            kept = ", ".join(repr(value) for value in values)
            raise WeightsError(f"{origin}: {name} with {key}={fields[key]!r} is not built here. Possible: {kept}.")
