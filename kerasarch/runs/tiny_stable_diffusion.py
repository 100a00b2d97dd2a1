"""Stable Diffusion in miniature with random weights, for trying recipes without a download.

Its pictures mean nothing.
"""

from typing import Any

START, END = "<|startoftext|>", "<|endoftext|>"
LENGTH = 77


def tiny_stable_diffusion() -> Any:
    """Return all parts of Stable Diffusion, for pictures of 16 pixels, with weights from the global seed.

    Raises:
        DependencyError: The package ``tokenizers`` is missing.
    """
    from kerasarch import models

    letters = [chr(code) for code in range(ord("!"), ord("~") + 1)]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), START, END]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = models.CLIPTokenizer(vocabulary, [], length=LENGTH)
    # As few shapes and operations as there can be: JAX compiles each of them.
    encoder = models.clip_text(
        models.CLIPTextConfig(len(vocabulary), 8, 1, 2, hidden=8, positions=LENGTH, end=vocabulary[END]),
        name="text_encoder",
    )
    unet = models.unet_2d_condition(
        models.UNet2DConditionConfig(
            sample_size=8, widths=(8,), depth=1, down=("cross",), up=("cross",), middle=None, heads=2,
            context_width=8, groups=4, time_width=8, linear_projection=True,
        ),
        name="unet",
    )  # fmt: skip
    autoencoder = models.autoencoder_kl(
        models.AutoencoderKLConfig(widths=(8, 8), groups=4, middle_attention=False), name="vae"
    )
    scheduler = {
        "_class_name": "DDIMScheduler", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
        "clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1,
    }  # fmt: skip
    return models.StableDiffusion((tokenizer,), (encoder,), unet, autoencoder, scheduler)
