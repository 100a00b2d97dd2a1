"""Read handwritten digits with a convolutional network.

Papers: LeCun et al., 1989 (convolution; https://doi.org/10.1162/neco.1989.1.4.541); Lin et al., 2013, section 3.2
(averages before the head; https://arxiv.org/abs/1312.4400).
"""

from typing import Annotated, Any, Literal

from kerasarch.recipe import Ge, Run, recipe
from kerasarch.training import ClassificationOptions


@recipe(task="image-classification", data="digits (bundled)", expect={"accuracy": ">=0.985"})
def cnn_digits(
    run: Run,
    *,
    data: str = "digits",
    widths: tuple[Annotated[int, Ge(1)], ...] = (32, 64),
    depth: Annotated[int, Ge(1)] = 2,
    pooling: Literal["max", "average", "overlapping", "stride", "none"] = "max",
    grid: Annotated[int, Ge(1)] = 2,
    strict: bool = False,
    options: ClassificationOptions = ClassificationOptions(epochs=30, dropout=0.2, augment=True, average=0.98),  # noqa: B008
) -> dict[str, float]:
    """Read handwritten digits with a convolutional network.

    Stages of 3x3 convolutions with batch normalisation, each of which halves the picture, and averages over a grid
    before the head. Images may have any size: they are brought to --image-size.

    Args:
        data: Bundled name (digits, letters), folder of class folders, .npz file, or tfds:NAME.
        widths: Output channels of the stages.
        depth: Convolutions of each stage.
        pooling: How a stage halves the picture.
        grid: Height and width of the grid of averages before the head; 1 is the average over all positions.
        strict: Stop at the first unreadable image instead of leaving it out.
    """
    from kerasarch import models
    from kerasarch.data import load_images
    from kerasarch.runs.classification import train_classifier

    images = load_images(data, seed=run.seed, validation=0.1, test=0.2, strict=strict, offline=run.offline)
    details: dict[str, Any] = {"widths": widths, "depth": depth, "pooling": pooling, "grid": grid}
    if options.dropout is not None:
        details["dropout"] = options.dropout

    def make(shape: Any) -> Any:
        return models.accept_raw_pixels(models.cnn(classes=len(images.classes), input_shape=shape, **details))

    return train_classifier(run, make, images, options)
