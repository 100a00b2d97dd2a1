"""Captions from each kind of file, and pictures cut to size."""

import json
import logging

import numpy as np
import pytest
from PIL import Image

from kerasarch.data import load_captioned, read_captions
from kerasarch.data.captions import cut, fitted, has_captions, split_captioned
from kerasarch.errors import DataError, UsageError

pytestmark = pytest.mark.backend_free


@pytest.fixture
def folder(tmp_path):
    for number, name in enumerate(("a.png", "b.jpg", "c.png")):
        Image.new("RGB", (12, 8), (80 * number, 0, 0)).save(tmp_path / name)
    return tmp_path


def test_each_kind_of_file(folder, caplog):
    (folder / "a.txt").write_text("a cat\n", encoding="utf-8")
    (folder / "b.txt").write_text("ein Hütchen", encoding="utf-8")
    with caplog.at_level(logging.WARNING, "kerasarch"):
        found = read_captions(folder)
    assert {path.name: text for path, text in found.items()} == {"a.png": "a cat", "b.jpg": "ein Hütchen"}
    assert "1 pictures without a caption are left out, such as c.png" in caplog.text
    (folder / "captions.txt").write_text("c.png\tthe third\n\nb.jpg\tthe second\twith a tabulator\n")
    found = read_captions(folder)
    assert {path.name: text for path, text in found.items()} == {
        "c.png": "the third",
        "b.jpg": "the second\twith a tabulator",
    }
    lines = [{"file_name": "c.png", "text": "first"}, {"file_name": "a.png", "caption": "second"}]
    (folder / "metadata.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    assert [(path.name, text) for path, text in read_captions(folder).items()] == [
        ("c.png", "first"),
        ("a.png", "second"),
    ]


def test_pictures_are_cut_in_the_middle_and_brought_to_size(folder):
    stripes = np.zeros((4, 8, 3), "uint8")
    stripes[:, 2:6] = 200
    np.testing.assert_array_equal(fitted(stripes, (4, 4)), np.full((4, 4, 3), 200))
    assert fitted(np.zeros((5, 7, 1), "uint8"), (6, 2)).shape == (6, 2, 3)
    grey = np.arange(35, dtype="uint8").reshape(5, 7, 1)
    np.testing.assert_array_equal(cut(grey, (4, 4)), np.repeat(grey[:4, 1:5], 3, axis=-1))  # as they were
    (folder / "captions.txt").write_text("a.png\tone\nc.png\ttwo\n")
    pictures = load_captioned(folder, (6, 10))
    assert pictures.captions == ("one", "two")
    assert pictures.images.shape == (2, 6, 10, 3)
    assert (pictures.images[1] == (160, 0, 0)).all()


def test_what_is_wrong_is_said(folder, tmp_path_factory, caplog):
    with pytest.raises(UsageError, match="no folder"):
        read_captions(folder / "none")
    with pytest.raises(DataError, match="no pictures with captions"):
        read_captions(tmp_path_factory.mktemp("empty"))
    (folder / "captions.txt").write_text("gone.png\tone\n")
    with pytest.raises(DataError, match=r"not there, such as gone\.png"):
        read_captions(folder)
    (folder / "captions.txt").write_text("a.png one\n")
    with pytest.raises(DataError, match="line 1: expected the name"):
        read_captions(folder)
    (folder / "b.jpg").write_bytes(b"no picture")
    (folder / "captions.txt").write_text("a.png\tone\nb.jpg\ttwo\n")
    with caplog.at_level(logging.WARNING, "kerasarch"):
        assert load_captioned(folder, (4, 4)).captions == ("one",)
    assert "b.jpg" in caplog.text
    with pytest.raises(DataError, match=r"b\.jpg"):
        load_captioned(folder, (4, 4), strict=True)
    (folder / "metadata.jsonl").write_text('{"file_name": "a.png"}')
    with pytest.raises(DataError, match="line 1"):
        read_captions(folder)


def test_captions_as_classes(tmp_path, caplog):
    assert not has_captions(tmp_path)
    words = ["a cat", "a dog", "a cat", "a cow", "a cat"]
    lines = [{"file_name": f"{number}.png", "text": text} for number, text in enumerate(words)]
    for number in range(len(words)):
        Image.new("L", (6, 4), 20 * number).save(tmp_path / f"{number}.png")
    (tmp_path / "metadata.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    assert has_captions(tmp_path)
    (tmp_path / "4.png").write_bytes(b"no picture")
    with caplog.at_level(logging.WARNING, "kerasarch"):
        found = split_captioned(tmp_path, validation=0.25)
    assert "4.png" in caplog.text
    assert found.classes == ("a cat", "a dog", "a cow")
    assert (len(found.train), len(found.validation)) == (3, 1)
    seen = {}
    for part in (found.train, found.validation):
        seen |= {
            int(image[0, 0, 0]) // 20: found.classes[label] for image, label in (part[i] for i in range(len(part)))
        }
    assert seen == dict(enumerate(words[:4]))
    with pytest.raises(DataError, match=r"4\.png"):
        split_captioned(tmp_path, strict=True)


def test_captions_beside_pictures_are_found(folder):
    assert not has_captions(folder)
    (folder / "a.txt").write_text("a cat")
    assert has_captions(folder)
