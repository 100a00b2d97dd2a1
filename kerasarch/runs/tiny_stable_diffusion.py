"""Stable Diffusion in miniature with random weights, for trying recipes without a download.

Its pictures mean nothing.
"""

from typing import Any

START, END = "<|startoftext|>", "<|endoftext|>"
LENGTH = 77


def tiny_stable_diffusion(seed: int) -> Any:
    """Return all parts of Stable Diffusion, for pictures of 16 pixels, with random weights.

    Args:
        seed: Of the weights.

    Raises:
        DependencyError: The package ``tokenizers`` is missing.
    """
    import keras

    from kerasarch import models

    keras.utils.set_random_seed(seed)
    letters = [chr(code) for code in range(ord("!"), ord("~") + 1)]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), START, END]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = models.CLIPTokenizer(vocabulary, [], length=LENGTH)
    encoder = models.clip_text(
        models.CLIPTextConfig(
            len(vocabulary), width=16, depth=1, heads=2, hidden=32, positions=LENGTH, end=vocabulary[END]
        ),
        name="text_encoder",
    )
    unet = models.unet_2d_condition(
        models.UNet2DConditionConfig(
            sample_size=8, widths=(8, 16), depth=1, down=("cross", "plain"), up=("plain", "cross"), heads=2,
            context_width=16, groups=4,
        ),
        name="unet",
    )  # fmt: skip
    autoencoder = models.autoencoder_kl(models.AutoencoderKLConfig(widths=(8, 8), groups=4), name="vae")
    scheduler = {
        "_class_name": "DDIMScheduler", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
        "clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1,
    }  # fmt: skip
    return models.StableDiffusion((tokenizer,), (encoder,), unet, autoencoder, scheduler)
