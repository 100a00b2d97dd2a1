"""Layers, one public layer a file."""

from kerasarch.layers.adaptive_pooling import AdaptiveAveragePooling2D
from kerasarch.layers.bahdanau_attention import BahdanauAttention
from kerasarch.layers.batch_normalization import BatchNormalization
from kerasarch.layers.block_sparse_attention import BlockSparseAttention
from kerasarch.layers.causal_depthwise_conv1d import CausalDepthwiseConv1D
from kerasarch.layers.causal_self_attention import CausalSelfAttention
from kerasarch.layers.class_projection import ClassProjection
from kerasarch.layers.conditional_batch_normalization import ConditionalBatchNormalization
from kerasarch.layers.conv_norm import ConvNorm, DepthwiseConvNorm
from kerasarch.layers.convnext_block import ConvNeXtBlock
from kerasarch.layers.convolution import Conv2D, Conv2DTranspose, DepthwiseConv2D
from kerasarch.layers.cross_attention import CrossAttention
from kerasarch.layers.decoder_block import DecoderBlock
from kerasarch.layers.dense_connection import DenseConnection, DenseTransition
from kerasarch.layers.diagonal_state_space import DiagonalStateSpace
from kerasarch.layers.diffusion_attention import DiffusionAttention
from kerasarch.layers.diffusion_resampling import DiffusionDownsample, DiffusionUpsample
from kerasarch.layers.diffusion_resnet_block import DiffusionResNetBlock
from kerasarch.layers.disentangled_attention import DisentangledAttention
from kerasarch.layers.disentangled_block import DisentangledBlock
from kerasarch.layers.elman_cell import ElmanCell
from kerasarch.layers.equalized import EqualizedConv2D, EqualizedDense
from kerasarch.layers.feed_forward import FeedForward
from kerasarch.layers.fir_resampling import FIRResampling
from kerasarch.layers.fourier_times import FourierTimes
from kerasarch.layers.gated_recurrent_cell import GatedRecurrentCell
from kerasarch.layers.gated_rms_normalization import GatedRMSNormalization
from kerasarch.layers.group_normalization import GroupNormalization
from kerasarch.layers.image_normalization import ImageNormalization
from kerasarch.layers.inverted_residual import InvertedResidual
from kerasarch.layers.layer_normalization import LayerNormalization
from kerasarch.layers.layer_scale import LayerScale
from kerasarch.layers.linear_attention import LinearAttention
from kerasarch.layers.linear_biases import LinearBiases
from kerasarch.layers.local_response_normalization import LocalResponseNormalization
from kerasarch.layers.log_mel_spectrogram import LogMelSpectrogram
from kerasarch.layers.long_short_term_memory_cell import LongShortTermMemoryCell
from kerasarch.layers.luong_attention import LuongAttention
from kerasarch.layers.mamba2_mixer import Mamba2Mixer
from kerasarch.layers.mamba_mixer import MambaMixer
from kerasarch.layers.masked_convolution import MaskedConv2D
from kerasarch.layers.maxout import Maxout
from kerasarch.layers.mbconv import MBConv
from kerasarch.layers.minibatch_stddev import MinibatchStddev
from kerasarch.layers.modulated_conv import ModulatedConv2D
from kerasarch.layers.noise_injection import NoiseInjection
from kerasarch.layers.normalized_shortcut_block import NormalizedShortcutBlock
from kerasarch.layers.patch_tokens import PatchTokens
from kerasarch.layers.pixel_normalization import PixelNormalization
from kerasarch.layers.pixel_shuffle import PixelShuffle
from kerasarch.layers.pixel_transformer import PixelTransformer
from kerasarch.layers.post_norm_block import PostNormBlock
from kerasarch.layers.post_norm_decoder_block import PostNormDecoderBlock
from kerasarch.layers.preactivation_block import PreactivationBasicBlock, PreactivationBottleneckBlock
from kerasarch.layers.recurrent_stack import RecurrentStack
from kerasarch.layers.reflection_padding import ReflectionPadding
from kerasarch.layers.relative_attention import RelativeAttention
from kerasarch.layers.relative_position_buckets import RelativePositionBuckets
from kerasarch.layers.residual_block import BasicBlock, BottleneckBlock
from kerasarch.layers.rotary_embedding import RotaryEmbedding, RotaryScaling
from kerasarch.layers.s4d_mixer import S4DMixer
from kerasarch.layers.self_attention_2d import SelfAttention2D
from kerasarch.layers.sinusoidal_positions import SinusoidalPositions
from kerasarch.layers.source_block import SourceBlock
from kerasarch.layers.spectral_normalization import SpectralNormalization
from kerasarch.layers.spectrogram_masking import SpectrogramMasking
from kerasarch.layers.squeeze_excite import SqueezeExcite
from kerasarch.layers.state_space_block import StateSpaceBlock
from kerasarch.layers.symmetric_max_pooling import SymmetricMaxPooling
from kerasarch.layers.target_block import TargetBlock
from kerasarch.layers.timestep_embedding import TimestepEmbedding, TimestepSinusoids
from kerasarch.layers.token_convolution import TokenConvolution
from kerasarch.layers.token_pooling import TokenPooling
from kerasarch.layers.trainable_subsampling import TrainableSubsampling
from kerasarch.layers.transformer_block import TransformerBlock
from kerasarch.layers.transformer_encoder_block import TransformerEncoderBlock
from kerasarch.layers.vector_quantizer import VectorQuantizer

__all__ = [
    "AdaptiveAveragePooling2D",
    "BahdanauAttention",
    "BasicBlock",
    "BatchNormalization",
    "BlockSparseAttention",
    "BottleneckBlock",
    "CausalDepthwiseConv1D",
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
    "DiagonalStateSpace",
    "DiffusionAttention",
    "DiffusionDownsample",
    "DiffusionResNetBlock",
    "DiffusionUpsample",
    "DisentangledAttention",
    "DisentangledBlock",
    "ElmanCell",
    "EqualizedConv2D",
    "EqualizedDense",
    "FIRResampling",
    "FeedForward",
    "FourierTimes",
    "GatedRMSNormalization",
    "GatedRecurrentCell",
    "GroupNormalization",
    "ImageNormalization",
    "InvertedResidual",
    "LayerNormalization",
    "LayerScale",
    "LinearAttention",
    "LinearBiases",
    "LocalResponseNormalization",
    "LogMelSpectrogram",
    "LongShortTermMemoryCell",
    "LuongAttention",
    "MBConv",
    "Mamba2Mixer",
    "MambaMixer",
    "MaskedConv2D",
    "Maxout",
    "MinibatchStddev",
    "ModulatedConv2D",
    "NoiseInjection",
    "NormalizedShortcutBlock",
    "PatchTokens",
    "PixelNormalization",
    "PixelShuffle",
    "PixelTransformer",
    "PostNormBlock",
    "PostNormDecoderBlock",
    "PreactivationBasicBlock",
    "PreactivationBottleneckBlock",
    "RecurrentStack",
    "ReflectionPadding",
    "RelativeAttention",
    "RelativePositionBuckets",
    "RotaryEmbedding",
    "RotaryScaling",
    "S4DMixer",
    "SelfAttention2D",
    "SinusoidalPositions",
    "SourceBlock",
    "SpectralNormalization",
    "SpectrogramMasking",
    "SqueezeExcite",
    "StateSpaceBlock",
    "SymmetricMaxPooling",
    "TargetBlock",
    "TimestepEmbedding",
    "TimestepSinusoids",
    "TokenConvolution",
    "TokenPooling",
    "TrainableSubsampling",
    "TransformerBlock",
    "TransformerEncoderBlock",
    "VectorQuantizer",
]
