"""Architectures, one family a file.

``build`` makes any of them by name; ``replace_head`` gives a classifier other classes; ``features`` names the tensors
between the groups of layers.
"""

import difflib
from collections.abc import Callable, Mapping
from typing import Any

from kerasarch.errors import UsageError
from kerasarch.models.adapters import add_adapters
from kerasarch.models.albert import Albert, AlbertConfig, albert
from kerasarch.models.alexnet import VARIANTS as _ALEXNET
from kerasarch.models.alexnet import AlexNetConfig, alexnet
from kerasarch.models.attention_maps import attention_maps
from kerasarch.models.autoencoder_kl import AutoencoderKL, AutoencoderKLConfig, autoencoder_kl
from kerasarch.models.bart import Bart, BartConfig, bart
from kerasarch.models.bert import Bert, BertConfig, bert
from kerasarch.models.biggan import biggan_discriminator, biggan_generator
from kerasarch.models.bloom import Bloom, BloomConfig, bloom
from kerasarch.models.captioned_unet import CaptionedUNet
from kerasarch.models.causal_lm import CausalLanguageModel
from kerasarch.models.clip_text import CLIPTextConfig, CLIPTextModel, clip_text
from kerasarch.models.clip_tokenizer import CLIPTokenizer
from kerasarch.models.cnn import VARIANTS as _CNN
from kerasarch.models.cnn import CNNConfig, cnn
from kerasarch.models.code_sampler import CodeDecoder, CodeSampler
from kerasarch.models.conv1d import VARIANTS as _CONV1D
from kerasarch.models.conv1d import Conv1DConfig, conv1d
from kerasarch.models.convnext import VARIANTS as _CONVNEXT
from kerasarch.models.convnext import ConvNeXtConfig, convnext
from kerasarch.models.crnn import CRNN, CRNNConfig, crnn
from kerasarch.models.ctc_loss import ctc_loss
from kerasarch.models.cyclegan import cyclegan_generator
from kerasarch.models.dcgan import dcgan_discriminator, dcgan_generator
from kerasarch.models.deberta import Deberta, DebertaConfig, deberta
from kerasarch.models.deberta_v2 import DebertaV2, DebertaV2Config, deberta_v2
from kerasarch.models.deit import VARIANTS as _DEIT
from kerasarch.models.deit import DeiTConfig, deit, distillation_heads
from kerasarch.models.densenet import VARIANTS as _DENSENET
from kerasarch.models.densenet import DenseNetConfig, densenet
from kerasarch.models.diagonal_gaussian import DiagonalGaussian
from kerasarch.models.distilbert import DistilBert, DistilBertConfig, distilbert
from kerasarch.models.dit import DiT, DiTConfig, dit
from kerasarch.models.efficientnet import VARIANTS as _EFFICIENTNET
from kerasarch.models.efficientnet import EfficientNetConfig, efficientnet
from kerasarch.models.encoder_decoder import EncoderDecoder
from kerasarch.models.encoder_decoder_config import EncoderDecoderConfig
from kerasarch.models.family import adapt_channels
from kerasarch.models.forecaster import Forecaster, ForecasterConfig, LinearForecaster, linear_forecaster
from kerasarch.models.gan import gan_discriminator, gan_generator
from kerasarch.models.gpt2 import GPT2, GPT2Config, gpt2
from kerasarch.models.head import replace_head
from kerasarch.models.label_crossentropy import LabelCrossentropy
from kerasarch.models.latent_maps import LatentDecoder, LatentEncoder
from kerasarch.models.lenet import VARIANTS as _LENET
from kerasarch.models.lenet import LeNetConfig, lenet
from kerasarch.models.llama import Llama, LlamaConfig, llama
from kerasarch.models.mamba import Mamba, MambaConfig, mamba
from kerasarch.models.mamba2 import Mamba2, Mamba2Config, mamba2
from kerasarch.models.marian import Marian, MarianConfig, marian, transformer
from kerasarch.models.mean_classifier import mean_classifier
from kerasarch.models.mlp import VARIANTS as _MLP
from kerasarch.models.mlp import MLPConfig, mlp
from kerasarch.models.mobilenet_v2 import VARIANTS as _MOBILENET_V2
from kerasarch.models.mobilenet_v2 import MobileNetV2Config, mobilenet_v2
from kerasarch.models.mpt import MPT, MPTConfig, mpt
from kerasarch.models.network import Network, features, group_of, trace
from kerasarch.models.openai_gpt import OpenAIGPT, OpenAIGPTConfig, openai_gpt
from kerasarch.models.packed_conditions import PackedConditions
from kerasarch.models.patch_transformer import PatchTransformer, PatchTransformerConfig, patch_transformer
from kerasarch.models.perceptron import perceptron
from kerasarch.models.perceptual import perceptual_features
from kerasarch.models.pix2pix import patchgan_discriminator, pix2pix_generator
from kerasarch.models.preprocessing import CAFFE, IMAGENET, INCEPTION, Preprocessing
from kerasarch.models.raw_pixels import accept_raw_pixels
from kerasarch.models.recurrent_lm import RecurrentLM, RecurrentLMConfig, recurrent_lm
from kerasarch.models.recurrent_tagger import RecurrentTagger, RecurrentTaggerConfig, recurrent_tagger
from kerasarch.models.resnet import VARIANTS as _RESNET
from kerasarch.models.resnet import ResNetConfig, resnet
from kerasarch.models.roberta import Roberta, RobertaConfig, roberta
from kerasarch.models.s4d import S4D, S4DConfig, s4d
from kerasarch.models.sampler import LatentSampler, Sampler
from kerasarch.models.sampling_schedule import SamplingSchedule
from kerasarch.models.segment_rnn import SegmentRNN, SegmentRNNConfig, segment_rnn
from kerasarch.models.seq2seq_rnn import RecurrentTranslator, RecurrentTranslatorConfig, seq2seq_rnn
from kerasarch.models.speech_recognizer import SpeechRecognizer, SpeechRecognizerConfig, speech_recognizer
from kerasarch.models.srgan import srgan_discriminator, srgan_generator
from kerasarch.models.stable_diffusion import StableDiffusion
from kerasarch.models.state_space_lm import StateSpaceLanguageModel
from kerasarch.models.stylegan2 import stylegan2_discriminator, stylegan2_generator
from kerasarch.models.stylegan2_generator import StyleGAN2Generator
from kerasarch.models.t5 import T5, T5Config, t5
from kerasarch.models.text_encoder import TextEncoder, TextEncoderConfig
from kerasarch.models.translator import Translator
from kerasarch.models.unet_2d import UNet2DConfig, UNet2DModel, unet_2d
from kerasarch.models.unet_2d_condition import UNet2DConditionModel, unet_2d_condition
from kerasarch.models.unet_2d_condition_config import UNet2DConditionConfig
from kerasarch.models.vae import vae_decoder, vae_encoder
from kerasarch.models.vgg import VARIANTS as _VGG
from kerasarch.models.vgg import VGGConfig, vgg
from kerasarch.models.vit import VARIANTS as _VIT
from kerasarch.models.vit import ViTConfig, vit
from kerasarch.models.vq_model import VQModel, VQModelConfig, vq_model
from kerasarch.models.vq_vae import code_grid, pixel_cnn, vq_decoder, vq_encoder

FAMILIES: dict[str, tuple[Callable[..., Network], Mapping[str, Any]]] = {
    "resnet": (resnet, _RESNET),
    "mobilenet_v2": (mobilenet_v2, _MOBILENET_V2),
    "efficientnet": (efficientnet, _EFFICIENTNET),
    "convnext": (convnext, _CONVNEXT),
    "vgg": (vgg, _VGG),
    "densenet": (densenet, _DENSENET),
    "alexnet": (alexnet, _ALEXNET),
    "lenet": (lenet, _LENET),
    "mlp": (mlp, _MLP),
    "cnn": (cnn, _CNN),
    "conv1d": (conv1d, _CONV1D),
    "vit": (vit, _VIT),
    "deit": (deit, _DEIT),
}
"""Family name to its builder and its table of variants."""

__all__ = [
    "CAFFE",
    "CRNN",
    "FAMILIES",
    "GPT2",
    "IMAGENET",
    "INCEPTION",
    "MPT",
    "S4D",
    "T5",
    "Albert",
    "AlbertConfig",
    "AlexNetConfig",
    "AutoencoderKL",
    "AutoencoderKLConfig",
    "Bart",
    "BartConfig",
    "Bert",
    "BertConfig",
    "Bloom",
    "BloomConfig",
    "CLIPTextConfig",
    "CLIPTextModel",
    "CLIPTokenizer",
    "CNNConfig",
    "CRNNConfig",
    "CaptionedUNet",
    "CausalLanguageModel",
    "CodeDecoder",
    "CodeSampler",
    "Conv1DConfig",
    "ConvNeXtConfig",
    "Deberta",
    "DebertaConfig",
    "DebertaV2",
    "DebertaV2Config",
    "DeiTConfig",
    "DenseNetConfig",
    "DiT",
    "DiTConfig",
    "DiagonalGaussian",
    "DistilBert",
    "DistilBertConfig",
    "EfficientNetConfig",
    "EncoderDecoder",
    "EncoderDecoderConfig",
    "Forecaster",
    "ForecasterConfig",
    "GPT2Config",
    "LabelCrossentropy",
    "LatentDecoder",
    "LatentEncoder",
    "LatentSampler",
    "LeNetConfig",
    "LinearForecaster",
    "Llama",
    "LlamaConfig",
    "MLPConfig",
    "MPTConfig",
    "Mamba",
    "Mamba2",
    "Mamba2Config",
    "MambaConfig",
    "Marian",
    "MarianConfig",
    "MobileNetV2Config",
    "Network",
    "OpenAIGPT",
    "OpenAIGPTConfig",
    "PackedConditions",
    "PatchTransformer",
    "PatchTransformerConfig",
    "Preprocessing",
    "RecurrentLM",
    "RecurrentLMConfig",
    "RecurrentTagger",
    "RecurrentTaggerConfig",
    "RecurrentTranslator",
    "RecurrentTranslatorConfig",
    "ResNetConfig",
    "Roberta",
    "RobertaConfig",
    "S4DConfig",
    "Sampler",
    "SamplingSchedule",
    "SegmentRNN",
    "SegmentRNNConfig",
    "SpeechRecognizer",
    "SpeechRecognizerConfig",
    "StableDiffusion",
    "StateSpaceLanguageModel",
    "StyleGAN2Generator",
    "T5Config",
    "TextEncoder",
    "TextEncoderConfig",
    "Translator",
    "UNet2DConditionConfig",
    "UNet2DConditionModel",
    "UNet2DConfig",
    "UNet2DModel",
    "VGGConfig",
    "VQModel",
    "VQModelConfig",
    "ViTConfig",
    "accept_raw_pixels",
    "adapt_channels",
    "add_adapters",
    "albert",
    "alexnet",
    "attention_maps",
    "autoencoder_kl",
    "bart",
    "bert",
    "biggan_discriminator",
    "biggan_generator",
    "bloom",
    "build",
    "clip_text",
    "cnn",
    "code_grid",
    "conv1d",
    "convnext",
    "crnn",
    "ctc_loss",
    "cyclegan_generator",
    "dcgan_discriminator",
    "dcgan_generator",
    "deberta",
    "deberta_v2",
    "deit",
    "densenet",
    "distilbert",
    "distillation_heads",
    "dit",
    "efficientnet",
    "features",
    "gan_discriminator",
    "gan_generator",
    "gpt2",
    "group_of",
    "lenet",
    "linear_forecaster",
    "llama",
    "mamba",
    "mamba2",
    "marian",
    "mean_classifier",
    "mlp",
    "mobilenet_v2",
    "mpt",
    "openai_gpt",
    "patch_transformer",
    "patchgan_discriminator",
    "perceptron",
    "perceptual_features",
    "pix2pix_generator",
    "pixel_cnn",
    "recurrent_lm",
    "recurrent_tagger",
    "replace_head",
    "resnet",
    "roberta",
    "s4d",
    "segment_rnn",
    "seq2seq_rnn",
    "speech_recognizer",
    "srgan_discriminator",
    "srgan_generator",
    "stylegan2_discriminator",
    "stylegan2_generator",
    "t5",
    "trace",
    "transformer",
    "unet_2d",
    "unet_2d_condition",
    "vae_decoder",
    "vae_encoder",
    "vgg",
    "vit",
    "vq_decoder",
    "vq_encoder",
    "vq_model",
]


def build(name: str, **arguments: Any) -> Network:
    """Build a model by the name of its family or variant.

    Args:
        name: A family ("resnet" builds its default variant) or a variant ("resnet18").
        **arguments: Passed to the family's builder.

    Returns:
        The model.

    Raises:
        UsageError: No such name.
    """
    for family, (builder, variants) in FAMILIES.items():
        if name in variants:
            return builder(name, **arguments)
        if name == family:
            return builder(**arguments)
    names = sorted({*FAMILIES, *(variant for _, variants in FAMILIES.values() for variant in variants)})
    close = difflib.get_close_matches(name, names, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise UsageError(f"No model {name!r}.{hint} There are: {', '.join(names)}.")
