"""The options of recipes that train an image classifier from scratch; no Keras import: recipes name them."""

import dataclasses
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Interval

from kerasarch.errors import UsageError


@dataclasses.dataclass(frozen=True)
class ClassificationOptions:
    """Options of every recipe that trains an image classifier from scratch.

    Args:
        epochs: Epochs of training, over all sizes.
        batch: Images a batch.
        optimizer: Optimizer; sgd has a Nesterov momentum of 0.9.
        learning_rate: Highest learning rate.
        warmup_epochs: Epochs over which the rate rises to its highest value.
        cosine: Lower the rate along a cosine to nothing at the end of training; else it stays after the warm-up.
        weight_decay: Decoupled weight decay of the kernels.
        label_smoothing: Part of a label's weight that is spread over all classes.
        mixup: Parameter alpha of Mixup, 0 for none.
        cutmix: Parameter alpha of CutMix, 0 for none; with Mixup, each batch gets one of the two.
        augment: Turn, magnify, shift and shade the training images at random.
        mirror: The images mean the same when they are mirrored: training flips every second one, and --tta looks at
            mirror images too.
        dropout: Rate of the network's dropout; none is what the network has of its own.
        average: Decay of the moving average of the weights that training ends with, such as 0.99; 0 for none.
        patience: Stop after so many epochs without a better validation loss and keep the best weights; none trains all
            epochs.
        class_weights: Weigh the images of a class by how rare it is (balanced), or all alike (none).
        image_size: Height and width in pixels; none is that of the images where all have one, else 64.
        sizes: Progressive resizing: heights and widths in pixels, each for an equal part of the epochs, such as
            16,24,32. The last one is the network's.
        tta: Test-time augmentation: average the probabilities of a test image's views, the whole and five crops.
        ensemble: Networks to train, which differ in their seed; their probabilities are averaged.
        folds: Stratified cross-validation in so many folds instead of one held-out part; 0 for none.
        workers: Processes that decode and augment images.
    """

    epochs: Annotated[int, Ge(1)] = 30
    batch: Annotated[int, Ge(1)] = 64
    optimizer: Literal["adamw", "adam", "sgd", "rmsprop", "lion", "lamb", "nadam"] = "adamw"
    learning_rate: Annotated[float, Gt(0)] = 3e-3
    warmup_epochs: Annotated[float, Ge(0)] = 1.0
    cosine: bool = True
    weight_decay: Annotated[float, Ge(0)] = 1e-4
    label_smoothing: Annotated[float, Interval(ge=0, lt=1)] = 0.0
    mixup: Annotated[float, Ge(0)] = 0.0
    cutmix: Annotated[float, Ge(0)] = 0.0
    augment: bool = False
    mirror: bool = False
    dropout: Annotated[float, Interval(ge=0, lt=1)] | None = None
    average: Annotated[float, Interval(ge=0, lt=1)] = 0.0
    patience: Annotated[int, Ge(1)] | None = None
    class_weights: Literal["none", "balanced"] = "none"
    image_size: Annotated[int, Ge(1)] | None = None
    sizes: tuple[Annotated[int, Ge(1)], ...] = ()
    tta: bool = False
    ensemble: Annotated[int, Ge(1)] = 1
    folds: Annotated[int, Ge(0)] = 0
    workers: Annotated[int, Ge(0)] = 0

    def __post_init__(self) -> None:
        if self.folds == 1:
            raise UsageError("--folds: received 1. Expected 0 for one held-out part, or at least 2 folds.")
        if len(self.sizes) > self.epochs:
            raise UsageError(
                f"--sizes: received {len(self.sizes)} sizes for {self.epochs} epochs. Expected one epoch each at least."
            )
        if self.sizes and self.image_size not in (None, self.sizes[-1]):
            raise UsageError(
                f"--image-size: received {self.image_size} with sizes that end with {self.sizes[-1]}. Expected that "
                "size, or none."
            )

    def size_for(self, own: tuple[int, ...] | None) -> tuple[int, int]:
        """Height and width that the network ends with.

        Args:
            own: Height and width (and more) of the images where all have one, else None.
        """
        side = self.sizes[-1] if self.sizes else self.image_size
        if side is None and own is not None:
            return own[0], own[1]
        side = 64 if side is None else side
        return side, side

    def schedule(self) -> tuple[int, ...]:
        """Epochs of each size, or of the only one: equal parts, the later ones an epoch longer where they differ."""
        parts = max(len(self.sizes), 1)
        return tuple((self.epochs + index) // parts for index in range(parts))
