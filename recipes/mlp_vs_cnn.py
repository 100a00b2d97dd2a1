"""Hold multilayer perceptrons against convolutional networks, at several depths, on the same images.

Papers: LeCun et al., 1989 (why pictures want shared local weights; https://doi.org/10.1162/neco.1989.1.4.541); Simonyan
and Zisserman, 2014 (growth with depth; https://arxiv.org/abs/1409.1556).
"""

from typing import Annotated, Any

from kerasarch.recipe import Ge, Run, recipe
from kerasarch.training import ClassificationOptions


@recipe(
    task="image-classification",
    data="digits (bundled)",
    expect={"cnn_accuracy": ">=0.97", "gap": ">=0"},
)
def mlp_vs_cnn(
    run: Run,
    *,
    data: str = "digits",
    depths: tuple[Annotated[int, Ge(1)], ...] = (1, 2, 3),
    mlp_width: Annotated[int, Ge(1)] = 256,
    cnn_widths: tuple[Annotated[int, Ge(1)], ...] = (32, 64),
    labels_per_class: Annotated[int, Ge(1)] | None = None,
    strict: bool = False,
    options: ClassificationOptions = ClassificationOptions(epochs=15, dropout=0.2),  # noqa: B008 - frozen
) -> dict[str, float]:
    """Hold MLPs against CNNs, at several depths, on the same images.

    Both have batch normalisation and the same training. The report shows accuracy and parameters by depth. On digits,
    which all fill the frame alike, the gap is small; on photos (--data PATH/cifar10.npz) it is wide, because an MLP has
    to learn every object anew at every place.

    Args:
        data: Bundled name (digits, letters), folder of class folders, .npz file, or tfds:NAME.
        depths: Hidden layers of the MLPs, and convolutions of each stage of the CNNs.
        mlp_width: Units of each hidden layer.
        cnn_widths: Output channels of the stages, each of which halves the picture.
        labels_per_class: Labelled images a class to learn from; none takes all.
        strict: Stop at the first unreadable image instead of leaving it out.
    """
    import dataclasses
    import functools

    from kerasarch import models
    from kerasarch.data import load_images
    from kerasarch.runs.classification import compare_classifiers

    images = load_images(data, seed=run.seed, validation=0.1, test=0.2, strict=strict, offline=run.offline)
    if labels_per_class:
        images = dataclasses.replace(images, train=images.train.per_class(labels_per_class, seed=run.seed))
    details: dict[str, Any] = {"classes": len(images.classes)}
    if options.dropout is not None:
        details["dropout"] = options.dropout

    def mlp(depth: int, shape: Any) -> Any:
        network = models.mlp(input_shape=shape, depth=depth, width=mlp_width, norm="batch", **details)
        return models.accept_raw_pixels(network)

    def cnn(depth: int, shape: Any) -> Any:
        network = models.cnn(input_shape=shape, depth=depth, widths=cnn_widths, grid=2, **details)
        return models.accept_raw_pixels(network)

    kinds = {"mlp": mlp, "cnn": cnn}
    makes = {f"{kind} {depth}": functools.partial(make, depth) for kind, make in kinds.items() for depth in depths}
    results = compare_classifiers(run, makes, images, options)

    _draw(run, results, depths)
    found: dict[str, float] = {}
    for kind in kinds:
        of_kind = [results[f"{kind} {depth}"] for depth in depths]
        found[f"{kind}_accuracy"] = max(of_kind, key=lambda result: result["choice"])["accuracy"]
        found[f"{kind}_growth"] = of_kind[-1]["accuracy"] - of_kind[0]["accuracy"]
    return found | {"gap": found["cnn_accuracy"] - found["mlp_accuracy"]}


def _draw(run: Run, results: Any, depths: Any) -> None:
    """Draw accuracy by depth, and by parameters."""
    with run.figure("depth", caption="Test accuracy by depth and by parameters") as figure:
        by_depth, by_parameters = figure.subplots(1, 2, sharey=True)
        for kind in ("mlp", "cnn"):
            of_kind = [results[f"{kind} {depth}"] for depth in depths]
            accuracies = [result["accuracy"] for result in of_kind]
            by_depth.plot(depths, accuracies, "o-", label=kind.upper())
            by_parameters.semilogx([result["parameters"] for result in of_kind], accuracies, "o-")
        by_depth.set_xticks(list(depths))
        by_depth.set_xlabel("depth")
        by_depth.set_ylabel("accuracy")
        by_parameters.set_xlabel("parameters")
        by_depth.legend(frameon=False)
