"""Layers, one public layer a file."""

from kerasarch.layers.adaptive_pooling import AdaptiveAveragePooling2D
from kerasarch.layers.batch_normalization import BatchNormalization
from kerasarch.layers.causal_self_attention import CausalSelfAttention
from kerasarch.layers.class_projection import ClassProjection
from kerasarch.layers.conditional_batch_normalization import ConditionalBatchNormalization
from kerasarch.layers.conv_norm import ConvNorm, DepthwiseConvNorm
from kerasarch.layers.convnext_block import ConvNeXtBlock
from kerasarch.layers.convolution import Conv2D, Conv2DTranspose, DepthwiseConv2D
from kerasarch.layers.cross_attention import CrossAttention
from kerasarch.layers.decoder_block import DecoderBlock
from kerasarch.layers.dense_connection import DenseConnection, DenseTransition
from kerasarch.layers.diffusion_attention import DiffusionAttention
from kerasarch.layers.diffusion_resampling import DiffusionDownsample, DiffusionUpsample
from kerasarch.layers.diffusion_resnet_block import DiffusionResNetBlock
from kerasarch.layers.equalized import EqualizedConv2D, EqualizedDense
from kerasarch.layers.feed_forward import FeedForward
from kerasarch.layers.fir_resampling import FIRResampling
from kerasarch.layers.fourier_times import FourierTimes
from kerasarch.layers.group_normalization import GroupNormalization
from kerasarch.layers.image_normalization import ImageNormalization
from kerasarch.layers.inverted_residual import InvertedResidual
from kerasarch.layers.layer_normalization import LayerNormalization
from kerasarch.layers.layer_scale import LayerScale
from kerasarch.layers.local_response_normalization import LocalResponseNormalization
from kerasarch.layers.masked_convolution import MaskedConv2D
from kerasarch.layers.maxout import Maxout
from kerasarch.layers.mbconv import MBConv
from kerasarch.layers.minibatch_stddev import MinibatchStddev
from kerasarch.layers.modulated_conv import ModulatedConv2D
from kerasarch.layers.noise_injection import NoiseInjection
from kerasarch.layers.patch_tokens import PatchTokens
from kerasarch.layers.pixel_normalization import PixelNormalization
from kerasarch.layers.pixel_shuffle import PixelShuffle
from kerasarch.layers.pixel_transformer import PixelTransformer
from kerasarch.layers.preactivation_block import PreactivationBasicBlock, PreactivationBottleneckBlock
from kerasarch.layers.reflection_padding import ReflectionPadding
from kerasarch.layers.residual_block import BasicBlock, BottleneckBlock
from kerasarch.layers.rotary_embedding import RotaryEmbedding, RotaryScaling
from kerasarch.layers.self_attention_2d import SelfAttention2D
from kerasarch.layers.spectral_normalization import SpectralNormalization
from kerasarch.layers.squeeze_excite import SqueezeExcite
from kerasarch.layers.symmetric_max_pooling import SymmetricMaxPooling
from kerasarch.layers.timestep_embedding import TimestepEmbedding, TimestepSinusoids
from kerasarch.layers.token_pooling import TokenPooling
from kerasarch.layers.trainable_subsampling import TrainableSubsampling
from kerasarch.layers.transformer_block import TransformerBlock
from kerasarch.layers.transformer_encoder_block import TransformerEncoderBlock
from kerasarch.layers.vector_quantizer import VectorQuantizer

__all__ = [
    "AdaptiveAveragePooling2D",
    "BasicBlock",
    "BatchNormalization",
    "BottleneckBlock",
    "CausalSelfAttention",
    "ClassProjection",
    "ConditionalBatchNormalization",
    "Conv2D",
    "Conv2DTranspose",
    "ConvNeXtBlock",
    "ConvNorm",
    "CrossAttention",
    "DecoderBlock",
    "DenseConnection",
    "DenseTransition",
    "DepthwiseConv2D",
    "DepthwiseConvNorm",
    "DiffusionAttention",
    "DiffusionDownsample",
    "DiffusionResNetBlock",
    "DiffusionUpsample",
    "EqualizedConv2D",
    "EqualizedDense",
    "FIRResampling",
    "FeedForward",
    "FourierTimes",
    "GroupNormalization",
    "ImageNormalization",
    "InvertedResidual",
    "LayerNormalization",
    "LayerScale",
    "LocalResponseNormalization",
    "MBConv",
    "MaskedConv2D",
    "Maxout",
    "MinibatchStddev",
    "ModulatedConv2D",
    "NoiseInjection",
    "PatchTokens",
    "PixelNormalization",
    "PixelShuffle",
    "PixelTransformer",
    "PreactivationBasicBlock",
    "PreactivationBottleneckBlock",
    "ReflectionPadding",
    "RotaryEmbedding",
    "RotaryScaling",
    "SelfAttention2D",
    "SpectralNormalization",
    "SqueezeExcite",
    "SymmetricMaxPooling",
    "TimestepEmbedding",
    "TimestepSinusoids",
    "TokenPooling",
    "TrainableSubsampling",
    "TransformerBlock",
    "TransformerEncoderBlock",
    "VectorQuantizer",
]
