"""The first half of latent diffusion: an autoencoder, and pictures that it wrote as latent maps."""

from typing import Any

import numpy as np

from kerasarch.errors import UsageError
from kerasarch.recipe import Run
from kerasarch.runs.autoencoding import fit_autoencoder, show_reconstructions
from kerasarch.runs.diffusion import Captions, Space
from kerasarch.runs.drawing import Pictures

PIXELS = (-1.0, 1.0)
ENCODED = 64
"""Pictures that are encoded at a time."""


def train_latent_autoencoder(
    run: Run, autoencoder: Any, pictures: Pictures, *, epochs: int, kl_weight: float, learning_rate: float
) -> dict[str, float]:
    """Train an autoencoder for latent diffusion, and show what it makes of held-out pictures.

    Args:
        run: The run.
        autoencoder: A `kerasarch.models.AutoencoderKL`.
        pictures: What it learns from.
        epochs: Epochs of training.
        kl_weight: Weight of the KL term.
        learning_rate: Adam's, after a warm-up, falling to zero.

    Returns:
        ``held_out_absolute_error`` (black and white are 2 apart), ``held_out_kl`` in nats, ``reconstruction_psnr`` in
        decibels, ``reconstruction_ssim``.

    Raises:
        UsageError: The pictures cannot be halved so often.
    """
    import keras

    from kerasarch.training import WarmupCosine
    from kerasarch.training.autoencoding import LatentAutoencoder

    times = 2 ** (len(autoencoder.config.widths) - 1)
    if pictures.size % times:
        raise UsageError(f"--image-size: received {pictures.size}, expected a multiple of {times} for these halvings.")
    model = LatentAutoencoder(autoencoder, kl_weight=kl_weight, seed=run.seed)
    total = pictures.batches().steps * epochs
    model.compile(keras.optimizers.Adam(WarmupCosine(learning_rate, warmup=total // 20, total=total)))
    figures = fit_autoencoder(run, model, pictures, pixels=PIXELS, epochs=epochs)
    return figures | show_reconstructions(run, autoencoder.predict_on_batch, pictures, PIXELS)


def latents_of(run: Run, autoencoder: Any, pictures: Pictures, captions: Captions | None = None) -> Space:
    """Write all pictures as latent maps, once; they are scaled to unit variance.

    Rombach et al., 2021, appendix G (https://arxiv.org/abs/2112.10752). The scale is kept in the autoencoder's config.

    Args:
        run: The run.
        autoencoder: A trained `kerasarch.models.AutoencoderKL`.
        pictures: What was learned from.
        captions: What stands beside each map in place of its class.
    """
    from kerasarch import models
    from kerasarch.training import ArrayBatches

    def beside(labels: np.ndarray) -> np.ndarray:
        return labels.astype("int32") if captions is None else captions.ids[labels]

    known, held_out = pictures.known(), pictures.known(held_out=True)
    maps = _encode(autoencoder, known.images, run.seed)
    autoencoder.rescale(1 / maps.std())
    train, rest = (
        np.asarray(autoencoder.normalise(part), np.float32)
        for part in (maps, _encode(autoencoder, held_out.images, run.seed + 1))
    )
    run.say(f"latent maps of {len(train):,} pictures: {' x '.join(map(str, train.shape[1:]))}, encoded once")
    batch = min(pictures.options.batch, len(train))
    return Space(
        train.shape[1:],
        ArrayBatches(train, beside(known.labels), batch=batch, seed=run.seed, drop_remainder=True),
        ArrayBatches(
            rest, beside(held_out.labels), batch=min(batch, len(rest)), shuffle=False, drop_remainder=pictures.trial
        ),
        limit=None,
        decoder=models.LatentDecoder(autoencoder),
    )


def _encode(autoencoder: Any, images: np.ndarray, seed: int) -> np.ndarray:
    """Draw a latent map for each picture."""
    import keras

    from kerasarch.models import DiagonalGaussian

    first = keras.config.image_data_format() == "channels_first"
    layers = [layer for layer in (autoencoder.encoder, autoencoder.quantise) if layer is not None]
    shape = images.shape[1:]
    encoder = keras.Sequential([keras.Input((shape[2], *shape[:2]) if first else shape), *layers])
    found = []
    for start in range(0, len(images), ENCODED):
        take = np.arange(start, start + ENCODED) % len(images)  # a last chunk is filled up
        x = images[take].astype("float32") / 127.5 - 1
        moments = encoder.predict_on_batch(np.moveaxis(x, -1, 1) if first else x)
        posterior = DiagonalGaussian(moments, axis=autoencoder.axis)
        mean, std = (keras.ops.convert_to_numpy(part) for part in (posterior.mean, posterior.std))
        noise = np.random.default_rng([seed, start]).standard_normal(mean.shape)
        found.append((mean + std * noise)[: len(images) - start])
    return np.concatenate(found).astype("float32")
