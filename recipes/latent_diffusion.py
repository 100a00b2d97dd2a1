"""Draw pictures by diffusion in the latent space of an autoencoder.

Paper: Rombach et al., 2021 (https://arxiv.org/abs/2112.10752).
"""

from typing import Annotated, Literal

from annotated_types import Gt

from kerasarch.recipe import Ge, Run, recipe
from kerasarch.training import DiffusionMethod, UNetDiffusionOptions


@recipe(
    task="image-generation",
    data="digits (bundled)",
    expect={"frechet_distance": "<=4", "classes_covered": ">=10", "asked_class_share": ">=0.9"},
)
def latent_diffusion(
    run: Run,
    *,
    autoencoder_epochs: Annotated[int, Ge(1)] = 30,
    autoencoder_width: Annotated[int, Ge(8)] = 32,
    halvings: Annotated[int, Ge(1)] = 1,
    latent: Annotated[int, Ge(1)] = 4,
    captions: bool = False,
    text_width: Annotated[int, Ge(8)] = 64,
    text_depth: Annotated[int, Ge(1)] = 2,
    kl_weight: Annotated[float, Ge(0)] = 1e-3,
    schedule: Literal["cosine", "linear", "scaled_linear"] = "cosine",
    zero_terminal_snr: bool = False,
    prediction: Literal["v", "epsilon", "x0"] = "v",
    min_snr: Annotated[float, Gt(0)] | None = 5.0,
    sampler: DiffusionMethod = "dpm_solver",
    generation: UNetDiffusionOptions = UNetDiffusionOptions(epochs=80, width=32),  # noqa: B008 - frozen
) -> dict[str, float | None]:
    """Train an autoencoder and a diffusion model of its latent maps, and draw pictures.

    An autoencoder learns to write pictures as smaller maps and to read them back. All pictures are written once; a
    U-Net learns to take noise from the maps, and what it draws is read back into pictures. This is how Stable Diffusion
    works: the costly network never sees a pixel. Each phase goes on where it was when the run is resumed. With
    --captions a text encoder learns together with the U-Net, and pictures are drawn of whatever words.

    Choose it for pictures above 64 pixels; --halvings 2 or 3 makes the maps 4 or 8 times smaller on each side.

    Args:
        autoencoder_epochs: Epochs of the autoencoder.
        autoencoder_width: Its channels at full size; lower levels have twice as many.
        halvings: How often height and width are halved.
        latent: Channels of the latent map.
        captions: Learn from captions in place of classes: those of the folder (metadata.jsonl, captions.txt, or a.txt
            beside a.png), else the names of the classes. Draw with kerasarch sample RUN --prompt TEXT.
        text_width: Channels of the network that reads captions; a multiple of 8.
        text_depth: Its blocks.
        kl_weight: What pulls latent maps towards a standard normal distribution, for each nat of a picture.
        schedule: How noise grows over the thousand steps of training.
        zero_terminal_snr: Shift the schedule so that its last step is noise alone; not with epsilon.
        prediction: What the network says: the noise (epsilon), the clean map (x0), or the mix of both called v.
        min_snr: Cap of the weights by signal-to-noise ratio; none weighs all levels of noise alike.
        sampler: How samples are drawn.
    """
    from kerasarch import models
    from kerasarch.errors import UsageError
    from kerasarch.generation import NoiseSchedule
    from kerasarch.runs.caption_reading import captions_of, check_text_width, text_encoder_of
    from kerasarch.runs.diffusion import captioned_unet_of, train_diffusion, unet_of
    from kerasarch.runs.drawing import load_pictures
    from kerasarch.runs.latents import latents_of, train_latent_autoencoder

    if captions and not generation.conditional:
        raise UsageError("--captions and --no-conditional exclude each other: give one of them.")
    if captions:
        check_text_width(text_width)
    process = NoiseSchedule(schedule, zero_terminal_snr=zero_terminal_snr)
    process.check(prediction)
    pictures = load_pictures(run, generation, captions=captions)
    read = captions_of(run, pictures) if captions else None
    autoencoder = models.autoencoder_kl(
        models.AutoencoderKLConfig(
            pictures.channels, pictures.channels, (autoencoder_width, *[2 * autoencoder_width] * halvings), groups=8,
            latent=latent, middle_attention=generation.attention > 0, sample_size=pictures.size,
        ),
        input_shape=(pictures.size, pictures.size, pictures.channels),
    )  # fmt: skip
    figures = train_latent_autoencoder(
        run, autoencoder, pictures, epochs=autoencoder_epochs, kl_weight=kl_weight,
        learning_rate=generation.learning_rate,
    )  # fmt: skip
    space = latents_of(run, autoencoder, pictures, read)
    size = pictures.size // 2**halvings
    if read is None:
        network = unet_of(generation, size, latent, pictures.classes)
    else:
        network = captioned_unet_of(generation, size, latent, text_encoder_of(read, text_width, text_depth))
    drawn = train_diffusion(
        run, network, pictures, generation, space=space, process=process, prediction=prediction,
        method=sampler, gamma=min_snr, conditional=generation.conditional, captions=read,
    )  # fmt: skip
    return {**drawn, **figures}
