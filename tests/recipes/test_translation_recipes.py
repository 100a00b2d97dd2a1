"""The recipes that turn pictures into pictures run to the end, and their models translate."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from kerasarch.commands.program import program

pytestmark = pytest.mark.slow


def call(*arguments: object) -> str:
    result = CliRunner().invoke(program, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output


def run(out: Path, recipe: str, *arguments: object) -> Path:
    call("run", recipe, "--smoke", "--out", out, *arguments)
    (found,) = out.glob("*/*/run.json")
    return found.parent


def result_of(folder: Path) -> dict:
    assert json.loads((folder / "run.json").read_text())["status"] == "finished"
    result = json.loads((folder / "result.json").read_text())["result"]
    assert np.isfinite(list(result.values())).all()
    return result


def write(path: Path, size: tuple[int, int], seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.mark.parametrize(
    ("recipe", "figures", "given", "made"),
    [
        ("pix2pix", ("psnr", "ssim", "l1", "copied_psnr"), (16, 16), (16, 16)),
        ("cyclegan", ("a_to_b_psnr", "b_to_a_ssim", "cycle_l1_a", "cycle_l1_b"), (16, 16), (16, 16)),
        ("srgan", ("bicubic_psnr", "pretrained_psnr", "srgan_psnr", "srgan_ssim"), (4, 6), (16, 24)),
    ],
)
def test_smoke_and_sample(tmp_path, recipe, figures, given, made):
    folder = run(tmp_path / "runs", recipe)
    result = result_of(folder)
    scores = ("a_to_b_frechet_distance", "b_to_a_recall") if recipe == "cyclegan" else ("frechet_distance", "recall")
    assert {*figures, *scores} <= set(result)
    assert 0 <= result[scores[0].replace("frechet_distance", "class_kept_share")] <= 1
    call("sample", folder, "--n", 5, "--out", tmp_path / "own.png")  # of pictures that the run kept
    assert list((folder / "figures").glob("samples*.png"))
    write(tmp_path / "picture.png", given, 0)
    for extra in ((), ("--reverse",)) if recipe == "cyclegan" else ((),):
        call(
            "sample", folder, "--input", tmp_path / "picture.png", "--out", tmp_path / "grid.png",
            "--separate", tmp_path / "out", *extra,
        )  # fmt: skip
        with Image.open(tmp_path / "out" / "0000.png") as picture:
            assert picture.size == made


def test_srgan_on_features_of_a_classifier(tmp_path):
    compared = {}
    for name, words in (("features", ("--perceptual", "classifier")), ("pixels", ())):
        folder = run(tmp_path / name, "srgan", *words)
        record = (folder / "metrics.jsonl").read_text().splitlines()
        compared[name] = [json.loads(line).get("content_loss") for line in record if "content_loss" in line]
        result_of(folder)
    assert compared["features"][0] != compared["pixels"][0]


def test_srgan_needs_classes_for_a_classifier(tmp_path):
    for number in range(6):
        write(tmp_path / "photos" / f"{number}.png", (16, 16), number)
    words = ["run", "srgan", "--data", str(tmp_path / "photos"), "--perceptual", "classifier", "--smoke"]
    refused = CliRunner().invoke(program, [*words, "--out", str(tmp_path / "runs")])
    assert refused.exit_code == 2
    assert "needs pictures with classes" in refused.stderr


def test_pix2pix_of_folders(tmp_path):
    for number in range(6):
        write(tmp_path / "sides" / f"{number}.png", (32, 16), number)
    folder = run(
        tmp_path / "runs", "pix2pix", "--data", tmp_path / "sides", "--image-size", 16, "--direction", "b-to-a",
        "--held-out", 0.34, "--flip",
    )  # fmt: skip
    assert result_of(folder)["copied_l1"] > 0


def test_cyclegan_of_folders(tmp_path):
    for number in range(6):
        write(tmp_path / "domains" / "trainA" / f"{number}.png", (20, 16), number)
        write(tmp_path / "domains" / "trainB" / f"other {number}.png", (16, 16), 10 + number)
    folder = run(tmp_path / "runs", "cyclegan", "--data", tmp_path / "domains", "--image-size", 16)
    assert "a_to_b_psnr" not in result_of(folder)  # there is no truth to hold it against
