"""Learn to write pictures as grids of codes from a codebook, and to draw such grids.

Papers: van den Oord et al., 2017 (https://arxiv.org/abs/1711.00937); the prior over codes is the masked convolutional
network of van den Oord et al., 2016 (https://arxiv.org/abs/1601.06759).
"""

from typing import Annotated, Any

from annotated_types import Gt

from kerasarch.recipe import Ge, Interval, Run, recipe
from kerasarch.training import GenerativeOptions


@recipe(
    task="image-generation",
    data="digits (bundled)",
    expect={"frechet_distance": "<=20", "perplexity_share": ">=0.333"},
)
def vq_vae(
    run: Run,
    *,
    codes: Annotated[int, Ge(2)] = 64,
    code_width: Annotated[int, Ge(1)] = 16,
    width: Annotated[int, Ge(1)] = 64,
    halvings: Annotated[int, Ge(1)] = 2,
    commitment: Annotated[float, Ge(0)] = 0.25,
    decay: Annotated[float, Interval(ge=0, lt=1)] = 0.99,
    reset_below: Annotated[float, Ge(0)] = 1.0,
    prior_epochs: Annotated[int, Ge(1)] = 60,
    prior_width: Annotated[int, Ge(1)] = 64,
    learning_rate: Annotated[float, Gt(0)] = 1e-3,
    generation: GenerativeOptions = GenerativeOptions(epochs=60),  # noqa: B008 - frozen
) -> dict[str, float]:
    """Train a VQ-VAE and a prior over its codes, and draw pictures.

    An encoder gives each patch of a picture the nearest of a few learned vectors; the picture becomes a small grid of
    numbers. A second network, a PixelCNN, learns which grids there are, and draws new ones one code after the other.
    This is how pictures become tokens. perplexity_share is the share of the codebook that is in use.

    Args:
        codes: Size of the codebook.
        code_width: Length of its vectors.
        width: Channels of encoder and decoder.
        halvings: How often height and width are halved: a grid of 4 by 4 codes for 16 pixels and 2.
        commitment: Weight of the loss that keeps the encoder near its codes.
        decay: Share of the old value in the codebook's moving averages; 0 learns the codebook by its gradient.
        reset_below: Moving count, in vectors a batch, below which a code is replaced by a vector of the batch.
        prior_epochs: Epochs of the prior.
        prior_width: Channels of the prior.
        learning_rate: Adam's learning rate, of both.
    """
    import keras

    from kerasarch import layers, models
    from kerasarch.runs.autoencoding import UNIT, fit_autoencoder, show_reconstructions
    from kerasarch.runs.drawing import finish_generator, load_pictures
    from kerasarch.runs.sample_grids import SampleGrids
    from kerasarch.training import autoencoding

    pictures = load_pictures(run, generation)
    shape = (pictures.size, pictures.size, pictures.channels)
    known = pictures.known().images.astype("float32") / 255
    sizes: dict[str, Any] = {"width": width, "halvings": halvings}
    model = autoencoding.VQVAE(
        models.vq_encoder(shape, code_width, **sizes),
        layers.VectorQuantizer(
            codes, commitment=commitment, decay=decay or None, reset_below=reset_below, seed=run.seed
        ),
        models.vq_decoder(shape, code_width, **sizes),
        variance=float(known.var()),
    )
    prior = models.pixel_cnn(models.code_grid(shape, halvings), codes, width=prior_width)
    sampler = models.CodeSampler(models.CodeDecoder(prior, model.quantizer, model.decoder), pixels=UNIT)
    untrained = sampler.sample(200, run.seed)

    model.compile(keras.optimizers.Adam(learning_rate))
    figures = fit_autoencoder(run, model, pictures)
    figures |= show_reconstructions(run, model.reconstruct, pictures)
    prior.compile(keras.optimizers.Adam(learning_rate), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    grids = model.codes(known)
    samples = SampleGrids(run, lambda: sampler.sample(25, seed=0), caption="Samples over training of the prior")
    run.fit("prior", prior, (grids, grids), epochs=prior_epochs, callbacks=[samples])
    figures["perplexity_share"] = figures["held_out_perplexity"] / codes
    return {**finish_generator(run, sampler, pictures, untrained), **figures}
