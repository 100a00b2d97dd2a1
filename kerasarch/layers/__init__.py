"""Layers, one public layer a file."""

from kerasarch.layers.conv_norm import ConvNorm, DepthwiseConvNorm
from kerasarch.layers.image_normalization import ImageNormalization
from kerasarch.layers.inverted_residual import InvertedResidual
from kerasarch.layers.preactivation_block import PreactivationBasicBlock, PreactivationBottleneckBlock
from kerasarch.layers.residual_block import BasicBlock, BottleneckBlock
from kerasarch.layers.symmetric_max_pooling import SymmetricMaxPooling

__all__ = [
    "BasicBlock",
    "BottleneckBlock",
    "ConvNorm",
    "DepthwiseConvNorm",
    "ImageNormalization",
    "InvertedResidual",
    "PreactivationBasicBlock",
    "PreactivationBottleneckBlock",
    "SymmetricMaxPooling",
]
