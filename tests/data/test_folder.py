"""Folders of images as they come: every mode, damaged files, odd names, and what is refused."""

import logging
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from kerasarch import data
from kerasarch.data.decode import decode, with_channels
from kerasarch.data.pipeline import Prepare
from kerasarch.data.skipped import warn_of_skipped
from kerasarch.errors import DataError, UsageError

pytestmark = pytest.mark.backend_free


def save(path, colour=(200, 30, 60), size=(12, 8), noise=None, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", size, colour)
    if noise is not None:
        pixels = np.random.default_rng(noise).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        image = Image.fromarray(pixels)
    image.save(path, **options)
    return path


@pytest.fixture
def folder(tmp_path):
    for name in ("cats", "dogs"):
        for index in range(5):
            save(tmp_path / "pets" / name / f"{index}.png", noise=index if name == "cats" else 10 + index)
    return tmp_path / "pets"


def test_class_folders_are_split(folder):
    splits = data.load_images(folder, validation=0.4)
    assert splits.name == "pets"
    assert splits.classes == ("cats", "dogs")
    assert splits.train.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert len(splits.validation) == 4
    assert splits.test is None
    assert not set(splits.train.paths) & set(splits.validation.paths)
    image, label = splits.validation[-1]
    assert (image.shape, label) == ((8, 12, 3), 1)
    assert np.array_equal(image, np.asarray(Image.open(splits.validation.paths[-1])))


@pytest.mark.parametrize("names", [("train", "val", "test"), ("Training", "valid", None), ("train", None, "test")])
def test_given_parts_win(tmp_path, names):
    counts = {"train": 10, "validation": 4, "test": 6}
    for name, count in zip(names, counts.values(), strict=True):
        for index in range(count if name else 0):
            save(tmp_path / name / "ab"[index % 2] / f"{index}.jpg", noise=100 * len(name) + index)
    splits = data.load_images(tmp_path, validation=0.2)
    given = names[1] is not None
    assert len(splits.train) == (10 if given else 8)
    assert len(splits.validation) == (4 if given else 2)
    assert (splits.test is None) == (names[2] is None)
    assert splits.test is None or len(splits.test) == 6


def test_copies_of_a_file_stay_together(folder):
    for copy in range(6):
        (folder / "cats" / f"copy{copy}.png").write_bytes((folder / "cats" / "0.png").read_bytes())
    for seed in range(5):
        splits = data.load_images(folder, seed=seed)
        assert not set(splits.train.identity()) & set(splits.validation.identity())


def test_unreadable_files_are_skipped_with_a_reason(folder, caplog):
    (folder / "cats" / "text.jpg").write_text("no image at all")
    (folder / "cats" / "notes.txt").write_text("remember the milk")
    (folder / "cats" / "empty.png").write_bytes(b"")
    (folder / "cats" / ".hidden.png").write_bytes(b"")
    (folder / "cats" / ".cache").mkdir()
    (folder / "cats" / ".cache" / "x.png").write_bytes(b"")
    whole = save(folder / "cats" / "cut.jpg", noise=3, size=(100, 80)).read_bytes()
    (folder / "cats" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    whole = save(folder / "cats" / "cut.png", noise=4).read_bytes()
    (folder / "cats" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "dogs" / "gone.png").symlink_to(folder / "nowhere.png")
    (folder / "birds").mkdir()
    with caplog.at_level(logging.WARNING, "kerasarch"):
        splits = data.load_images(folder)
    reasons = "\n".join(splits.skipped)
    assert len(splits.skipped) == 7
    for expected in (
        "text.jpg: not an image",
        "notes.txt: not an image",
        "empty.png: not an image",
        "cut.jpg: damaged",
        "cut.png: damaged",
        "gone.png: cannot be read",
        "class birds has no readable",
    ):
        assert expected in reasons
    assert "hidden" not in reasons
    assert len([record for record in caplog.records if record.name == "kerasarch"]) == 1
    assert "skipped 7" in caplog.text
    assert all(reason in caplog.text for reason in splits.skipped)
    assert len(splits.train) + len(splits.validation) == 10
    assert splits.classes == ("cats", "dogs")
    with pytest.raises(DataError, match=r"(cut|empty|text|notes).*without strict"):
        data.load_images(folder, strict=True)


def test_strict_refuses_an_empty_class(folder):
    (folder / "birds").mkdir()
    with pytest.raises(DataError, match="class birds"):
        data.load_images(folder, strict=True)


def test_a_huge_picture_is_skipped(folder):
    # A PNG of 40,000 by 40,000 black pixels in a few bytes of header, as an attacker would write it.
    def chunk(name, content):
        body = name + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", 40_000, 40_000, 1, 0, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    (folder / "dogs" / "bomb.png").write_bytes(bomb)
    splits = data.load_images(folder)
    assert len(splits.skipped) == 1
    assert "bomb.png: more than 89,478,485 pixels" in splits.skipped[0]


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        ([], "holds no class folders"),
        (["cats/.keep"], "no readable images"),
        (["cats/1.png", "cats/2.png"], "one class only"),
        (["cats/1.png", "dogs/readme.txt"], "one class only"),
        (["train/cats/1.png", "train/dogs/2.png", "test/birds/3.png"], "holds classes that .* does not: birds"),
        (["train/1.png"], "holds no class folders"),
        (["cats/1.png", "dogs/2.png"], "too few for 2 parts"),
    ],
)
def test_folders_that_cannot_be_learned_from(tmp_path, layout, message):
    for name in layout:
        if name.endswith(".png"):
            save(tmp_path / name)
        else:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text("")
    with pytest.raises(DataError, match=message):
        data.load_images(tmp_path)


def test_odd_names_nested_folders_and_links(tmp_path):
    root = tmp_path / "Bilder für später"
    save(root / "größe Ä" / "日本 語.png", noise=1)
    save(root / "größe Ä" / "deep" / "er" / "x.PNG", noise=2)
    save(tmp_path / "elsewhere" / "linked.png", noise=3)
    save(tmp_path / "elsewhere" / "more.png", noise=4)
    (root / "links").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "loop").symlink_to(tmp_path / "elsewhere")
    splits = data.load_images(root, validation=0.5)
    assert splits.classes == ("größe Ä", "links")
    assert len(splits.train) == len(splits.validation) == 2
    assert splits.skipped == ()


def test_modes(tmp_path):
    grey16 = np.linspace(0, 65535, 6 * 4).reshape(4, 6).astype(np.uint16)
    rgba = np.random.default_rng(0).integers(0, 256, (4, 6, 4), dtype=np.uint8)
    pictures = {
        "grey.png": (Image.new("L", (6, 4), 77), (4, 6, 1)),
        "two.png": (Image.new("1", (6, 4), 1), (4, 6, 1)),
        "deep.png": (Image.fromarray(grey16), (4, 6, 1)),
        "rgba.png": (Image.fromarray(rgba), (4, 6, 4)),
        "la.png": (Image.new("LA", (6, 4), (50, 100)), (4, 6, 4)),
        "palette.png": (Image.new("RGB", (6, 4), (9, 8, 7)).convert("P"), (4, 6, 3)),
        "cmyk.jpg": (Image.new("CMYK", (6, 4), (0, 255, 255, 0)), (4, 6, 3)),
        "picture.gif": (Image.new("RGB", (6, 4), (255, 0, 0)), (4, 6, 3)),
        "picture.webp": (Image.new("RGB", (6, 4), (255, 0, 0)), (4, 6, 3)),
        "picture.tiff": (Image.new("RGB", (6, 4), (255, 0, 0)), (4, 6, 3)),
        "float.tiff": (Image.new("F", (6, 4), 200.0), (4, 6, 1)),
    }
    arrays = {}
    for name, (picture, shape) in pictures.items():
        picture.save(tmp_path / name)
        arrays[name] = decode(tmp_path / name)
        assert arrays[name].dtype == np.uint8, name
        assert arrays[name].shape == shape, name
    assert (arrays["grey.png"] == 77).all()
    assert (arrays["two.png"] == 255).all()
    assert np.array_equal(arrays["deep.png"][..., 0], (grey16 >> 8).astype(np.uint8))
    assert np.array_equal(arrays["rgba.png"], rgba)
    assert (arrays["la.png"] == (50, 50, 50, 100)).all()
    assert (arrays["float.tiff"] == 200).all()
    assert np.abs(arrays["cmyk.jpg"].astype(int) - (255, 0, 0)).max() <= 3  # no cyan, all magenta and yellow: red
    with pytest.raises(DataError, match=r"gone\.png"):
        decode(tmp_path / "gone.png")


def test_exif_orientation_is_applied(tmp_path):
    pixels = np.zeros((8, 16, 3), np.uint8)
    pixels[:, :8] = 255  # white on the left
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn a quarter clockwise to see it as it was
    Image.fromarray(pixels).save(tmp_path / "upright.jpg", exif=exif, quality=100)
    array = decode(tmp_path / "upright.jpg")
    assert array.shape == (16, 8, 3)
    assert array[:6].min() > 200  # left went to the top
    assert array[10:].max() < 50


def test_channels():
    grey = np.arange(6, dtype=np.uint8).reshape(2, 3, 1)
    colour = np.random.default_rng(0).integers(0, 256, (2, 3, 3), dtype=np.uint8)
    alpha = np.concatenate([colour, np.full((2, 3, 1), 64, np.uint8)], axis=-1)
    assert np.array_equal(with_channels(grey, 3), np.repeat(grey, 3, axis=-1))
    assert np.array_equal(with_channels(colour, 4)[..., :3], colour)
    assert (with_channels(colour, 4)[..., 3] == 255).all()
    luma = colour @ np.array([0.299, 0.587, 0.114])  # ITU-R 601
    assert np.abs(with_channels(colour, 1)[..., 0] - luma).max() <= 1
    on_white = colour * (64 / 255) + 255 * (1 - 64 / 255)
    assert np.abs(with_channels(alpha, 3) - on_white).max() <= 1
    assert with_channels(alpha, 4) is alpha
    with pytest.raises(UsageError, match="Received 2"):
        with_channels(grey, 2)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("size", [(5, 9), (8, 12), (31, 7)])
def test_prepared_pictures_have_the_wanted_shape(channels, size):
    for stored in (1, 3, 4):
        image = np.random.default_rng(0).integers(0, 256, (8, 12, stored), dtype=np.uint8)
        prepared, label = Prepare(size, channels)((image, 3))
        assert prepared.shape == (*size, channels)
        assert prepared.dtype == np.uint8
        assert label == 3


def test_halving_averages():
    image = np.zeros((8, 8, 1), np.uint8)
    image[:, :4] = 240
    halved, _ = Prepare((4, 4), 1)((image, 0))
    assert (halved[:, 0] == 240).all()
    assert (halved[:, 3] == 0).all()


def test_real_photos(shared_data):
    clothing = data.load_images(shared_data / "clothing")
    assert [len(part) for part in (clothing.train, clothing.validation, clothing.test)] == [1000, 250, 245]
    assert clothing.skipped == ()
    assert clothing.classes[0] == "dress"
    image, label = clothing.test[0]
    assert max(image.shape[:2]) == 224
    assert label == 0
    small = data.load_images(shared_data / "cifar10" / "images")
    assert [len(part) for part in (small.train, small.validation, small.test)] == [400, 100, 100]


def test_a_long_list_of_skipped_files_is_cut(caplog):
    reasons = [f"{number}.jpg: 100% damaged" for number in range(1022)]
    with caplog.at_level(logging.WARNING, "kerasarch"):
        warn_of_skipped("photos", reasons)
        warn_of_skipped("photos", [])
    (record,) = caplog.records
    first, *listed, last = record.getMessage().split("\n")
    assert first == "photos: skipped 1,022 of its files:"
    assert [line.strip() for line in listed] == reasons[:20]
    assert last.startswith("  and 1,002 more")
