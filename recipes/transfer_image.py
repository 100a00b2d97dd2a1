"""Transfer any image classifier of the registry to your images.

Papers: Yosinski et al., 2014 (which layers transfer; https://arxiv.org/abs/1411.1792); Howard and Ruder, 2018, sections
3.2 and 3.3 (gradual unfreezing, discriminative rates; https://arxiv.org/abs/1801.06146).
"""

from pathlib import Path
from typing import Annotated, Any

from kerasarch.recipe import Ge, Run, recipe
from kerasarch.training import TransferOptions


@recipe(task="image-classification", data="digits (bundled)")
def transfer_image(
    run: Run,
    *,
    model: str = "mobilenet_v2",
    data: str = "digits",
    weights: str = "imagenet",
    calibration: Path | None = None,
    labels_per_class: Annotated[int, Ge(1)] | None = None,
    image_size: Annotated[int, Ge(8)] | None = None,
    augment: bool = False,
    workers: Annotated[int, Ge(0)] = 0,
    strict: bool = False,
    transfer: TransferOptions = TransferOptions(),  # noqa: B008 - frozen
) -> dict[str, float]:
    """Transfer any registered image classifier to your images.

    The model comes from the registry, a plugin's as well as a built-in one, and its weights from wherever they are
    published. Gradual unfreezing (or another strategy) is compared with feature extraction, full fine-tuning and
    training from scratch on the same images.

    The report judges the chosen strategy as that of train-image does its network: scores of each class and over all,
    the confusion matrix, how well confidence agrees with accuracy.

    A quick trial (--smoke) trains two stages, with fresh weights on 32 pixels unless --weights names other ones than
    imagenet and --image-size is given, so that it needs no network and little time.

    Args:
        model: Family or variant that kerasarch models lists, such as mobilenet_v2 or resnet18.
        data: Folder of class folders, .npz file, tfds:NAME, or a bundled name (digits, letters).
        weights: Where the trained weights come from: imagenet, hf:ORG/NAME, timm:NAME, a file or folder, or none for
            fresh ones.
        calibration: File (.npz) of variables by path that replace the loaded ones, for weights whose BatchNorm
            statistics were folded away.
        labels_per_class: Labelled images a class to learn from; none takes all.
        image_size: Height and width in pixels; none is what the weights were trained at.
        augment: Flip, rotate, crop and shade the training images at random.
        workers: Processes that decode and augment images.
        strict: Stop at the first unreadable image instead of leaving it out.
    """
    import dataclasses

    from kerasarch import models
    from kerasarch import weights as checkpoints
    from kerasarch.data import batches, load_images
    from kerasarch.errors import UsageError
    from kerasarch.registry import load_model_builder
    from kerasarch.runs.transfer import (
        CHANGES,
        check_strategy,
        compare_transfer,
        learning_batches,
        preprocessing_for,
    )

    if run.smoke:
        weights, image_size = ("none" if weights == "imagenet" else weights), image_size or 32
        transfer = dataclasses.replace(transfer, compare=False, max_stages=2)
        run.say(f"quick trial: weights {weights}, pictures of {image_size} pixels")
    if calibration is not None and weights == "none":
        raise UsageError("--calibration: received a file for fresh weights. Expected it beside --weights.")
    builder = load_model_builder(model)
    images = load_images(data, seed=run.seed, test=0.2, strict=strict, offline=run.offline)
    pictures = preprocessing_for(builder, weights, image_size)
    known = images.train.per_class(labels_per_class, seed=run.seed) if labels_per_class else images.train
    prepared: dict[str, Any] = {"size": pictures.size, "interpolation": pictures.interpolation}
    shape = {"batch": transfer.batch, **prepared, "seed": run.seed}
    large = shape | {"batch": max(64, transfer.batch)}  # what needs no gradients
    train = learning_batches(known, transfer, CHANGES if augment else None, workers=workers, **shape)
    validation = batches(images.validation, shuffle=False, workers=workers, **large)
    test = batches(images.test or images.validation, shuffle=False, workers=workers, **large)

    def make(pretrained: bool, seed: int = run.seed) -> Any:
        source = weights if pretrained and weights != "none" else None
        network = builder(input_shape=(*pictures.size, 3), weights=source)
        if source and calibration is not None:
            checkpoints.assign_statistics(network, calibration)
        network = models.replace_head(network, len(images.classes), dropout=transfer.dropout, seed=seed)
        return models.accept_raw_pixels(network)

    check_strategy(make, transfer)
    return compare_transfer(run, make, train, validation, test, transfer)
