"""Train any image classifier of the registry from scratch on your images.

Papers: those of the models; Guo et al., 2017 (calibration; https://arxiv.org/abs/1706.04599).
"""

from typing import Annotated, Any

from kerasarch.recipe import Ge, Run, recipe
from kerasarch.training import ClassificationOptions


@recipe(task="image-classification", data="digits (bundled)")
def train_image(
    run: Run,
    *,
    model: str = "resnet8_small",
    data: str = "digits",
    labels_per_class: Annotated[int, Ge(1)] | None = None,
    strict: bool = False,
    options: ClassificationOptions = ClassificationOptions(),  # noqa: B008 - frozen
) -> dict[str, float]:
    """Train any registered image classifier from scratch on your images.

    The model comes from the registry, a plugin's as well as a built-in one, with fresh weights. The report has scores
    of each class and over all, the confusion matrix, how well confidence agrees with accuracy, and pictures that were
    recognised and mistaken.

    Args:
        model: Family or variant that kerasarch models lists, such as lenet5, cnn or resnet18_small.
        data: Folder of class folders, .npz file, tfds:NAME, or a bundled name (digits, letters).
        labels_per_class: Labelled images a class to learn from; none takes all.
        strict: Stop at the first unreadable image instead of leaving it out.
    """
    import dataclasses

    from kerasarch import models
    from kerasarch.data import load_images
    from kerasarch.registry import load_model_builder
    from kerasarch.runs.classification import train_classifier

    builder = load_model_builder(model)
    images = load_images(data, seed=run.seed, validation=0.1, test=0.2, strict=strict, offline=run.offline)
    if labels_per_class:
        images = dataclasses.replace(images, train=images.train.per_class(labels_per_class, seed=run.seed))
    classes = len(images.classes)

    def make(shape: Any) -> Any:
        network = builder(input_shape=shape, classes=classes, weights=None)
        if options.dropout is not None:
            network = models.replace_head(network, classes, dropout=options.dropout)
        network = models.accept_raw_pixels(network)
        if preprocessing := getattr(network, "preprocessing", None):
            # Fresh weights expect nothing yet: they learn from pictures as the batches have them.
            network.preprocessing = dataclasses.replace(preprocessing, interpolation="bilinear")
        return network

    return train_classifier(run, make, images, options)
