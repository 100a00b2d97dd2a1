"""Generation: diffusion processes and their samplers; texts, token after token."""

from kerasarch.generation.beam_search import BeamSearch, Hypothesis
from kerasarch.generation.caption_sampler import CaptionSampler
from kerasarch.generation.ctc import ctc_beam_search, ctc_greedy
from kerasarch.generation.ctc_scores import ctc_scores
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
from kerasarch.generation.speculative import SpeculativeDecoder
from kerasarch.generation.text_generator import TextGenerator
from kerasarch.generation.text_to_image import TextToImage
from kerasarch.generation.text_translator import TextTranslator
from kerasarch.generation.text_writer import TextWriter
from kerasarch.generation.token_choice import TokenChoice
from kerasarch.generation.token_decoder import TokenDecoder
from kerasarch.generation.token_rules import TokenRules
from kerasarch.generation.token_writer import TokenWriter

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
    "SpeculativeDecoder",
    "TextGenerator",
    "TextToImage",
    "TextTranslator",
    "TextWriter",
    "TokenChoice",
    "TokenDecoder",
    "TokenRules",
    "TokenWriter",
    "bits_per_dimension",
    "ctc_beam_search",
    "ctc_greedy",
    "ctc_scores",
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
