"""The options that generative recipes share; no Keras import, so that recipes can name them."""

import dataclasses
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Interval

BUNDLED = "digits"


@dataclasses.dataclass(frozen=True)
class GenerativeOptions:
    """Options of every recipe that learns to draw pictures.

    Args:
        data: Folder of class folders or of pictures alone, .npz file, tfds:NAME, or a bundled name (digits, letters).
        image_size: Height and width in pixels; none is 16 for the bundled pictures, else 32.
        channels: 1 for grey pictures, 3 for colour; none is what the data has.
        held_out: Share of the pictures that is kept from training and scored beside the generated ones.
        epochs: Epochs of training.
        batch: Pictures a batch.
        workers: Processes that decode pictures.
        strict: Stop at the first unreadable picture instead of leaving it out.
        score_count: Pictures to draw for the scores; none is as many as were learned from, 1,000 to 10,000.
        inception: For Frechet distances on Inception's features too: auto takes keras.applications' weights where they
            are in Keras' cache, imagenet fetches them, else a file of weights without the head; none for none.
    """

    data: str = BUNDLED
    image_size: Annotated[int, Ge(8)] | None = None
    channels: Literal[1, 3] | None = None
    held_out: Annotated[float, Interval(gt=0, lt=1)] = 0.2
    epochs: Annotated[int, Ge(1)] = 100
    batch: Annotated[int, Ge(2)] = 64
    workers: Annotated[int, Ge(0)] = 0
    strict: bool = False
    score_count: Annotated[int, Ge(100)] | None = None
    inception: str | None = "auto"


@dataclasses.dataclass(frozen=True)
class AdversarialOptions(GenerativeOptions):
    """Options of every recipe in which a generator learns against a discriminator: those above, and these.

    Args:
        latent: Length of the latent vectors.
        width: Channels of the widest maps' layers; the networks grow with its square.
        generator_rate: Learning rate of the generator.
        discriminator_rate: Learning rate of the discriminator.
        average: Pictures after which a weight counts half in the averaged generator that samples are taken from; 0
            takes them from the generator itself.
        augment: Adaptive discriminator augmentation, for small data sets; not for Wasserstein losses.
    """

    latent: Annotated[int, Ge(1)] = 64
    width: Annotated[int, Ge(1)] = 32
    generator_rate: Annotated[float, Gt(0)] = 2e-4
    discriminator_rate: Annotated[float, Gt(0)] = 2e-4
    average: Annotated[float, Ge(0)] = 0
    augment: bool = False


@dataclasses.dataclass(frozen=True)
class AdversarialAdamOptions(AdversarialOptions):
    """Options of adversarial recipes that train with Adam: those above, and these.

    Args:
        beta_1: Decay of Adam's first moment.
        beta_2: Decay of Adam's second moment.
    """

    beta_1: Annotated[float, Interval(ge=0, lt=1)] = 0.5
    beta_2: Annotated[float, Interval(ge=0, lt=1)] = 0.999


@dataclasses.dataclass(frozen=True)
class AutoencoderOptions(GenerativeOptions):
    """Options of recipes that learn an encoder and a decoder with a latent vector between them: those above, and these.

    Args:
        latent: Length of the latent vectors.
        network: Multilayer perceptrons (dense) or strided convolutions (convolutional).
        width: Units of a hidden layer, or channels of the first convolution.
        depth: Hidden layers, or halvings of height and width.
        learning_rate: Adam's learning rate.
    """

    latent: Annotated[int, Ge(1)] = 16
    network: Literal["dense", "convolutional"] = "dense"
    width: Annotated[int, Ge(1)] = 256
    depth: Annotated[int, Ge(1)] = 2
    learning_rate: Annotated[float, Gt(0)] = 1e-3


@dataclasses.dataclass(frozen=True)
class TranslationOptions:
    """Options of every recipe that learns to turn pictures into pictures.

    Args:
        data: Folder of pictures or pairs, .npz file, tfds:NAME, or a bundled name (digits, letters).
        image_size: Height and width in pixels; none is 16 for the bundled pictures, else 64.
        channels: 1 for grey pictures, 3 for colour; none is what the data has.
        held_out: Share of the pictures that is kept from training, where the data has no test part.
        epochs: Epochs of adversarial training.
        batch: Pictures a batch.
        width: Channels of the generator's first layer.
        generator_rate: Adam's learning rate of the generator.
        discriminator_rate: Adam's learning rate of the discriminator.
        beta_1: Decay of Adam's first moment.
        flip: Mirror half of the pictures; for pictures that may stand the other way round.
        workers: Processes that decode pictures.
        strict: Stop at the first unreadable picture instead of leaving it out.
    """

    data: str = BUNDLED
    image_size: Annotated[int, Ge(8)] | None = None
    channels: Literal[1, 3] | None = None
    held_out: Annotated[float, Interval(gt=0, lt=1)] = 0.2
    epochs: Annotated[int, Ge(1)] = 30
    batch: Annotated[int, Ge(1)] = 16
    width: Annotated[int, Ge(1)] = 32
    generator_rate: Annotated[float, Gt(0)] = 2e-4
    discriminator_rate: Annotated[float, Gt(0)] = 2e-4
    beta_1: Annotated[float, Interval(ge=0, lt=1)] = 0.5
    flip: bool = False
    workers: Annotated[int, Ge(0)] = 0
    strict: bool = False
