"""Every public layer does what every layer must do."""

import keras
import pytest

from kerasarch import layers
from tests import conformance
from tests.conformance import Row

pytestmark = conformance.QUIET

LINEAR = {"kind": "linear", "factor": 2.0}
ROWS = [
    Row("adaptive_average_pooling", lambda **k: layers.AdaptiveAveragePooling2D((2, 3), **k), (5, 4, 2)),
    Row("batch_normalization", lambda **k: layers.BatchNormalization(**k), (3, 4, 2)),
    Row("group_normalization", lambda **k: layers.GroupNormalization(2, **k), (3, 4, 4)),
    Row("conv2d", lambda **k: layers.Conv2D(4, 3, strides=2, padding="same", **k), (5, 6, 3)),
    Row("conv2d_transpose", lambda **k: layers.Conv2DTranspose(4, 4, strides=2, padding="same", **k), (5, 6, 3)),
    Row("depthwise_conv2d", lambda **k: layers.DepthwiseConv2D(3, depth_multiplier=2, **k), (5, 6, 3)),
    Row("conv_norm", lambda **k: layers.ConvNorm(4, 3, stride=2, activation="relu", **k), (5, 6, 3)),
    Row("conv_norm_same", lambda **k: layers.ConvNorm(4, 3, padding="same", stride=2, **k), (5, 6, 3)),
    Row("depthwise_conv_norm", lambda **k: layers.DepthwiseConvNorm(3, stride=2, activation="relu6", **k), (5, 6, 4)),
    Row("basic_block", lambda **k: layers.BasicBlock(4, **k), (4, 4, 4)),
    Row("basic_block_down", lambda **k: layers.BasicBlock(6, stride=2, **k), (5, 4, 4)),
    Row("bottleneck_block", lambda **k: layers.BottleneckBlock(8, stride=2, **k), (5, 4, 4)),
    Row(
        "bottleneck_block_v1", lambda **k: layers.BottleneckBlock(8, stride=2, stride_in_reduction=True, **k), (5, 4, 8)
    ),
    Row(
        "preactivation_basic_block", lambda **k: layers.PreactivationBasicBlock(6, stride=2, bias=True, **k), (5, 4, 4)
    ),
    Row("preactivation_bottleneck_block", lambda **k: layers.PreactivationBottleneckBlock(8, stride=2, **k), (5, 4, 8)),
    Row("dense_connection", lambda **k: layers.DenseConnection(2, expansion=2, **k), (4, 3, 3)),
    Row("dense_transition", lambda **k: layers.DenseTransition(0.4, **k), (5, 4, 6)),
    Row("diffusion_resnet_block", lambda **k: layers.DiffusionResNetBlock(8, groups=2, **k), (4, 3, 4)),
    Row("diffusion_attention", lambda **k: layers.DiffusionAttention(groups=2, **k), (3, 2, 4), blind="key/bias"),
    Row("pixel_transformer", lambda **k: layers.PixelTransformer(2, groups=2, **k), [(2, 3, 4), (3, 5)], spread=True),
    Row("diffusion_downsample", lambda **k: layers.DiffusionDownsample(4, padding="end", **k), (5, 4, 3)),
    Row("diffusion_upsample", lambda **k: layers.DiffusionUpsample(4, **k), (2, 3, 3)),
    Row("cross_attention", lambda **k: layers.CrossAttention(2, 3, **k), [(4, 5), (3, 6)], spread=True),
    Row("feed_forward", lambda **k: layers.FeedForward(hidden=6, **k), (3, 4)),
    Row("transformer_block", lambda **k: layers.TransformerBlock(2, 3, **k), [(4, 5), (3, 6)], spread=True),
    Row("fourier_times", lambda **k: layers.FourierTimes(3, seed=0, **k), ()),
    Row("timestep_sinusoids", lambda **k: layers.TimestepSinusoids(5, **k), ()),
    Row("timestep_embedding", lambda **k: layers.TimestepEmbedding(4, final_activation="tanh", **k), (3,)),
    Row(
        "transformer_encoder_block",
        lambda **k: layers.TransformerEncoderBlock(2, activation="quick_gelu", causal=True, **k),
        (5, 4),
        blind="key/bias",
    ),
    Row(
        "transformer_encoder_block_scaled",
        lambda **k: layers.TransformerEncoderBlock(2, bias=False, layer_scale=0.1, activation="relu", **k),
        (5, 4),
    ),
    Row("rotary_embedding", lambda **k: layers.RotaryEmbedding(share=0.5, scaling=LINEAR, **k), (5, 2, 8)),
    Row(
        "causal_self_attention",
        lambda **k: layers.CausalSelfAttention(4, 2, kv_heads=2, bias=True, window=3, rotary={"base": 90.0}, **k),
        (5, 6),
    ),
    Row("linear_biases", lambda **k: layers.LinearBiases(3, skip_masked=True, **k), [(5, 2), (5,)], spread=True),
    Row(
        "causal_self_attention_with_biases",
        lambda **k: layers.CausalSelfAttention(3, 2, alibi={"skip_masked": True}, clip=0.9, scale=0.4, **k),
        (5, 6),
    ),
    Row("linear_attention", lambda **k: layers.LinearAttention(2, 3, causal=True, **k), (5, 4)),
    Row("block_sparse_attention", lambda **k: layers.BlockSparseAttention(2, 3, block=2, stride=2, **k), (5, 4)),
    Row("decoder_block", lambda **k: layers.DecoderBlock(2, **k), (5, 4), blind="key/bias"),
    Row("post_norm_decoder_block", lambda **k: layers.PostNormDecoderBlock(2, **k), (5, 4), blind="key/bias"),
    Row("relative_attention", lambda **k: layers.RelativeAttention(2, 3, bias=True, **k), (5, 4), blind="key/bias"),
    Row(
        "relative_position_buckets",
        lambda **k: layers.RelativePositionBuckets(3, buckets=6, furthest=4, **k),
        [(5,), (4,)],
        spread=True,
    ),
    Row("sinusoidal_positions", lambda **k: layers.SinusoidalPositions(5, **k), (4,)),
    Row("source_block", lambda **k: layers.SourceBlock(2, hidden=6, **k), (5, 4), blind="key/bias"),
    Row(
        "target_block",
        lambda **k: layers.TargetBlock(2, head_width=3, activation="reglu", norm="rms", norm_first=True, **k),
        [(4, 4), (3, 4)],
        blind="key/bias",
        spread=True,
    ),
    Row("normalized_shortcut_block", lambda **k: layers.NormalizedShortcutBlock(2, **k), (5, 4), blind="key/bias"),
    Row(
        "decoder_block_of_llama",
        lambda **k: layers.DecoderBlock(
            4,
            head_width=2,
            kv_heads=2,
            activation="swiglu",
            norm="rms",
            attention_bias=False,
            bias=False,
            rotary={},
            **k,
        ),
        (5, 4),
    ),
    Row("elman_cell", lambda **k: keras.layers.RNN(layers.ElmanCell(4, **k), **k), (5, 3)),
    Row(
        "long_short_term_memory_cell", lambda **k: keras.layers.RNN(layers.LongShortTermMemoryCell(4, **k), **k), (5, 3)
    ),
    Row("gated_recurrent_cell", lambda **k: keras.layers.RNN(layers.GatedRecurrentCell(4, **k), **k), (5, 3)),
    Row("recurrent_stack", lambda **k: layers.RecurrentStack(3, kind="lstm", bidirectional=True, **k), (4, 3)),
    Row("bahdanau_attention", lambda **k: layers.BahdanauAttention(5, **k), [(2, 4), (3, 6)], spread=True),
    Row("luong_attention", lambda **k: layers.LuongAttention("concat", **k), [(2, 4), (3, 6)], spread=True),
    Row("luong_attention_general", lambda **k: layers.LuongAttention("general", **k), [(4,), (3, 6)], spread=True),
    Row("log_mel_spectrogram", lambda **k: layers.LogMelSpectrogram(bands=3, window=8, step=4, **k), (21,)),
    Row("spectrogram_masking", lambda **k: layers.SpectrogramMasking(2, 2, seed=0, **k), (6, 5)),
    Row("causal_depthwise_conv1d", lambda **k: layers.CausalDepthwiseConv1D(3, **k), (5, 4)),
    Row("diagonal_state_space", lambda **k: layers.DiagonalStateSpace(4, **k), (5, 3)),
    Row(
        "diagonal_state_space_real",
        lambda **k: layers.DiagonalStateSpace(3, initial="real", discretization="bilinear", **k),
        (5, 3),
    ),
    Row("s4d_mixer", lambda **k: layers.S4DMixer(4, initial="inv", **k), (5, 4)),
    Row("gated_rms_normalization", lambda **k: layers.GatedRMSNormalization(2, **k), [(3, 4), (3, 4)], spread=True),
    Row("mamba_mixer", lambda **k: layers.MambaMixer(states=3, rank=2, bias=True, **k), (5, 4)),
    Row("mamba2_mixer", lambda **k: layers.Mamba2Mixer(4, 2, states=3, groups=2, chunk=2, **k), (5, 4)),
    Row("state_space_block", lambda **k: layers.StateSpaceBlock(layers.S4DMixer(4, **k), **k), (5, 4)),
    Row("post_norm_block", lambda **k: layers.PostNormBlock(2, **k), (5, 4), blind="key/bias"),
    Row(
        "disentangled_attention",
        lambda **k: layers.DisentangledAttention(2, 3, relative=False, **k),
        (5, 4),
        "key/bias",
    ),
    Row("disentangled_block", lambda **k: layers.DisentangledBlock(2, relative=False, key_bias=False, **k), (5, 4)),
    Row("token_convolution", lambda **k: layers.TokenConvolution(3, **k), [(5, 4), (5, 4)], spread=True),
    Row("layer_scale", lambda **k: layers.LayerScale(0.5, axis=1, **k), (3, 4)),
    Row("patch_tokens", lambda **k: layers.PatchTokens((2, 2), distillation_token=True, **k), (3, 2, 4)),
    Row("token_pooling", lambda **k: layers.TokenPooling(None, skip=1, **k), (3, 4)),
    Row("local_response_normalization", lambda **k: layers.LocalResponseNormalization(3, alpha=0.5, **k), (2, 3, 4)),
    Row("trainable_subsampling", lambda **k: layers.TrainableSubsampling(2, **k), (5, 4, 3)),
    Row("masked_conv2d", lambda **k: layers.MaskedConv2D(4, 3, mask="A", **k), (4, 3, 2)),
    Row("vector_quantizer", lambda **k: layers.VectorQuantizer(6, decay=None, **k), (3, 2, 4)),
    Row("inverted_residual", lambda **k: layers.InvertedResidual(4, expansion=2, **k), (4, 4, 4)),
    Row("inverted_residual_down", lambda **k: layers.InvertedResidual(6, expansion=1, stride=2, **k), (5, 4, 4)),
    Row("layer_normalization", lambda **k: layers.LayerNormalization(axis=1, **k), (3, 4, 2)),
    Row("convnext_block", lambda **k: layers.ConvNeXtBlock(kernel=3, expansion=2, layer_scale=0.5, **k), (3, 2, 4)),
    Row("squeeze_excite", lambda **k: layers.SqueezeExcite(2, activation="silu", **k), (3, 2, 4)),
    Row("mbconv", lambda **k: layers.MBConv(4, expansion=2, kernel=5, **k), (4, 3, 4)),
    Row("mbconv_down", lambda **k: layers.MBConv(6, expansion=1, stride=2, padding="even", **k), (5, 4, 4)),
    Row("symmetric_max_pooling", lambda **k: layers.SymmetricMaxPooling(3, **k), (5, 6, 2)),
    Row("maxout", lambda **k: layers.Maxout(3, 2, **k), (5,)),
    Row("reflection_padding", lambda **k: layers.ReflectionPadding(2, **k), (4, 3, 2)),
    Row("pixel_shuffle", lambda **k: layers.PixelShuffle(2, **k), (2, 3, 8)),
    Row("pixel_normalization", lambda **k: layers.PixelNormalization(**k), (5,)),
    Row(
        "spectral_normalization",
        lambda **k: layers.SpectralNormalization(layers.Conv2D(3, 3, padding="same", **k), **k),
        (4, 3, 2),
    ),
    Row("class_projection", lambda **k: layers.ClassProjection(3, spectral_norm=True, **k), [(1,), (4,), 3]),
    Row("self_attention_2d", lambda **k: layers.SelfAttention2D(spectral_norm=True, **k), (2, 4, 16)),
    Row(
        "conditional_batch_normalization",
        lambda **k: layers.ConditionalBatchNormalization(spectral_norm=True, **k),
        [(3, 2, 4), (5,)],
    ),
    Row("equalized_dense", lambda **k: layers.EqualizedDense(3, multiplier=0.5, **k), (4,)),
    Row("equalized_conv2d", lambda **k: layers.EqualizedConv2D(3, down=2, activated=True, **k), (4, 6, 2)),
    Row("fir_resampling", lambda **k: layers.FIRResampling(up=2, **k), (3, 4, 2)),
    Row("modulated_conv2d", lambda **k: layers.ModulatedConv2D(3, up=2, **k), [(2, 3, 4), (5,)]),
    Row("noise_injection", lambda **k: layers.NoiseInjection(**k), (3, 4, 2), blind="constant"),
    Row("minibatch_stddev", lambda **k: layers.MinibatchStddev(**k), (2, 3, 4)),
    Row(
        "image_normalization",
        lambda **k: layers.ImageNormalization((0.1, 0.2, 0.3), (1, 2, 3), scale=1.0, **k),
        (3, 4, 3),
    ),
]
row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


@row
def test_shapes_and_batches(row):
    conformance.check_shapes_and_batches(row)


@row
def test_saving(row, tmp_path):
    conformance.check_saving(row, tmp_path)


@row
@pytest.mark.parametrize("policy", ["mixed_float16", pytest.param("mixed_bfloat16", marks=pytest.mark.slow)])
def test_policy(row, policy):
    conformance.check_policy(row, policy)


@row
def test_training(row):
    conformance.check_training(row)


@row
@conformance.JIT
def test_jit(row):
    conformance.check_jit(row)


def test_every_public_layer_has_a_row():
    public = {name for name in layers.__all__ if issubclass(getattr(layers, name), keras.layers.Layer)}
    made = [row.make() for row in ROWS]
    assert {type(getattr(layer, "cell", layer)).__name__ for layer in made} == public
