"""What generative runs put into their reports, with samplers of known quality."""

import json

import keras
import numpy as np
import pytest

from kerasarch.errors import ShapeError, UsageError
from kerasarch.models import LatentSampler
from kerasarch.runs.active import ActiveRun
from kerasarch.runs.folder import RunFolder
from kerasarch.runs.generative import evaluate_generator, pictures_of, score
from kerasarch.runs.generative_figures import show_interpolations, show_pairs, show_samples
from kerasarch.runs.pictures import tile
from kerasarch.runs.sample_grids import SampleGrids
from kerasarch.training import feature_classifier


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return RunFolder.create(tmp_path / "runs", "fake", {}, {})


class Drawn:
    """A sampler that draws given pictures."""

    class_names = None

    def __init__(self, images):
        self.images = images

    def sample(self, count, seed, labels=None, truncation=1.0):
        return self.images[np.random.default_rng(seed).integers(len(self.images), size=count)]


def part(folder, name):
    return json.loads((folder.path / "parts" / f"{name}.json").read_text())


def test_scores_tell_good_generators_from_bad_ones(folder, monkeypatch):
    from kerasarch.data import load_images

    monkeypatch.setattr(feature_classifier, "LEAST_STEPS", 60)
    monkeypatch.setattr(feature_classifier, "PASSES", 0)
    run = ActiveRun(folder, seed=0, quiet=True)
    data = load_images("digits", test=0.3)
    real, test = pictures_of([data.train], (8, 8, 1)), pictures_of([data.test], (8, 8, 1))
    noise = np.random.default_rng(0).integers(0, 256, (300, 8, 8, 1), dtype=np.uint8)
    good = evaluate_generator(run, Drawn(test.images), data, untrained=noise, count=500)
    # Unseen real pictures are as good as the held-out ones that they are among, and far better than noise.
    assert good["frechet_distance"] < 2 * good["held_out_frechet_distance"] + 1
    assert good["frechet_distance"] < good["untrained_frechet_distance"] / 10
    assert good["classes_covered"] == 10
    assert good["precision"] > 0.7
    assert not (folder.path / "parts" / "table-warnings.json").exists()
    assert {row["pictures"] for row in part(folder, "table-generative-scores")["rows"]} == {
        "generated", "real, held out", "untrained generator"
    }  # fmt: skip
    threes = evaluate_generator(run, Drawn(real.images[real.labels == 3]), data, count=500)
    assert threes["frechet_distance"] > 3 * good["frechet_distance"]
    assert threes["classes_covered"] < 5
    assert threes["recall"] < good["recall"] / 2
    assert "Mode collapse" in part(folder, "table-warnings")["rows"][0]["warning"]
    counts = {row["class"]: row["generated"] for row in part(folder, "table-generated-classes")["rows"]}
    assert sum(counts.values()) == 500
    assert counts["3"] > 450
    assert (folder.path / "figures" / "generated-classes.png").is_file()


def test_score_of_equal_features_is_perfect():
    features = np.random.default_rng(0).normal(size=(40, 5))
    found = score(features, features)
    assert (found.pictures, found.precision, found.recall, found.coverage) == (40, 1, 1, 1)
    assert found.frechet_distance == pytest.approx(0, abs=1e-9)


def test_tiles():
    images = [np.full((2, 3, 1), value, np.uint8) for value in (10, 20, 30)]
    grid = tile(images, 2, gap=1, ground=0)
    assert grid[..., 0].tolist() == [
        [10, 10, 10, 0, 20, 20, 20], [10, 10, 10, 0, 20, 20, 20], [0] * 7,
        [30, 30, 30, 0, 0, 0, 0], [30, 30, 30, 0, 0, 0, 0],
    ]  # fmt: skip
    mixed = tile([images[0], np.full((4, 3, 3), (1, 2, 3), np.uint8)], gap=0)
    assert mixed.shape == (4, 6, 3)
    assert mixed[:, 0, 0].tolist() == [255, 10, 10, 255]
    with pytest.raises(ShapeError):
        tile([])


def test_figures_and_pairs(folder):
    run = ActiveRun(folder, seed=0, quiet=True)
    sampler = LatentSampler(keras.Sequential([keras.Input((16,)), keras.layers.Reshape((4, 4, 1))]), 16)
    show_samples(run, sampler, per_class=2)
    show_interpolations(run, sampler, rows=2, steps=3)
    originals = np.zeros((3, 8, 8, 1), np.uint8)
    copies = originals.copy()
    copies[:, 0, 0] = 40  # mean squared error 25
    found = show_pairs(run, "reconstructions", [("copy", copies), ("original", originals)])
    assert found["psnr"] == pytest.approx(20 * np.log10(51))
    assert 0 < found["ssim"] < 1
    assert show_pairs(run, "enlarged", [("small", originals[:, :4]), ("large", originals)]) == {}
    names = {path.name for path in (folder.path / "figures").iterdir()}
    assert names == {"samples.png", "interpolations.png", "reconstructions.png", "enlarged.png"}
    assert not part(folder, "figure-samples")["plot"]  # pictures are not inverted on a dark page
    with pytest.raises(UsageError, match="as many"):
        show_pairs(run, "uneven", [("one", originals), ("other", originals[:2])])


def small_model():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, kernel_initializer="zeros")])
    model.compile("sgd", "mse")
    return model


def test_snapshots_survive_a_resume(folder):
    x = np.random.default_rng(0).normal(size=(80, 4)).astype("float32")

    def train(epochs, resume):
        run = ActiveRun(folder, seed=0, quiet=True, resume=resume)
        model = small_model()

        def draw():
            kernel = np.abs(keras.ops.convert_to_numpy(model.layers[0].kernel))
            return np.clip(kernel * 255, 0, 255).astype(np.uint8)[np.newaxis, ..., np.newaxis]

        grids = SampleGrids(run, draw, snapshots=4)
        run.fit("train", model, (x, x), epochs=epochs, callbacks=[grids])
        return grids

    first = train(3, resume=False)  # 9 batches: (k / 3)^2 of them
    assert first.times == [0, 1, 4, 9]
    assert first.grids[0].max() == 0
    assert first.grids[3].max() > first.grids[1].max() > 0
    second = train(12, resume=True)  # 36 batches
    assert second.times == [0, 1, 4, 9, 16, 36]
    np.testing.assert_array_equal(second.grids[1], first.grids[1])
    assert (folder.path / "figures" / "samples-over-training.png").is_file()
