"""Draw pictures by taking noise away, step after step, with a U-Net.

Papers: Ho et al., 2020 (https://arxiv.org/abs/2006.11239); cosine schedule, Nichol and Dhariwal, 2021
(https://arxiv.org/abs/2102.09672); v, Salimans and Ho, 2022 (https://arxiv.org/abs/2202.00512); weights, Hang et al.,
2023 (https://arxiv.org/abs/2303.09556); guidance, Ho and Salimans, 2022 (https://arxiv.org/abs/2207.12598).
"""

from typing import Annotated, Literal

from annotated_types import Gt

from kerasarch.recipe import Run, recipe
from kerasarch.training import DiffusionMethod, UNetDiffusionOptions


@recipe(
    task="image-generation",
    data="digits (bundled)",
    expect={"frechet_distance": "<=4", "classes_covered": ">=10", "asked_class_share": ">=0.9"},
)
def ddpm(
    run: Run,
    *,
    schedule: Literal["cosine", "linear", "scaled_linear"] = "cosine",
    zero_terminal_snr: bool = False,
    prediction: Literal["v", "epsilon", "x0"] = "v",
    min_snr: Annotated[float, Gt(0)] | None = 5.0,
    sampler: DiffusionMethod = "dpm_solver",
    generation: UNetDiffusionOptions = UNetDiffusionOptions(epochs=60),  # noqa: B008 - frozen
) -> dict[str, float | None]:
    """Train a denoising diffusion model and draw pictures.

    A U-Net learns to tell the noise in a picture from the picture, at every level of noise. Drawing begins with noise
    alone and takes a little away at each step. The report shows pictures emerging, what guidance, sampler and number of
    steps change, how far samples are from real pictures, and how well the model explains pictures it has not seen.

    Choose it for quality and variety: there is no second player to stay in balance with, and no class is forgotten. It
    draws tens of times slower than a GAN. For pictures above 64 pixels take latent-diffusion.

    Args:
        schedule: How noise grows over the thousand steps of training.
        zero_terminal_snr: Shift the schedule so that its last step is noise alone; not with epsilon.
        prediction: What the network says: the noise (epsilon), the picture (x0), or the mix of both called v.
        min_snr: Cap of the weights by signal-to-noise ratio; none weighs all levels of noise alike.
        sampler: How samples are drawn.
    """
    from kerasarch.generation import NoiseSchedule
    from kerasarch.runs.diffusion import train_diffusion, unet_of
    from kerasarch.runs.drawing import load_pictures

    process = NoiseSchedule(schedule, zero_terminal_snr=zero_terminal_snr)
    process.check(prediction)
    pictures = load_pictures(run, generation)
    network = unet_of(generation, pictures.size, pictures.channels, pictures.classes)
    return train_diffusion(
        run, network, pictures, generation, process=process, prediction=prediction, method=sampler, gamma=min_snr,
        conditional=generation.conditional,
    )  # fmt: skip
