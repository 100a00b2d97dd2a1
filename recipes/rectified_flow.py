"""Draw pictures by following straight lines from noise to data, with a U-Net.

Papers: Liu et al., 2022 (https://arxiv.org/abs/2209.03003); Lipman et al., 2022 (https://arxiv.org/abs/2210.02747);
times, Esser et al., 2024 (https://arxiv.org/abs/2403.03206).
"""

from typing import Literal

from kerasarch.recipe import Run, recipe
from kerasarch.training import UNetDiffusionOptions


@recipe(
    task="image-generation",
    data="digits (bundled)",
    expect={"frechet_distance": "<=4", "classes_covered": ">=10", "asked_class_share": ">=0.9"},
)
def rectified_flow(
    run: Run,
    *,
    times: Literal["logit_normal", "uniform"] = "logit_normal",
    generation: UNetDiffusionOptions = UNetDiffusionOptions(epochs=60),  # noqa: B008 - frozen
) -> dict[str, float | None]:
    """Train a rectified flow and draw pictures.

    A picture and noise are the ends of a straight line; a U-Net learns the direction of the lines through a point. To
    draw, one follows the directions from noise, with Euler's method. It is the training of Stable Diffusion 3 and Flux:
    simpler than a diffusion model's, with no schedule of noise to choose, and good in few steps.

    Args:
        times: Which points of the lines are trained most: all alike, or the middle (logit_normal).
    """
    from kerasarch.generation import Flow
    from kerasarch.runs.diffusion import train_diffusion, unet_of
    from kerasarch.runs.drawing import load_pictures

    pictures = load_pictures(run, generation)
    network = unet_of(generation, pictures.size, pictures.channels, pictures.classes)
    return train_diffusion(
        run, network, pictures, generation, process=Flow(times), prediction="flow", method="flow_euler",
        conditional=generation.conditional,
    )  # fmt: skip
