"""TensorFlow Datasets, with a small dataset that the test prepares itself: nothing is downloaded."""

import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from kerasarch import data
from kerasarch.data.labelled_texts import load_labelled_texts
from kerasarch.errors import DataError, DependencyError, UsageError

tfds = pytest.importorskip("tensorflow_datasets")
pytest.importorskip("tensorflow")
pytestmark = [
    pytest.mark.backend_free,
    # tfds looks for its own files in the folder of datasets, and reads with packages that deprecate things.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

# Prepared in a process of its own: writing, other than reading, imports TensorFlow.
PREPARE = """
    import sys
    import numpy as np
    import tensorflow_datasets as tfds

    class Squares(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            features = {"picture": tfds.features.Image(shape=(None, None, 3)), "mean": tfds.features.Scalar(np.int64)}
            if self.labelled:
                features["kind"] = tfds.features.ClassLabel(names=["low", "middle", "high"])
            return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

        def _split_generators(self, _):
            return {"train": self._generate_examples(30), "test": self._generate_examples(6)}

        def _generate_examples(self, count):
            for index in range(count):
                example = {"picture": np.full((5 + index % 2, 7, 3), 7 * index + count, np.uint8), "mean": index}
                yield index, {**example, "kind": index % 3} if self.labelled else example

    for labelled, file_format in ((True, "array_record"), (True, "tfrecord"), (False, "array_record")):
        Squares.labelled = labelled
        folder = f"{sys.argv[1]}/{file_format}-{labelled}"
        Squares(data_dir=folder, file_format=file_format).download_and_prepare()
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("datasets")
    script = folder / "prepare.py"
    script.write_text(textwrap.dedent(PREPARE))
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    result = subprocess.run([sys.executable, script, folder], capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stderr
    return folder


@pytest.fixture
def folder(prepared, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(prepared / "array_record-True"))


def check_contents(source, offset):
    """Every picture has the grey level and the label that its number gave it."""
    for image, label in (source[index] for index in range(len(source))):
        index = (int(image[0, 0, 0]) - offset) // 7
        assert image.shape == (5 + index % 2, 7, 3)
        assert (image == 7 * index + offset).all()
        assert label == index % 3


def test_parts_labels_and_pictures(folder):
    splits = data.load_images("tfds:squares", offline=True)
    assert splits.classes == ("low", "middle", "high")
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [24, 6, 6]
    assert np.bincount(splits.validation.labels).tolist() == [2, 2, 2]
    for part, offset in ((splits.train, 30), (splits.validation, 30), (splits.test, 6)):
        check_contents(part, offset)
    assert len(splits.train.per_class(2)) == 6


def test_a_split_of_its_own(folder):
    splits = data.load_images("tfds:squares:1.0.0:train[:50%]", test=0.2)
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [9, 3, 3]


def test_reading_needs_no_tensorflow(folder):
    program = (
        "import sys; from kerasarch.data.load import load_images; load_images('tfds:squares').train[0]; "
        "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


def test_other_formats_are_read_by_tensorflow(prepared, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(prepared / "tfrecord-True"))
    splits = data.load_images("tfds:squares")
    assert len(splits.train) == 24
    check_contents(splits.train, 30)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("tfds:squares:valid", "has no split 'valid'. It has: train, test"),
        ("tfds:mnis", "Did you mean 'mnist'"),
        ("tfds:", "Expected tfds:NAME"),
    ],
)
def test_wrong_addresses(folder, address, message):
    with pytest.raises(UsageError, match=message):
        data.load_images(address)


def test_offline_nothing_is_downloaded(folder):
    with pytest.raises(DependencyError, match=r"tfds build cifar10") as caught:
        data.load_images("tfds:cifar10", offline=True)
    assert caught.value.exit_code == 3


def test_without_a_network(folder, monkeypatch):
    def refuse(self, **kwargs):
        raise ConnectionError("Name or service not known")

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", refuse)
    with pytest.raises(DependencyError, match=r"could not be downloaded .*Check the network"):
        data.load_images("tfds:cifar10")


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(DependencyError, match=r"pip install 'kerasarch\[tfds\]'"):
        data.load_images("tfds:mnist")


def test_a_dataset_without_classes(prepared, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(prepared / "array_record-False"))
    with pytest.raises(DataError, match="not a set of images with one class each"):
        data.load_images("tfds:squares")


TEXTS = """
    import sys
    import tensorflow_datasets as tfds

    class Reviews(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            features = {"text": tfds.features.Text(), "label": tfds.features.ClassLabel(names=["bad", "good"])}
            return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

        def _split_generators(self, _):
            return {"train": self._generate_examples(12), "test": self._generate_examples(4)}

        def _generate_examples(self, count):
            for index in range(count):
                yield index, {"text": f"text {index} of {count}", "label": index % 2}

    Reviews(data_dir=sys.argv[1], file_format="array_record").download_and_prepare()
"""


def test_texts(tmp_path, monkeypatch):
    script = tmp_path / "prepare.py"
    script.write_text(textwrap.dedent(TEXTS))
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    result = subprocess.run([sys.executable, script, tmp_path], capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stderr
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    splits = load_labelled_texts("tfds:reviews", validation=0.25)
    assert splits.classes == ("bad", "good")
    assert sorted(splits.test.texts) == [f"text {index} of 4" for index in range(4)]
    assert sorted([*splits.train.texts, *splits.validation.texts]) == sorted(f"text {n} of 12" for n in range(12))
    assert [splits.classes[label] for label in splits.test.labels] == [
        "good" if int(text.split()[1]) % 2 else "bad" for text in splits.test.texts
    ]
    corpus = data.load_corpus("tfds:reviews", validation=0.5)
    assert all(f"text {index} of 12" in corpus.train + corpus.validation for index in range(12))
