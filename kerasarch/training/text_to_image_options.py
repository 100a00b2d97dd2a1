"""The options of recipes that draw pictures of texts; no Keras import, so that recipes can name them."""

import dataclasses
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Interval

TextSampler = Literal[
    "ddim", "ddpm", "plms", "euler", "euler_ancestral", "heun", "dpm_solver", "dpm_solver_single", "flow_euler"
]
"""Samplers by the names of ``kerasarch.generation.SAMPLERS``."""


@dataclasses.dataclass(frozen=True)
class TextToImageOptions:
    """Options of every recipe that draws with Stable Diffusion.

    Args:
        weights: Folder of a Stable Diffusion pipeline in diffusers' layout, or hf:org/name.
        adapters: File or folder of low-rank adapters in diffusers' layout.
        prompt: What to draw.
        negative: What to keep away from.
        count: Pictures to draw.
        batch: Pictures that are drawn at a time.
        steps: Steps of the sampler.
        guidance: Weight of the prompt; 1 is none.
        rescale: Share of the growth in contrast by guidance that is taken back.
        sampler: In the place of the one that the folder names.
        previews: Write what is seen so far after every so many steps; 0 for never.
        precision: Precision of text encoders and U-Net.
    """

    weights: str | None = None
    adapters: str | None = None
    prompt: str = "a photograph of a cat"
    negative: str | None = None
    count: Annotated[int, Ge(1)] = 4
    batch: Annotated[int, Ge(1)] = 4
    steps: Annotated[int, Ge(1)] = 50
    guidance: Annotated[float, Gt(0)] = 7.5
    rescale: Annotated[float, Interval(ge=0, le=1)] = 0.0
    sampler: TextSampler | None = None
    previews: Annotated[int, Ge(0)] = 0
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16", "float16", "bfloat16"] = "float32"
