"""Layers, one public layer a file."""

from kerasarch.layers.batch_normalization import BatchNormalization
from kerasarch.layers.class_projection import ClassProjection
from kerasarch.layers.conv_norm import ConvNorm, DepthwiseConvNorm
from kerasarch.layers.convolution import Conv2D, DepthwiseConv2D
from kerasarch.layers.image_normalization import ImageNormalization
from kerasarch.layers.inverted_residual import InvertedResidual
from kerasarch.layers.maxout import Maxout
from kerasarch.layers.preactivation_block import PreactivationBasicBlock, PreactivationBottleneckBlock
from kerasarch.layers.residual_block import BasicBlock, BottleneckBlock
from kerasarch.layers.spectral_normalization import SpectralNormalization
from kerasarch.layers.symmetric_max_pooling import SymmetricMaxPooling

__all__ = [
    "BasicBlock",
    "BatchNormalization",
    "BottleneckBlock",
    "ClassProjection",
    "Conv2D",
    "ConvNorm",
    "DepthwiseConv2D",
    "DepthwiseConvNorm",
    "ImageNormalization",
    "InvertedResidual",
    "Maxout",
    "PreactivationBasicBlock",
    "PreactivationBottleneckBlock",
    "SpectralNormalization",
    "SymmetricMaxPooling",
]
