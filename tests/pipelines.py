"""Whole tiny Stable Diffusion folders with random weights, made by diffusers and transformers."""

import json
import warnings

import numpy as np
import torch

from tests.weights.references import randomise_torch

with warnings.catch_warnings():
    # diffusers 0.42 asks torch for a module that torch has deprecated
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    warnings.filterwarnings("ignore", category=FutureWarning)
    import diffusers
import tokenizers
import transformers

LENGTH = 20  # tokens of a prompt
NOISE = {
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "num_train_timesteps": 1000,
    "steps_offset": 1,
    "clip_sample": False,
}
SCHEDULERS = {
    "stable_diffusion": ("PNDMScheduler", {**NOISE, "skip_prk_steps": True, "set_alpha_to_one": False}),
    "v": ("DDIMScheduler", {**NOISE, "prediction_type": "v_prediction", "set_alpha_to_one": False}),
    "xl": ("EulerDiscreteScheduler", {**NOISE, "timestep_spacing": "leading"}),
}


def vocabulary():
    """The 256 bytes, the same at the end of a word, and what some merges make of them."""
    letters = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    merges = [("c", "a"), ("ca", "t</w>"), ("t", "h"), ("th", "e</w>"), ("h", "a"), ("ha", "t</w>"), ("!", "!</w>")]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *("".join(pair) for pair in merges)]
    return {token: number for number, token in enumerate([*tokens, "<|startoftext|>", "<|endoftext|>"])}, merges


def write_tokenizer(folder, padding="<|endoftext|>", length=LENGTH, **config):
    """The files of Stable Diffusion's public folders."""
    tokens, merges = vocabulary()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(tokens))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(" ".join(pair) for pair in merges) + "\n")
    marks = {"lstrip": False, "rstrip": False, "single_word": False, "normalized": True}
    special = {
        "bos_token": {"content": "<|startoftext|>", **marks},
        "eos_token": {"content": "<|endoftext|>", **marks},
        "pad_token": padding,
        "unk_token": {"content": "<|endoftext|>", **marks},
    }
    (folder / "special_tokens_map.json").write_text(json.dumps(special))
    described = {key: {"__type": "AddedToken", **value} for key, value in special.items() if isinstance(value, dict)}
    described = {"do_lower_case": True, "model_max_length": length, "pad_token": padding, **described, **config}
    (folder / "tokenizer_config.json").write_text(json.dumps({**described, "tokenizer_class": "CLIPTokenizer"}))
    return folder


def text_encoder(kind="CLIPTextModel", width=12, **fields):
    config = transformers.CLIPTextConfig(
        vocab_size=len(vocabulary()[0]),
        hidden_size=width,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=LENGTH,
        projection_dim=6,
        bos_token_id=519,
        eos_token_id=2,
        pad_token_id=1,
        **fields,
    )
    return healthy(getattr(transformers, kind)(config))


def healthy(model):
    """Random weights of a healthy size in all of a model."""
    randomise_torch(model)
    for part in model.modules():
        if isinstance(part, torch.nn.Embedding):
            torch.nn.init.normal_(part.weight)
    return model.eval()


def unet(channels=4, **fields):
    return healthy(
        diffusers.UNet2DConditionModel(
            **{
                "sample_size": 4,
                "in_channels": channels,
                "out_channels": 4,
                "block_out_channels": (8, 16),
                "layers_per_block": 1,
                "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
                "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
                "cross_attention_dim": 12,
                "attention_head_dim": 2,
                "norm_num_groups": 4,
                **fields,
            }
        )
    )


def autoencoder():
    return healthy(
        diffusers.AutoencoderKL(
            block_out_channels=(8, 12),
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            norm_num_groups=4,
        )
    )


def scheduler(name):
    kind, fields = SCHEDULERS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(diffusers, kind).from_config(fields)


def pipeline(folder, kind="stable_diffusion", task=""):
    """Write a folder and return diffusers' pipeline of it.

    Args:
        folder: Where.
        kind: A name in ``SCHEDULERS``; ``"xl"`` has two text encoders.
        task: ``""``, ``"Img2Img"`` or ``"Inpaint"``; with the latter the U-Net has nine channels.
    """
    torch.manual_seed(0)
    tokenizer = transformers.CLIPTokenizer.from_pretrained(write_tokenizer(folder / "made"))
    parts = {"vae": autoencoder(), "tokenizer": tokenizer, "scheduler": scheduler(kind)}
    channels = 9 if task == "Inpaint" else 4
    if kind == "xl":
        second = transformers.CLIPTokenizer.from_pretrained(write_tokenizer(folder / "made2", padding="!"))
        parts |= {
            "text_encoder": text_encoder(),
            "text_encoder_2": text_encoder("CLIPTextModelWithProjection", width=10, hidden_act="gelu"),
            "tokenizer_2": second,
            "add_watermarker": False,
            "unet": unet(
                channels,
                cross_attention_dim=22,
                addition_embed_type="text_time",
                addition_time_embed_dim=4,
                projection_class_embeddings_input_dim=6 * 4 + 6,
                transformer_layers_per_block=(1, 2),
                use_linear_projection=True,
                attention_head_dim=(2, 4),
            ),
        }
    else:
        parts |= {
            "text_encoder": text_encoder(),
            "unet": unet(channels),
            "safety_checker": None,
            "feature_extractor": None,
            "requires_safety_checker": False,
        }
    name = f"StableDiffusion{'XL' if kind == 'xl' else ''}{task}Pipeline"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipe = getattr(diffusers, name)(**parts)
        pipe.set_progress_bar_config(disable=True)
        pipe.save_pretrained(folder / "pipeline")
    return pipe


def noise(count=2, seed=0, size=4):
    """First noise, channels last."""
    return np.random.default_rng(seed).normal(size=(count, size, size, 4)).astype("float32")


def first(x):
    return torch.tensor(np.ascontiguousarray(np.moveaxis(np.asarray(x, "float32"), -1, 1)))
