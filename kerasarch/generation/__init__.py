"""Generation: diffusion processes and their samplers; texts, token after token."""

from kerasarch.generation.caption_sampler import CaptionSampler
from kerasarch.generation.denoise import DenoisingStep, denoise
from kerasarch.generation.diffusion_sampler import DiffusionSampler
from kerasarch.generation.flow import Flow
from kerasarch.generation.likelihood import bits_per_dimension
from kerasarch.generation.methods import METHODS, make_plan
from kerasarch.generation.noise_schedule import NoiseSchedule
from kerasarch.generation.plan import Plan
from kerasarch.generation.plms import plms
from kerasarch.generation.scheduler_config import SAMPLERS, Scheduler, read_scheduler
from kerasarch.generation.solvers import ddim, ddpm, dpm_solver, euler, flow_euler, heun
from kerasarch.generation.text_to_image import TextToImage
from kerasarch.generation.token_choice import TokenChoice
from kerasarch.generation.token_decoder import TokenDecoder

__all__ = [
    "METHODS",
    "SAMPLERS",
    "CaptionSampler",
    "DenoisingStep",
    "DiffusionSampler",
    "Flow",
    "NoiseSchedule",
    "Plan",
    "Scheduler",
    "TextToImage",
    "TokenChoice",
    "TokenDecoder",
    "bits_per_dimension",
    "ddim",
    "ddpm",
    "denoise",
    "dpm_solver",
    "euler",
    "flow_euler",
    "heun",
    "make_plan",
    "plms",
    "read_scheduler",
]
