"""Generation: diffusion processes and their samplers; texts, token after token."""

from kerasarch.generation.beam_search import BeamSearch, Hypothesis
from kerasarch.generation.caption_sampler import CaptionSampler
from kerasarch.generation.ctc import ctc_beam_search, ctc_greedy
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
from kerasarch.generation.text_generator import TextGenerator
from kerasarch.generation.text_to_image import TextToImage
from kerasarch.generation.token_choice import TokenChoice
from kerasarch.generation.token_decoder import TokenDecoder

__all__ = [
    "METHODS",
    "SAMPLERS",
    "BeamSearch",
    "CaptionSampler",
    "DenoisingStep",
    "DiffusionSampler",
    "Flow",
    "Hypothesis",
    "NoiseSchedule",
    "Plan",
    "Scheduler",
    "TextGenerator",
    "TextToImage",
    "TokenChoice",
    "TokenDecoder",
    "bits_per_dimension",
    "ctc_beam_search",
    "ctc_greedy",
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
