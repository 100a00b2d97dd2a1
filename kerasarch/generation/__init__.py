"""Generation: diffusion processes and their samplers."""

from kerasarch.generation.denoise import DenoisingStep, denoise
from kerasarch.generation.noise_schedule import NoiseSchedule
from kerasarch.generation.plan import Plan
from kerasarch.generation.solvers import ddim, ddpm, dpm_solver, euler, flow_euler, heun

__all__ = [
    "DenoisingStep",
    "NoiseSchedule",
    "Plan",
    "ddim",
    "ddpm",
    "denoise",
    "dpm_solver",
    "euler",
    "flow_euler",
    "heun",
]
