"""Read handwritten digits with a multilayer perceptron.

Papers: Rumelhart, Hinton and Williams, 1986 (https://doi.org/10.1038/323533a0); He et al., 2015, eq. 10
(initialisation; https://arxiv.org/abs/1502.01852).
"""

from typing import Annotated, Any, Literal

from kerasarch.recipe import Ge, Run, recipe
from kerasarch.training import ClassificationOptions


@recipe(task="image-classification", data="digits (bundled)", expect={"accuracy": ">=0.97"})
def mlp_digits(
    run: Run,
    *,
    data: str = "digits",
    depth: Annotated[int, Ge(0)] = 2,
    width: Annotated[int, Ge(1)] = 256,
    norm: Literal["none", "batch", "layer"] = "batch",
    strict: bool = False,
    options: ClassificationOptions = ClassificationOptions(epochs=30, dropout=0.2, augment=True, average=0.98),  # noqa: B008
) -> dict[str, float]:
    """Read handwritten digits with a multilayer perceptron.

    Hidden layers of ReLU units with He's initialisation see all pixels at once; nothing tells them which pixels are
    neighbours. The recipe mlp-vs-cnn shows what that costs.

    Args:
        data: Bundled name (digits, letters), folder of class folders, .npz file, or tfds:NAME.
        depth: Hidden layers; 0 is a linear classifier.
        width: Units of each hidden layer.
        norm: Normalisation before each activation.
        strict: Stop at the first unreadable image instead of leaving it out.
    """
    from kerasarch import models
    from kerasarch.data import load_images
    from kerasarch.runs.classification import train_classifier

    images = load_images(data, seed=run.seed, validation=0.1, test=0.2, strict=strict, offline=run.offline)
    details: dict[str, Any] = {"depth": depth, "width": width, "norm": norm}
    if options.dropout is not None:
        details["dropout"] = options.dropout

    def make(shape: Any) -> Any:
        return models.accept_raw_pixels(models.mlp(classes=len(images.classes), input_shape=shape, **details))

    return train_classifier(run, make, images, options)
