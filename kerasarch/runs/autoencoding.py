"""What the recipes with an encoder and a decoder share: training, reconstructions, samples, scores."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kerasarch.recipe import Run
from kerasarch.runs.adversarial import SCORED_BEFORE
from kerasarch.runs.drawing import Pictures, finish_generator
from kerasarch.training.generative_options import AutoencoderOptions

UNIT = (0.0, 1.0)
"""Pixels of likelihoods and squared errors."""
SHOWN = 500
"""Held-out pictures that are reconstructed for the report, at most."""


def train_autoencoder(
    run: Run,
    model: Any,
    sampler: Any,
    pictures: Pictures,
    optimizer: Any,
    reconstruct: Callable[[Any], Any],
    *,
    pixels: tuple[float, float] = UNIT,
    callbacks: Sequence[Any] = (),
) -> dict[str, float]:
    """Train an autoencoder with a prior, draw, reconstruct, save and score.

    Args:
        run: The run.
        model: The autoencoder or learner, not compiled.
        sampler: The `kerasarch.models.LatentSampler` on its decoder.
        pictures: What it learns from.
        optimizer: What ``compile`` takes.
        reconstruct: Pictures in the range ``pixels`` to their reconstructions.
        pixels: What black and white are to the networks.
        callbacks: Further callbacks.

    Returns:
        The scores, and the figures on the held-out pictures: ``held_out_`` and the name of the metric.
    """
    from kerasarch.runs.sample_grids import SampleGrids

    model.compile(optimizer)
    untrained = sampler.sample(min(SCORED_BEFORE, max(len(pictures.train), 200)), run.seed)
    grids = SampleGrids(run, lambda: sampler.sample(25, seed=0))
    figures = fit_autoencoder(run, model, pictures, pixels=pixels, callbacks=[*callbacks, grids])
    figures |= show_reconstructions(run, reconstruct, pictures, pixels)
    return {**finish_generator(run, sampler, pictures, untrained), **figures}


def fit_autoencoder(
    run: Run,
    model: Any,
    pictures: Pictures,
    *,
    pixels: tuple[float, float] = UNIT,
    epochs: int | None = None,
    callbacks: Sequence[Any] = (),
) -> dict[str, float]:
    """Train a compiled autoencoder and judge it on the held-out pictures.

    Args:
        run: The run.
        model: The model.
        pictures: What it learns from.
        pixels: What black and white are to it.
        epochs: Epochs of training; None for what the options say.
        callbacks: Keras callbacks.

    Returns:
        ``held_out_`` and the name of each metric.
    """
    held_out = pictures.held_out_batches(pixels=pixels)
    run.fit(
        "autoencoder", model, pictures.batches(pixels=pixels), epochs=epochs or pictures.options.epochs,
        validation_data=held_out, callbacks=callbacks,
    )  # fmt: skip
    judged = model.evaluate(held_out, verbose=0, return_dict=True)
    return {f"held_out_{name}": float(value) for name, value in judged.items() if name != "loss"}


def show_reconstructions(
    run: Run, reconstruct: Callable[[Any], Any], pictures: Pictures, pixels: tuple[float, float] = UNIT
) -> dict[str, float]:
    """Put held-out pictures and their reconstructions into the report.

    Args:
        run: The run.
        reconstruct: Pictures in the range ``pixels`` to their reconstructions.
        pictures: What was learned from.
        pixels: What black and white are.

    Returns:
        ``reconstruction_psnr`` in decibels and ``reconstruction_ssim``.
    """
    import keras

    from kerasarch.runs.generative_figures import show_pairs

    black, white = pixels
    originals = pictures.known(held_out=True).images[:SHOWN]
    first = keras.config.image_data_format() == "channels_first"
    found = []
    for start in range(0, len(originals), 100):
        x = originals[start : start + 100].astype(np.float32) / 255 * (white - black) + black
        made = keras.ops.convert_to_numpy(reconstruct(np.moveaxis(x, -1, 1) if first else x)).astype(np.float32)
        made = (made - black) / (white - black) * 255
        found.append(np.clip(np.rint(np.moveaxis(made, 1, -1) if first else made), 0, 255).astype(np.uint8))
    agreement = show_pairs(
        run, "reconstructions", [("reconstruction", np.concatenate(found)), ("held out", originals)],
        caption="Held-out pictures and what the decoder makes of their codes",
    )  # fmt: skip
    return {f"reconstruction_{name}": value for name, value in agreement.items()}


def train_variational(
    run: Run,
    pictures: Pictures,
    options: AutoencoderOptions,
    *,
    likelihood: str,
    warmup_epochs: int,
    beta: float = 1.0,
    traverse: bool = False,
) -> dict[str, float]:
    """Build and train a (beta-)VAE.

    Args:
        run: The run.
        pictures: What it learns from.
        options: The options.
        likelihood: ``"bernoulli"`` or ``"gaussian"``.
        warmup_epochs: Epochs over which the weight of the KL term rises from 0.
        beta: Weight of the KL term.
        traverse: Show what each active latent component does.

    Returns:
        As `train_autoencoder`.
    """
    import keras

    from kerasarch import models
    from kerasarch.training import autoencoding

    shape = (pictures.size, pictures.size, pictures.channels)
    sizes: dict[str, Any] = {"kind": options.network, "width": options.width, "depth": options.depth}
    bernoulli = likelihood == "bernoulli"
    decoder = models.vae_decoder(shape, options.latent, **sizes)
    model = autoencoding.VAE(
        models.vae_encoder(shape, options.latent, **sizes),
        decoder,
        autoencoding.Bernoulli() if bernoulli else autoencoding.Gaussian(step=1 / 255),
        beta=beta,
        warmup_steps=warmup_epochs * pictures.batches(pixels=UNIT).steps,
        seed=run.seed,
    )
    sampler = models.LatentSampler(decoder, options.latent, pixels=UNIT, activation="sigmoid" if bernoulli else None)
    callbacks = [autoencoding.PosteriorCollapse(options.latent, patience=warmup_epochs + 1)]
    optimizer = keras.optimizers.Adam(options.learning_rate)
    figures = train_autoencoder(run, model, sampler, pictures, optimizer, model.reconstruct, callbacks=callbacks)
    if traverse:
        show_traversals(run, model, sampler, pictures)
    return figures


def show_traversals(run: Run, model: Any, sampler: Any, pictures: Pictures, *, rows: int = 8, steps: int = 9) -> None:
    """Put what single latent components do into the report: one changes from -3 to 3, the others stay.

    Higgins et al., 2017, figure 1 (https://openreview.net/forum?id=Sy2fzU9gl). Components whose posterior means vary
    most come first.

    Args:
        run: The run.
        model: A trained `kerasarch.training.autoencoding.VAE`.
        sampler: The sampler on its decoder.
        pictures: What it learned from; the first held-out picture is the one that changes.
        rows: Components at most.
        steps: Pictures of a row.
    """
    import keras

    from kerasarch.runs.figures import draw_pictures
    from kerasarch.runs.pictures import tile

    x = pictures.known(held_out=True).images[:SHOWN].astype(np.float32) / 255
    if keras.config.image_data_format() == "channels_first":
        x = np.moveaxis(x, -1, 1)
    means = keras.ops.convert_to_numpy(model.encode(x).mean)
    chosen = np.argsort(-means.var(axis=0))[:rows]
    walks = np.repeat(means[:1], len(chosen) * steps, axis=0)
    for row, component in enumerate(chosen):
        walks[row * steps : (row + 1) * steps, component] = np.linspace(-3, 3, steps)
    images = list(sampler.generate(walks))
    strips = [tile(images[row * steps : (row + 1) * steps], steps) for row in range(len(chosen))]
    names = [f"z{component}" for component in chosen]
    with run.figure("traversals", caption="One latent component from -3 to 3, the others as in one picture") as figure:
        draw_pictures(figure, strips, (), 1, rows=names)
