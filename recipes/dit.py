"""Draw pictures of a class by diffusion with a transformer in the place of the U-Net.

Paper: Peebles and Xie, 2022 (https://arxiv.org/abs/2212.09748).
"""

from typing import Annotated, Literal

from annotated_types import Gt

from kerasarch.recipe import Ge, Run, recipe
from kerasarch.training import DiffusionMethod, DiffusionOptions


@recipe(
    task="image-generation",
    data="digits (bundled)",
    expect={"frechet_distance": "<=8", "classes_covered": ">=10", "asked_class_share": ">=0.9"},
)
def dit(
    run: Run,
    *,
    schedule: Literal["cosine", "linear", "scaled_linear"] = "cosine",
    zero_terminal_snr: bool = False,
    prediction: Literal["v", "epsilon", "x0"] = "v",
    min_snr: Annotated[float, Gt(0)] | None = 5.0,
    sampler: DiffusionMethod = "dpm_solver",
    patch: Annotated[int, Ge(1)] = 2,
    heads: Annotated[int, Ge(1)] = 4,
    head_width: Annotated[int, Ge(4)] = 24,
    depth: Annotated[int, Ge(1)] = 6,
    generation: DiffusionOptions = DiffusionOptions(epochs=100),  # noqa: B008 - frozen
) -> dict[str, float | None]:
    """Train a diffusion transformer and draw pictures.

    A picture is cut into patches, which a transformer denoises together; time and class steer its normalisations, which
    begin as if each block were not there (adaLN-Zero). It is the network of Stable Diffusion 3's and Flux's kind.

    Choose it to study scaling; on small data a U-Net (recipe ddpm) learns faster. It always learns the classes, so
    there is no --no-conditional.

    Args:
        schedule: How noise grows over the thousand steps of training.
        zero_terminal_snr: Shift the schedule so that its last step is noise alone; not with epsilon.
        prediction: What the network says: the noise (epsilon), the picture (x0), or the mix of both called v.
        min_snr: Cap of the weights by signal-to-noise ratio; none weighs all levels of noise alike.
        sampler: How samples are drawn.
        patch: Side of a patch in pixels.
        heads: Attention heads.
        head_width: Numbers of a head; the transformer's width is as many for each head.
        depth: Blocks.
    """
    from kerasarch import models
    from kerasarch.errors import UsageError
    from kerasarch.generation import NoiseSchedule
    from kerasarch.runs.diffusion import train_diffusion
    from kerasarch.runs.drawing import load_pictures

    process = NoiseSchedule(schedule, zero_terminal_snr=zero_terminal_snr)
    process.check(prediction)
    pictures = load_pictures(run, generation)
    if pictures.size % patch:
        raise UsageError(f"--patch: received {patch}, expected a divisor of {pictures.size} pixels.")
    network = models.dit(
        models.DiTConfig(
            channels=pictures.channels, sample_size=pictures.size, patch=patch, heads=heads, head_width=head_width,
            depth=depth, classes=len(pictures.classes), epsilon=1e-6, shared=True,
        )
    )  # fmt: skip
    return train_diffusion(
        run, network, pictures, generation, process=process, prediction=prediction, method=sampler, gamma=min_snr,
    )  # fmt: skip
