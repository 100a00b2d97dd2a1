"""Change one part of a small convolutional network at a time: how it pools, what feeds its head, how it normalises.

Papers: Springenberg et al., 2014 (strides instead of pooling; https://arxiv.org/abs/1412.6806); Lin et al., 2013
(global averages; https://arxiv.org/abs/1312.4400); Ioffe and Szegedy, 2015 (BatchNorm;
https://arxiv.org/abs/1502.03167); Wu and He, 2018 (GroupNorm; https://arxiv.org/abs/1803.08494).
"""

from typing import Annotated, Any

from kerasarch.recipe import Ge, Run, recipe
from kerasarch.training import ClassificationOptions

# What shrinks the maps, what feeds the head, and the normalisation: the first row is what the others change a part of.
VARIANTS = {
    "max pooling": ("max", "global average", "batch"),
    "average pooling": ("average", "global average", "batch"),
    "stride-2 convolution": ("stride", "global average", "batch"),
    "global maximum": ("max", "global maximum", "batch"),
    "adaptive 2x2": ("max", "adaptive", "batch"),
    "GroupNorm": ("max", "global average", "group"),
    "no norm": ("max", "global average", "none"),
}


@recipe(task="image-classification", data="digits (bundled)", expect={"best_accuracy": ">=0.97"})
def pooling_ablation(
    run: Run,
    *,
    data: str = "digits",
    widths: tuple[Annotated[int, Ge(1)], ...] = (32, 64),
    groups: Annotated[int, Ge(1)] = 8,
    labels_per_class: Annotated[int, Ge(1)] | None = None,
    strict: bool = False,
    options: ClassificationOptions = ClassificationOptions(epochs=12),  # noqa: B008 - frozen
) -> dict[str, float]:
    """Compare max, average and adaptive pooling, strides, BatchNorm and GroupNorm.

    A network of one 3x3 convolution a stage; each variant changes one part of the first one: the maximum of 2x2
    pixels, their average or a convolution of stride 2; the average of all positions before the head, their maximum or
    averages over a grid of 2x2; BatchNorm, GroupNorm or none.

    Args:
        data: Bundled name (digits, letters), folder of class folders, .npz file, or tfds:NAME.
        widths: Output channels of the stages, each of which halves the picture; multiples of the groups.
        groups: Groups of channels of GroupNorm.
        labels_per_class: Labelled images a class to learn from; none takes all.
        strict: Stop at the first unreadable image instead of leaving it out.
    """
    import dataclasses
    import functools

    from kerasarch.data import load_images
    from kerasarch.runs.classification import compare_classifiers

    images = load_images(data, seed=run.seed, validation=0.1, test=0.2, strict=strict, offline=run.offline)
    if labels_per_class:
        images = dataclasses.replace(images, train=images.train.per_class(labels_per_class, seed=run.seed))
    arguments = (widths, groups, options.dropout or 0.0, len(images.classes))
    makes = {name: functools.partial(_network, parts, *arguments) for name, parts in VARIANTS.items()}
    results = compare_classifiers(run, makes, images, options)

    with run.figure("accuracy", caption="Test accuracy of each variant") as figure:
        axes = figure.subplots()
        names = list(reversed(results))
        axes.barh(names, [results[name]["accuracy"] for name in names])
        axes.set_xlim(left=max(0.0, min(result["accuracy"] for result in results.values()) - 0.05))
        axes.set_xlabel("accuracy")
    best = max(results, key=lambda name: results[name]["choice"])
    run.say(f"best on the validation images: {best}")
    words = {name: name.lower().replace(" ", "_").replace("-", "_") for name in results}
    return {f"{words[name]}_accuracy": result["accuracy"] for name, result in results.items()} | {
        "best_accuracy": results[best]["accuracy"]
    }


def _network(parts: Any, widths: Any, groups: int, dropout: float, classes: int, shape: Any) -> Any:
    """Compose a network of Keras' own layers (this package's versions of them, which are equally fast everywhere)."""
    import keras

    from kerasarch import layers, models

    pooling, before_head, norm = parts
    first = keras.config.image_data_format() == "channels_first"
    axis = 1 if first else -1
    pixels = keras.Input((shape[2], *shape[:2]) if first else shape, name="pixel_values")
    x = pixels
    for stage, width in enumerate(widths, start=1):
        stride = 2 if pooling == "stride" else 1
        x = layers.Conv2D(width, 3, strides=stride, padding="same", name=f"stage{stage}_conv")(x)
        if norm == "batch":
            # Keras' momentum of 0.99 takes longer than a short training to forget where the statistics began.
            x = layers.BatchNormalization(axis=axis, momentum=0.9, name=f"stage{stage}_norm")(x)
        elif norm == "group":
            x = layers.GroupNormalization(groups, axis=axis, name=f"stage{stage}_norm")(x)
        x = keras.layers.ReLU(name=f"stage{stage}_activation")(x)
        if pooling == "max":
            x = keras.layers.MaxPooling2D(2, name=f"stage{stage}_pool")(x)
        elif pooling == "average":
            x = keras.layers.AveragePooling2D(2, name=f"stage{stage}_pool")(x)
    if before_head == "global average":
        x = keras.layers.GlobalAveragePooling2D(name="head_pool")(x)
    elif before_head == "global maximum":
        x = keras.layers.GlobalMaxPooling2D(name="head_pool")(x)
    else:
        x = keras.layers.Flatten(name="head_flatten")(layers.AdaptiveAveragePooling2D(2, name="head_pool")(x))
    if dropout:
        x = keras.layers.Dropout(dropout, name="head_dropout")(x)
    network = models.Network(pixels, keras.layers.Dense(classes, name="head")(x), name="pooling")
    return models.accept_raw_pixels(network, models.INCEPTION)
