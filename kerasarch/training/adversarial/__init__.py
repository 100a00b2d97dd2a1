"""Adversarial training: losses, penalties, augmentation, and a learner for each kind of adversarial model."""

from typing import TYPE_CHECKING

from kerasarch.lazy import lazy_names

if TYPE_CHECKING:
    from kerasarch.training.adversarial.augmentation import AdaptiveAugmentation
    from kerasarch.training.adversarial.biggan import BigGAN
    from kerasarch.training.adversarial.cyclegan import CycleGAN
    from kerasarch.training.adversarial.gan import GAN
    from kerasarch.training.adversarial.image_pool import ImagePool
    from kerasarch.training.adversarial.image_quality import PeakSignalToNoise, StructuralSimilarity
    from kerasarch.training.adversarial.lazy import Lazily
    from kerasarch.training.adversarial.losses import AdversarialLoss, adversarial_loss
    from kerasarch.training.adversarial.penalties import (
        clip_weights,
        gradient_penalty,
        interpolate,
        kernels_of,
        orthogonal_penalty,
        path_lengths,
        r1_penalty,
        r2_penalty,
    )
    from kerasarch.training.adversarial.pix2pix import Pix2Pix
    from kerasarch.training.adversarial.regularizers import R1, R2, GradientPenalty, PathLength, Penalty
    from kerasarch.training.adversarial.srgan import SRGAN
    from kerasarch.training.adversarial.stylegan2 import StyleGAN2, lazy_adam
    from kerasarch.training.adversarial.wasserstein import WGAN, WGANGP

_HOMES = {
    "AdaptiveAugmentation": "augmentation",
    "AdversarialLoss": "losses",
    "BigGAN": "biggan",
    "CycleGAN": "cyclegan",
    "GAN": "gan",
    "GradientPenalty": "regularizers",
    "ImagePool": "image_pool",
    "Lazily": "lazy",
    "PathLength": "regularizers",
    "PeakSignalToNoise": "image_quality",
    "Penalty": "regularizers",
    "Pix2Pix": "pix2pix",
    "R1": "regularizers",
    "R2": "regularizers",
    "SRGAN": "srgan",
    "StructuralSimilarity": "image_quality",
    "StyleGAN2": "stylegan2",
    "WGAN": "wasserstein",
    "WGANGP": "wasserstein",
    "adversarial_loss": "losses",
    "clip_weights": "penalties",
    "gradient_penalty": "penalties",
    "interpolate": "penalties",
    "kernels_of": "penalties",
    "lazy_adam": "stylegan2",
    "orthogonal_penalty": "penalties",
    "path_lengths": "penalties",
    "r1_penalty": "penalties",
    "r2_penalty": "penalties",
}

__all__ = [
    "GAN",
    "R1",
    "R2",
    "SRGAN",
    "WGAN",
    "WGANGP",
    "AdaptiveAugmentation",
    "AdversarialLoss",
    "BigGAN",
    "CycleGAN",
    "GradientPenalty",
    "ImagePool",
    "Lazily",
    "PathLength",
    "PeakSignalToNoise",
    "Penalty",
    "Pix2Pix",
    "StructuralSimilarity",
    "StyleGAN2",
    "adversarial_loss",
    "clip_weights",
    "gradient_penalty",
    "interpolate",
    "kernels_of",
    "lazy_adam",
    "orthogonal_penalty",
    "path_lengths",
    "r1_penalty",
    "r2_penalty",
]

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
