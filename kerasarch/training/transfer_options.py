"""The options of transfer learning that recipes share; no Keras import, so that recipes can name them."""

import dataclasses
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Interval

from kerasarch.errors import UsageError

SCRATCH = "scratch"
"""Name of the control: the same network with fresh weights, trained for as many epochs."""

COMPARED = ("gradual", "extract", "full")
"""What ``compare`` trains besides the chosen strategy, and the control."""


@dataclasses.dataclass(frozen=True)
class TransferOptions:
    """Options of every recipe that transfers a trained network.

    Args:
        strategy: Which layers learn when: gradual opens one group after the other from the top down, extract trains
            the head alone, full trains everything from the first step, bottom-up opens from the input upward after
            the head, selective opens what --open names.
        open: For the strategy selective: groups or layers that learn besides the head, such as stage4 or block_1*.
        compare: Also train by the other strategies and from scratch, on the same images, and tabulate all of them.
        epochs: Epochs of each stage; none is 3, or more where images are so few that 48 batches take longer. Strategies
            with one stage get as many epochs as the gradual one has in all.
        max_stages: Stages at most; neighbouring groups of layers then open together.
        batch: Images a batch.
        optimizer: Optimizer of every layer group.
        learning_rate: Rate of the head; none is 0.005 for networks made for small pictures, else 0.001.
        decay: Each group of layers learns so many times slower than the one above it.
        warmup_epochs: Epochs over which the rate of a group rises after it opens.
        weight_decay: Decoupled weight decay of the kernels.
        label_smoothing: Part of a label's weight that is spread over all classes.
        mixup: Parameter alpha of Mixup, 0 for none.
        cutmix: Parameter alpha of CutMix, 0 for none; with Mixup, each batch gets one of the two.
        mirror: The images mean the same when they are mirrored: training flips every second one, and --tta looks at
            mirror images too.
        dropout: Dropout before the head.
        batch_norm: Whether BatchNormalization learns with its group (open) or keeps its statistics throughout (frozen),
            which suits small batches; none is open for networks made for small pictures, else frozen.
        patience: Stop a stage after so many epochs without a better validation loss and keep the best weights; none
            trains all epochs.
        average: Decay of the moving average of the weights that each stage ends with, such as 0.9; 0 for none.
        class_weights: Weigh the images of a class by how rare it is (balanced), or all alike (none).
        cache_gb: Memory for the activations of frozen layers, in GB; 0 computes them in every epoch.
        views: Augmented versions of each image that the frozen layers see.
        tta: Test-time augmentation: average the probabilities of a test image's views, the whole and five crops.
        ensemble: Networks to train by the chosen strategy, which differ in the first weights of their head and in the
            order of the images; their probabilities are averaged.
    """

    strategy: Literal["gradual", "extract", "full", "bottom-up", "selective"] = "gradual"
    open: tuple[str, ...] = ()
    compare: bool = True
    epochs: Annotated[int, Ge(1)] | None = None
    max_stages: Annotated[int, Ge(1)] = 4
    batch: Annotated[int, Ge(1)] = 16
    optimizer: Literal["adamw", "adam", "sgd", "rmsprop", "lion", "lamb", "nadam"] = "adamw"
    learning_rate: Annotated[float, Gt(0)] | None = None
    decay: Annotated[float, Ge(1)] = 2.6
    warmup_epochs: Annotated[float, Ge(0)] = 0.5
    weight_decay: Annotated[float, Ge(0)] = 1e-4
    label_smoothing: Annotated[float, Interval(ge=0, lt=1)] = 0.0
    mixup: Annotated[float, Ge(0)] = 0.0
    cutmix: Annotated[float, Ge(0)] = 0.0
    mirror: bool = False
    dropout: Annotated[float, Interval(ge=0, lt=1)] = 0.0
    batch_norm: Literal["open", "frozen"] | None = None
    patience: Annotated[int, Ge(1)] | None = None
    average: Annotated[float, Interval(ge=0, lt=1)] = 0.0
    class_weights: Literal["none", "balanced"] = "none"
    cache_gb: Annotated[float, Ge(0)] = 2.0
    views: Annotated[int, Ge(1)] = 4
    tta: bool = False
    ensemble: Annotated[int, Ge(1)] = 1

    def __post_init__(self) -> None:
        mixing = [f"--{name} {getattr(self, name):g}" for name in ("mixup", "cutmix") if getattr(self, name)]
        if mixing and self.batch == 1:
            raise UsageError(
                f"--batch: received 1 with {' and '.join(mixing)}, which mix the images of a batch with each other. "
                "Expected at least 2."
            )

    def epochs_for(self, steps: int) -> int:
        """Epochs of each stage for data of so many batches."""
        return self.epochs or max(3, -(-48 // steps))

    @property
    def chosen(self) -> list[str]:
        """The strategies to train, the chosen one first."""
        others = [*(name for name in COMPARED if name != self.strategy), SCRATCH] if self.compare else []
        return [self.strategy, *others]
