"""Whole tiny folders draw what diffusers' pipelines draw from the same latents."""

import fnmatch
import inspect
import json

import diffusers
import keras
import numpy as np
import pytest
import torch
from diffusers.models.autoencoders import vae

import kerasarch
from kerasarch.errors import ShapeError, UsageError, WeightsError
from kerasarch.generation import TextToImage
from kerasarch.generation.text_to_image import as_bytes
from tests import conformance, pipelines

pytestmark = [conformance.QUIET, pytest.mark.filterwarnings("ignore::FutureWarning")]

PROMPTS = ["A cat, the hat!", "the cat the hat the cat the hat the cat the hat"]
NEGATIVE = ["hat", ""]
# A U-Net takes JAX and TensorFlow long to compile; every backend draws from one whole folder by default.
TORCH = pytest.mark.quick_on("torch")
OPTIONS = {"steps": 4, "guidance": 3.0, "rescale": 0.4}
THEIRS = {"num_inference_steps": 4, "guidance_scale": 3.0, "output_type": "np"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Folders that diffusers made, with its pipelines, by kind and task; each is made once."""
    made = {}

    def get(kind, task=""):
        if (kind, task) not in made:
            folder = tmp_path_factory.mktemp(f"{kind}{task}")
            pipe = pipelines.pipeline(folder, kind, task)
            made[kind, task] = (folder / "pipeline", pipe, TextToImage(kerasarch.from_pretrained(folder / "pipeline")))
        return made[kind, task]

    return get


def close(ours, theirs):
    assert ours.shape == theirs.shape
    assert theirs.std() > 0.05
    assert np.abs(ours - theirs).max() <= 1e-3


def same_noise(monkeypatch, pipe, noise):
    """The pipeline draws this noise, and its autoencoder none: latents are the most probable ones."""
    monkeypatch.setattr(inspect.getmodule(type(pipe)), "randn_tensor", lambda *_, **__: pipelines.first(noise))
    monkeypatch.setattr(vae, "randn_tensor", lambda shape, **_: torch.zeros(shape))


# Slow on JAX, which compiles four networks for it; run it there with -m slow.
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("stable_diffusion", marks=pytest.mark.quick_on("torch", "tensorflow")),
        pytest.param("v", marks=TORCH),
        pytest.param("xl", marks=TORCH),
    ],
)
def test_pictures_of_a_whole_folder(kind, folders):
    """Both prompts are cut or padded as there; SD 1 by PLMS, SD 2 with v by DDIM, SDXL by Euler from leading times."""
    _, pipe, draw = folders(kind)
    noise = pipelines.noise()
    given = {"negative_prompt": NEGATIVE, "latents": pipelines.first(noise), "guidance_rescale": 0.4}
    theirs = pipe(PROMPTS, **given, **THEIRS).images
    seen = []
    latents = draw.latents(
        PROMPTS, negative=NEGATIVE, noise=noise, watch=lambda index, x, clean: seen.append(clean.shape), **OPTIONS
    )
    close(draw.model.decode_latents(latents), theirs)
    assert len(seen) == (5 if kind == "stable_diffusion" else 4)
    if kind == "xl":  # no negative prompt is zeros there, the empty text elsewhere
        theirs = pipe(PROMPTS, latents=given["latents"], **THEIRS).images
        options = {**OPTIONS, "rescale": 0.0}
        close(draw.model.decode_latents(draw.latents(PROMPTS, noise=noise, **options)), theirs)


@TORCH
def test_without_guidance_and_with_another_sampler(folders):
    folder, pipe, draw = folders("stable_diffusion")
    noise = np.random.default_rng(3).normal(size=(1, 8, 4, 4)).astype("float32")
    other = diffusers.DPMSolverMultistepScheduler.from_pretrained(folder / "scheduler")
    pipe = diffusers.StableDiffusionPipeline(**{**pipe.components, "scheduler": other}, requires_safety_checker=False)
    pipe.set_progress_bar_config(disable=True)
    given = {**THEIRS, "guidance_scale": 1.0, "height": 16, "width": 8, "latents": pipelines.first(noise)}
    theirs = pipe("a cat", **given).images
    latents = draw.latents("a cat", steps=4, guidance=1.0, sampler="dpm_solver", size=(16, 8), noise=noise)
    close(draw.model.decode_latents(latents), theirs)


def picture(count=1):
    return np.random.default_rng(7).uniform(size=(count, 8, 8, 3)).astype("float32")


def hole():
    mask = np.zeros((8, 8), "float32")
    mask[2:6, 3:8] = 1
    return mask


def other_task(pipe, task, extra=None):
    name = type(pipe).__name__.replace("Pipeline", f"{task}Pipeline")
    parts = {**pipe.components, **(extra or {})}
    options = {"add_watermarker": False} if "XL" in name else {"requires_safety_checker": False}
    again = getattr(diffusers, name)(**parts, **options)
    again.set_progress_bar_config(disable=True)
    return again


@TORCH
@pytest.mark.parametrize("kind", ["v", pytest.param("xl", marks=pytest.mark.slow)])
def test_from_a_picture(kind, folders, monkeypatch):
    _, pipe, draw = folders(kind)
    pipe, noise = other_task(pipe, "Img2Img"), pipelines.noise(1)
    same_noise(monkeypatch, pipe, noise)
    given = {**THEIRS, "num_inference_steps": 6, "strength": 0.5}
    theirs = pipe("a cat", image=pipelines.first(picture()), negative_prompt="hat", **given).images
    options = {"negative": "hat", "steps": 6, "guidance": 3.0, "strength": 0.5, "noise": noise}
    close(draw.model.decode_latents(draw.latents("a cat", pictures=picture(), **options)), theirs)


@TORCH
@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_into_holes_with_any_network(strength, folders, monkeypatch):
    """What stays is put back at each step."""
    _, pipe, draw = folders("v")
    pipe, noise = other_task(pipe, "Inpaint"), pipelines.noise(1)
    same_noise(monkeypatch, pipe, noise)
    mask = torch.tensor(hole())[None, None]
    given = {**THEIRS, "strength": strength, "height": 8, "width": 8}
    theirs = pipe("a cat", image=pipelines.first(picture()), mask_image=mask, **given).images
    options = {"steps": 4, "guidance": 3.0, "strength": strength, "noise": noise}
    latents = draw.latents("a cat", pictures=picture(), mask=hole(), **options)
    close(draw.model.decode_latents(latents), theirs)


@TORCH
@pytest.mark.parametrize("strength", [1.0, pytest.param(0.5, marks=pytest.mark.slow)])
def test_into_holes_with_a_network_made_for_it(strength, folders, monkeypatch):
    """It has nine channels: latents, mask, latents of the picture without what is in the hole."""
    _, pipe, draw = folders("stable_diffusion", "Inpaint")
    noise = pipelines.noise(1)
    pipe.scheduler = diffusers.DDIMScheduler.from_config(pipe.scheduler.config)
    same_noise(monkeypatch, pipe, noise)
    mask = torch.tensor(hole())[None, None]
    given = {**THEIRS, "strength": strength, "height": 8, "width": 8}
    theirs = pipe("a cat", image=pipelines.first(picture()), mask_image=mask, **given).images
    options = {"steps": 4, "guidance": 3.0, "strength": strength, "noise": noise, "sampler": "ddim"}
    latents = draw.latents("a cat", pictures=picture(), mask=hole(), **options)
    close(draw.model.decode_latents(latents), theirs)
    with pytest.raises(UsageError, match="needs pictures and a mask"):
        draw("a cat")


@TORCH
def test_seeds_number_the_pictures(folders):
    _, _, draw = folders("v")
    two = draw(["a cat", "a cat"], steps=2, guidance=1.0, seed=5)
    assert two.dtype == np.uint8
    assert two.shape == (2, 8, 8, 3)
    assert (two[0] != two[1]).any()
    second = draw(["a cat"], steps=2, guidance=1.0, seed=5, first=1)
    assert np.abs(second[0].astype(int) - two[1]).max() <= 1


@TORCH
@pytest.mark.parametrize("kind", ["stable_diffusion", "xl"])
def test_written_folders_are_read_by_diffusers(kind, folders, tmp_path):
    _, pipe, draw = folders(kind)
    kerasarch.to_pretrained(draw.model, tmp_path / "ours")
    again = type(pipe).from_pretrained(tmp_path / "ours")
    again.set_progress_bar_config(disable=True)
    given = {**THEIRS, "latents": pipelines.first(pipelines.noise(1)), "negative_prompt": "hat"}
    np.testing.assert_allclose(again("a cat!", **given).images, pipe("a cat!", **given).images, atol=1e-5)


@TORCH
def test_channels_first_and_half_precision_draw_the_same(folders):
    folder, _, draw = folders("v")
    noise = pipelines.noise(1)
    options = {"steps": 3, "guidance": 2.0, "pictures": picture(), "mask": hole()}
    expected = draw("a cat", noise=noise, **options).astype(int)
    keras.config.set_image_data_format("channels_first")
    try:
        other = TextToImage(kerasarch.from_pretrained(folder))
        got = other("a cat", noise=np.moveaxis(noise, -1, 1), **options)
    finally:
        keras.config.set_image_data_format("channels_last")
    assert np.abs(got - expected).max() <= 1
    half = TextToImage(kerasarch.from_pretrained(folder, dtype="mixed_bfloat16"))
    assert half.model.unet.compute_dtype == "bfloat16"
    assert half.model.autoencoder.compute_dtype == "float32"
    assert np.abs(half("a cat", noise=noise, **options) - expected).mean() < 3


@TORCH
def test_folders_that_do_not_fit(folders, tmp_path):
    folder, _, _ = folders("v")
    index = json.loads((folder / "model_index.json").read_text())

    def refused(match, error=WeightsError, **changes):
        (tmp_path / "model_index.json").write_text(json.dumps({**index, **changes}))
        with pytest.raises(error, match=match):
            kerasarch.from_pretrained(tmp_path)

    refused("'FluxPipeline' is not built here", _class_name="FluxPipeline")
    refused("what is not built here: controlnet", controlnet=["diffusers", "ControlNetModel"])
    refused("names unet, but there is no such folder")
    with pytest.raises(UsageError, match="dtype alone"):
        kerasarch.from_pretrained(folder, classes=3)


@TORCH
def test_only_what_is_needed_is_fetched(folders, monkeypatch):
    """Neither the safety checker nor pickles nor copies in half precision."""
    huggingface_hub = pytest.importorskip("huggingface_hub")
    folder, _, _ = folders("v")
    asked = []

    def fetch(repository, revision, allow_patterns):
        asked.append((repository, revision, allow_patterns))
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    found = kerasarch.from_pretrained("hf:org/name@main")
    assert found.size == (8, 8)
    assert [part[:2] for part in asked] == [("org/name", "main")] * 2
    assert asked[0][2] == ["model_index.json"]
    wanted = asked[1][2]
    assert "unet/diffusion_pytorch_model.safetensors" in wanted
    assert {pattern.split("/")[0] for pattern in wanted} == {
        "model_index.json", "unet", "vae", "scheduler", "tokenizer", "text_encoder",
    }  # fmt: skip
    for file in ("unet/diffusion_pytorch_model.fp16.safetensors", "unet/diffusion_pytorch_model.bin"):
        assert not any(fnmatch.fnmatch(file, pattern) for pattern in wanted)


@TORCH
def test_wrong_arguments(folders):
    _, _, draw = folders("v")
    for match, error, options in (
        ("strength is a share", UsageError, {"strength": 0.0, "pictures": picture()}),
        ("needs pictures to begin from", UsageError, {"strength": 0.5}),
        ("mask needs pictures", UsageError, {"mask": hole()}),
        ("one each", UsageError, {"negative": ["a", "b"]}),
        ("multiples of 2", ShapeError, {"size": (9, 8)}),
        ("resize them", ShapeError, {"size": (4, 8), "pictures": picture()}),
        ("one each", ShapeError, {"pictures": picture(3)}),
        ("The mask has the shape", ShapeError, {"pictures": picture(), "mask": np.ones((4, 4))}),
        ("No sampler", UsageError, {"sampler": "lms"}),
    ):
        with pytest.raises(error, match=match):
            draw("a cat", steps=2, **options)
    assert as_bytes(np.array([-1.0, 0.5, 2.0])).tolist() == [0, 128, 255]
