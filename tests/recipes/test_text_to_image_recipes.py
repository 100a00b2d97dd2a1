"""Drawing with Stable Diffusion from the command line, and learning from captioned pictures."""

import json
import re

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import kerasarch
from kerasarch.commands.program import program
from kerasarch.data.captions import fitted
from kerasarch.generation import read_scheduler
from kerasarch.weights.safetensors_files import read_safetensors
from tests import pipelines
from tests.conformance import to_numpy

QUICK = [pytest.mark.quick_on("torch"), pytest.mark.filterwarnings("ignore::FutureWarning")]
pytestmark = QUICK


def call(*arguments, code=0):
    result = CliRunner().invoke(program, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.output


def run(folder, *arguments):
    output = call("run", *arguments, "--out", folder)
    (found,) = folder.glob("*/*/run.json")
    assert json.loads(found.read_text())["status"] == "finished"
    return found.parent, output


@pytest.mark.parametrize("recipe", ["text-to-image", "img2img", "inpaint"])
def test_quick_trials(recipe, tmp_path):
    """They need nothing, and say that their pictures mean nothing."""
    found, output = run(tmp_path, recipe, "--smoke", "--count", 3, "--batch", 2, "--previews", 2)
    assert "random weights" in output
    assert re.search(r"drawing (\d+)/\1  ", output)
    pictures = [np.asarray(Image.open(path)) for path in sorted((found / "pictures").iterdir())]
    assert len(pictures) == 3
    assert pictures[0].shape[-1] == 3
    assert (pictures[0] != pictures[1]).any()
    assert (pictures[1] != pictures[2]).any()
    assert list((found / "previews").iterdir())
    assert "What the network took the pictures for" in (found / "report.html").read_text()


@pytest.mark.parametrize(
    ("recipe", "arguments", "match"),
    [
        ("text-to-image", [], "--weights hf:"),
        ("text-to-image", ["--weights", "nowhere"], "no such file or folder"),
        ("img2img", ["--smoke", "--picture", "nowhere.png"], "there is no file nowhere.png"),
        ("text-to-image", ["--smoke", "--adapters", "nowhere"], "no such file of adapters"),
        ("text-to-image", ["--sampler", "lms"], "lms"),
        ("text-to-image", ["--smoke", "--check", "--data", "nowhere"], "There is no folder nowhere"),
    ],
)
def test_what_is_missing_is_said(recipe, arguments, match, tmp_path):
    result = CliRunner().invoke(program, ["run", recipe, *arguments, "--out", str(tmp_path)])
    assert result.exit_code in (1, 2), result.output
    assert match in result.output
    assert "Traceback" not in result.output


def loss_on_fixed_noise(model, images, captions):
    """Mean squared error of v at times from end to end, with the same noise at each call."""
    size, repeats = (8, 8), 32
    latents = np.repeat(model.encode_pictures(np.stack([fitted(image, size) for image in images])), repeats, axis=0)
    told = np.repeat(model.conditions(captions, 2, size)[0], repeats, axis=0)
    noise = np.random.default_rng(0).normal(size=latents.shape).astype("float32")
    times = np.tile(np.linspace(0, 999, repeats).astype("int32"), 2)
    schedule = read_scheduler(model.scheduler).schedule
    out = model.unet([schedule.add_noise(latents, noise, times), times.astype("float32"), told])
    target = schedule.target(latents, noise, times, "v")
    return float(np.mean((to_numpy(out) - to_numpy(target)) ** 2))


def test_learns_captions_and_uses_the_adapters_again(tmp_path):
    """Two colours with names: the loss falls, the pictures change, and the adapters bring the change back."""
    pipelines.pipeline(tmp_path, "v")
    data = tmp_path / "data"
    data.mkdir()
    colours, lines = {"cat": (250, 30, 30), "hat": (30, 30, 250)}, []
    for number, (name, colour) in enumerate(colours.items()):
        Image.new("RGB", (10, 10), colour).save(data / f"{number}.png")
        lines.append(json.dumps({"file_name": f"{number}.png", "text": f"the {name}"}))
    (data / "metadata.jsonl").write_text("\n".join(lines))
    drawing = ["--weights", tmp_path / "pipeline", "--prompt", "the cat", "--steps", 4, "--count", 2, "--guidance", 2]
    learning = ["--data", data, "--epochs", 150, "--train-batch", 2, "--learning-rate", 0.01, "--rank", 3]
    found, _ = run(tmp_path / "learn", "text-to-image", *drawing, *learning)
    tensors = read_safetensors(found / "adapters" / "pytorch_lora_weights.safetensors")
    assert {name.split(".")[-2] for name in tensors} == {"lora_A", "lora_B"}
    before, after = (np.asarray(Image.open(found / part / "000.png")) for part in ("pictures_before", "pictures"))
    assert np.abs(before.astype(int) - after).max() > 8
    again, _ = run(tmp_path / "again", "text-to-image", *drawing, "--adapters", found / "adapters")
    picture = np.asarray(Image.open(again / "pictures" / "000.png"))
    assert np.abs(picture.astype(int) - after).max() <= 1
    model = kerasarch.from_pretrained(tmp_path / "pipeline")
    known = [np.full((8, 8, 3), colour, "uint8") for colour in colours.values()], [f"the {name}" for name in colours]
    untrained = loss_on_fixed_noise(model, *known)
    assert len(tensors) == 2 * kerasarch.weights.read_adapters(model.unet, found / "adapters")
    trained = loss_on_fixed_noise(model, *known)
    assert trained < 0.98 * untrained
    check_as_diffusers_adds_them(model, tensors, tmp_path)


def test_trains_on_from_adapters(tmp_path):
    """At a rate of nothing they stay as they were, in their own rank."""
    data = tmp_path / "data"
    data.mkdir()
    Image.new("RGB", (16, 16), (250, 30, 30)).save(data / "a.png")
    (data / "a.txt").write_text("a cat")
    learning = ["text-to-image", "--smoke", "--count", 1, "--data", data]
    first, _ = run(tmp_path / "first", *learning, "--rank", 3, "--learning-rate", 0.01)
    second, output = run(tmp_path / "second", *learning, "--adapters", first / "adapters", "--learning-rate", 1e-30)
    before, after = (
        read_safetensors(found / "adapters" / "pytorch_lora_weights.safetensors") for found in (first, second)
    )
    assert f"training goes on from the adapters of {len(before) // 2} weights" in output
    assert sorted(before) == sorted(after)
    for name, tensor in before.items():
        assert 3 in tensor.shape
        np.testing.assert_array_equal(after[name], tensor)
    assert any(np.abs(np.array(tensor)).max() > 0 for name, tensor in before.items() if "lora_B" in name)


@pytest.mark.parametrize("size", [(37, 43), (36, 42)])
def test_what_is_outside_the_hole_is_as_in_the_file(size, tmp_path):
    """A picture of odd sides is cut, never resampled, and its mask with it."""
    height, width = size
    file = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    hole = np.zeros((height, width), np.uint8)
    hole[10:20, 12:30] = 255
    Image.fromarray(file).save(tmp_path / "picture.png")
    Image.fromarray(hole).save(tmp_path / "mask.png")
    given = ["--picture", tmp_path / "picture.png", "--mask", tmp_path / "mask.png", "--count", 1]
    found, _ = run(tmp_path / "runs", "inpaint", "--smoke", *given)
    drawn = np.asarray(Image.open(found / "pictures" / "000.png"))
    assert drawn.shape == (height - height % 2, width - width % 2, 3)  # the trial's network halves once
    rest = np.s_[: drawn.shape[0], : drawn.shape[1]]
    outside = hole[rest] == 0
    np.testing.assert_array_equal(drawn[outside], file[rest][outside])
    assert (drawn[~outside] != file[rest][~outside]).mean() > 0.5


def check_as_diffusers_adds_them(model, tensors, folder):
    """What is written with the adapters is ``W + B A`` of the folder and the adapters' file, by diffusers' names."""
    kerasarch.to_pretrained(model.unet, folder / "merged")
    merged = read_safetensors(folder / "merged" / "diffusion_pytorch_model.safetensors")
    plain = read_safetensors(folder / "pipeline" / "unet" / "diffusion_pytorch_model.safetensors")
    for name, tensor in plain.items():
        place = f"unet.{name.removesuffix('.weight')}"
        change = 0.0
        if f"{place}.lora_A.weight" in tensors:
            change = np.array(tensors[f"{place}.lora_B.weight"]) @ np.array(tensors[f"{place}.lora_A.weight"])
        np.testing.assert_allclose(merged[name], tensor + change, atol=1e-5)
