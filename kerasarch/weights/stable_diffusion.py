"""Folders of diffusers' Stable Diffusion pipelines: ``model_index.json`` and a folder for each part."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kerasarch.errors import WeightsError
from kerasarch.models.clip_tokenizer import CLIPTokenizer
from kerasarch.models.stable_diffusion import StableDiffusion
from kerasarch.weights import diffusers_folders, transformers_folders
from kerasarch.weights.safetensors_files import write_text
from kerasarch.weights.sources import fetch, open_folder, read_json

INDEX = "model_index.json"
PIPELINES = tuple(f"StableDiffusion{size}{task}Pipeline" for size in ("", "XL") for task in ("", "Img2Img", "Inpaint"))
# Parts that the index names and that are left out, and why
IGNORED_PARTS = {
    "safety_checker": "judges pictures after they are made; there is none here",
    "feature_extractor": "prepares pictures for the safety checker or the image encoder",
    "image_encoder": "serves picture prompts (IP-Adapter), which are not built here",
}
_TEXTS = (("tokenizer", "text_encoder"), ("tokenizer_2", "text_encoder_2"))
_PARTS = ("unet", "vae", "scheduler", *(name for pair in _TEXTS for name in pair))
_ZEROS = "force_zeros_for_empty_prompt"
# What a repository of the hub is asked for: not the pickles, not the copies in half precision
_PATTERNS = ("*.json", "*.txt", "model.safetensors", "model-*.safetensors")
_WEIGHTS = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model-*.safetensors")


def find(source: str | Path) -> Path | None:
    """Return the folder of a pipeline that a source names; None where it names something else.

    Args:
        source: A folder, or ``hf:org/name[@revision]``, of which only what is needed is fetched.

    Raises:
        DependencyError: The hub cannot be reached.
    """
    text = str(source)
    if text.startswith("hf:"):
        name, _, revision = text.removeprefix("hf:").partition("@")
        if name.count("/") != 1:
            return None
        folder = fetch(name, revision, [INDEX], text)
        if not (folder / INDEX).is_file():
            return None
        index = read_json(folder / INDEX)
        parts = [part for part in _PARTS if index.get(part, [None])[0]]
        patterns = [f"{part}/{pattern}" for part in parts for pattern in (*_PATTERNS, *_WEIGHTS)]
        return fetch(name, revision, [INDEX, *patterns], text)
    folder = Path(text).expanduser()
    return folder if (folder / INDEX).is_file() else None


def read(folder: Path, *, origin: str | None = None, dtype: Any = None) -> StableDiffusion:
    """Read the folder of a pipeline.

    Args:
        folder: One that ``find`` returned.
        origin: How to call it in messages.
        dtype: Dtype policy of the networks; the autoencoder stays in float32, where half precision overflows.

    Raises:
        WeightsError: The pipeline is not built here, or a part is missing or damaged.
    """
    origin = origin or str(folder)
    index = read_json(folder / INDEX)
    kind = index.get("_class_name")
    if kind not in PIPELINES:
        raise WeightsError(f"{origin}: the pipeline {kind!r} is not built here. Known are {', '.join(PIPELINES)}.")
    named = [name for name, value in index.items() if isinstance(value, list) and value[0]]
    unknown = sorted(set(named) - {*_PARTS, *IGNORED_PARTS})
    if unknown or index.get("requires_aesthetics_score"):
        wrong = ", ".join(
            [*unknown, *(["requires_aesthetics_score"] if index.get("requires_aesthetics_score") else [])]
        )
        raise WeightsError(f"{origin}: {INDEX} names what is not built here: {wrong}.")
    unet = _network(folder, "unet", origin, dtype=dtype)
    wanted = {"dtype": dtype, "hidden_states": "text_embeds" in unet.input_names_in_order}
    pairs = [pair for pair in _TEXTS if pair[1] in named]
    return StableDiffusion(
        tokenizers=tuple(CLIPTokenizer.from_folder(folder / tokenizer) for tokenizer, _ in pairs),
        text_encoders=tuple(
            transformers_folders.build(_open(folder, encoder, origin), name=encoder, overrides=wanted)
            for _, encoder in pairs
        ),
        unet=unet,
        autoencoder=_network(folder, "vae", origin, dtype="float32"),
        scheduler=read_json(folder / "scheduler" / "scheduler_config.json"),
        zeros_for_empty=bool(index.get(_ZEROS, len(pairs) == 2)) and len(pairs) == 2,
    )


def write(pipeline: StableDiffusion, folder: str | Path) -> Path:
    """Write a folder that diffusers loads.

    Args:
        pipeline: The parts.
        folder: Made if missing.

    Returns:
        The folder.
    """
    folder = Path(folder)
    diffusers_folders.write(pipeline.unet, folder / "unet")
    diffusers_folders.write(pipeline.autoencoder, folder / "vae")
    size = "XL" if pipeline.pooled else ""
    index: dict[str, Any] = {
        "_class_name": f"StableDiffusion{size}{'Inpaint' if pipeline.extra else ''}Pipeline",
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "scheduler": ["diffusers", pipeline.scheduler["_class_name"]],
    }
    if pipeline.pooled:
        index[_ZEROS] = pipeline.zeros_for_empty
    else:
        index |= {"safety_checker": [None, None], "feature_extractor": [None, None], "requires_safety_checker": False}
    for (first, second), tokenizer, encoder in zip(_TEXTS, pipeline.tokenizers, pipeline.text_encoders, strict=False):
        tokenizer.write(folder / first)
        transformers_folders.write(encoder, folder / second)
        index[first] = ["transformers", "CLIPTokenizer"]
        index[second] = ["transformers", "CLIPTextModelWithProjection" if encoder.config.projected else "CLIPTextModel"]
    (folder / "scheduler").mkdir(exist_ok=True)
    _write(folder / "scheduler" / "scheduler_config.json", pipeline.scheduler)
    _write(folder / INDEX, index)
    return folder


def _open(folder: Path, part: str, origin: str) -> Any:
    if not (folder / part).is_dir():
        raise WeightsError(f"{origin}: {INDEX} names {part}, but there is no such folder. Fetch it again.")
    return open_folder(folder / part, f"{origin}/{part}")


def _network(folder: Path, part: str, origin: str, *, dtype: Any) -> Any:
    checkpoint = _open(folder, part, origin)
    if checkpoint.layout != "diffusers":
        raise WeightsError(f"{checkpoint.origin}: expected a model of diffusers. Its config.json names no _class_name.")
    return diffusers_folders.build(checkpoint, name=part, overrides={"dtype": dtype})


def _write(path: Path, content: Mapping[str, Any]) -> None:
    write_text(path, json.dumps(dict(content), indent=2) + "\n")
