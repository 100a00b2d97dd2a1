"""Fine-tune a ResNet on your images, unfreezing it from the top down.

Papers: Howard and Ruder, 2018, sections 3.2 and 3.3 (gradual unfreezing, discriminative rates;
https://arxiv.org/abs/1801.06146), on networks of He et al., 2015 (https://arxiv.org/abs/1512.03385).
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from kerasarch.recipe import Ge, Run, recipe
from kerasarch.training import TransferOptions

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# As coarse, narrow and soft as the digits, which are pictures of 8 x 8 pixels.
DRAWING: dict[str, Any] = {"per_class": 240, "characters": LETTERS, "slant": 0.5, "width": (0.6, 1.0), "blur": 0.7}
SMALL = "resnet8_small"
TRIED = 32
"""Pixels of pictures in a quick trial of a large network."""
Variant = Literal[
    "resnet8_small", "resnet20_small", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152",
    "resnet50_v1", "resnet101_v1", "resnet152_v1", "resnet50_v2", "resnet101_v2", "resnet152_v2",
]  # fmt: skip


@recipe(
    task="image-classification",
    data="digits (bundled)",
    expect={"accuracy": ">=0.88", "gain_over_scratch": ">=0.08"},
)
def transfer_resnet(
    run: Run,
    *,
    data: str = "digits",
    variant: Variant | None = None,
    weights: str = "auto",
    labels_per_class: Annotated[int, Ge(1)] | None = None,
    image_size: Annotated[int, Ge(8)] | None = None,
    augment: bool = False,
    workers: Annotated[int, Ge(0)] = 0,
    strict: bool = False,
    letter_epochs: Annotated[int, Ge(1)] = 5,
    transfer: TransferOptions = TransferOptions(),  # noqa: B008 - frozen
) -> dict[str, float]:
    """Fine-tune a ResNet by gradual unfreezing, beside other strategies.

    Without options this is a complete demonstration that needs no network: a small ResNet learns to read printed
    letters, rendered from the fonts that matplotlib bundles; what it learned is transferred to handwritten digits, of
    which only five a class are labelled. Gradual unfreezing is compared with feature extraction, full fine-tuning and
    training from scratch on the same fifty images.

    With --data it does the same for your images: a ResNet-50 with ImageNet weights, unless --variant and --weights say
    otherwise.

    A quick trial (--smoke) trains the chosen strategy alone, in two stages at most; of your own pictures with
    resnet8_small on 16 pixels, or another --variant with fresh weights on 32, unless --weights and --image-size are
    given.

    Args:
        data: Bundled name (digits), folder of class folders, .npz file, or tfds:NAME.
        variant: Size and kind of the network; none is resnet8_small for the bundled digits, else resnet50.
        weights: Where the trained weights come from: letters (learned now, or taken from the cache), imagenet,
            hf:ORG/NAME, timm:NAME, a file or folder, or none for fresh ones; auto is letters for resnet*_small, else
            imagenet.
        labels_per_class: Labelled images a class to learn from; none is 5 for the bundled digits, else all.
        image_size: Height and width in pixels; none is 16 for resnet*_small, else what the weights were trained at.
        augment: Flip, rotate, crop and shade the training images at random.
        workers: Processes that decode and augment images.
        strict: Stop at the first unreadable image instead of leaving it out.
        letter_epochs: Epochs of learning letters.
    """
    import dataclasses
    import functools

    from kerasarch import models
    from kerasarch.data import batches, load_images
    from kerasarch.runs.transfer import (
        CHANGES,
        check_strategy,
        compare_transfer,
        learning_batches,
        preprocessing_for,
    )

    if run.smoke:
        transfer = dataclasses.replace(transfer, compare=False, max_stages=min(transfer.max_stages, 2))
    bundled = data == "digits"
    network_name: str = variant or (SMALL if bundled or run.smoke else "resnet50")
    small = network_name.endswith("_small")
    if weights == "auto":
        weights = "letters" if small else "none" if run.smoke else "imagenet"
    if run.smoke and not small:
        image_size = image_size or TRIED
    if run.smoke and not bundled:
        run.say(f"quick trial: {network_name}, weights {weights}, pictures of {image_size or 16} pixels")
    channels = 1 if weights == "letters" else 3

    images = load_images(
        data, seed=run.seed, validation=0.1, test=0.8 if bundled else 0.2, strict=strict, offline=run.offline
    )

    centred = models.INCEPTION  # pixels from -1 to 1
    if weights == "letters":
        side = image_size or (16 if small else 224)
        pictures = dataclasses.replace(centred, size=(side, side))
    else:
        builder = functools.partial(models.resnet, network_name)
        pictures = preprocessing_for(builder, weights, image_size or (16 if small else None))
    few = labels_per_class or (5 if bundled else None)
    known = images.train.per_class(few, seed=run.seed) if few else images.train
    change = dataclasses.replace(CHANGES, flip=not bundled)
    prepared: dict[str, Any] = {"size": pictures.size, "interpolation": pictures.interpolation, "channels": channels}
    shape = {"batch": transfer.batch, **prepared, "seed": run.seed}
    large = shape | {"batch": max(256 if small else 64, transfer.batch)}  # what needs no gradients
    train = learning_batches(known, transfer, change if augment else None, workers=workers, **shape)
    validation = batches(images.validation, shuffle=False, **large)
    test = batches(images.test or images.validation, shuffle=False, **large)

    letters: Path | None = None

    def make(pretrained: bool, seed: int = run.seed) -> Any:
        if weights == "letters":
            network = models.resnet(
                network_name, classes=len(LETTERS), input_shape=(*pictures.size, 1), preprocessing=centred
            )
            if letters and pretrained:
                network.load_weights(letters)
        else:
            network = models.resnet(
                network_name,
                weights=weights if pretrained and weights != "none" else None,
                input_shape=(*pictures.size, channels),
            )
        network = models.replace_head(network, len(images.classes), dropout=transfer.dropout, seed=seed)
        return models.accept_raw_pixels(network)

    check_strategy(make, transfer)
    if weights == "letters":
        letters = _letters(run, network_name, pictures.size[0], letter_epochs)
    defaults = {"rate": 5e-3, "batch_norm": "open"} if small else {"rate": 1e-3, "batch_norm": "frozen"}
    return compare_transfer(run, make, train, validation, test, transfer, **defaults)


def _letters(run: Run, variant: str, size: int, epochs: int) -> Path:
    """Weights of a network that reads printed letters: from the cache, or learned now and put there."""
    import keras

    from kerasarch import backends, models, training
    from kerasarch.data import batches
    from kerasarch.data.letters import letters
    from kerasarch.training.user_cache import cached_file, keep

    made_by = (variant, size, epochs, run.seed, backends.name(), keras.__version__, sorted(DRAWING.items()))
    cached = cached_file("letters", variant, made_by, ".weights.h5")
    if cached.is_file():
        run.say(f"letters: weights from the cache, {cached}")
        return cached

    network = models.resnet(variant, classes=len(LETTERS), input_shape=(size, size, 1), preprocessing=models.INCEPTION)
    model = models.accept_raw_pixels(network)
    pictures = letters(size=size // 2, seed=run.seed, **DRAWING)  # batches enlarge them
    data = batches(pictures, batch=128, size=(size, size), channels=1, seed=run.seed, drop_remainder=True)
    rate = training.WarmupCosine(3e-3, warmup=data.steps, total=epochs * data.steps)
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=1e-4),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=backends.jit_long_training(),
    )
    run.fit("letters", model, data, epochs=epochs)
    kept = run.dir / "letters.weights.h5"
    network.save_weights(kept)
    if not run.smoke:
        keep(kept, cached)
    return kept
