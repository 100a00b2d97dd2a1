"""Texts of TensorFlow Datasets."""

from typing import Any

from kerasarch.data.tfds_builder import examples, open_dataset, package
from kerasarch.errors import DataError


def read_tfds_texts(address: str, *, offline: bool = False) -> dict[str, list[dict[str, Any]]]:
    """Read the examples of a dataset of texts into memory.

    Args:
        address: As `kerasarch.data.tfds_builder.open_dataset` takes it.
        offline: Download nothing.

    Returns:
        For each part its examples: of each text feature a string, of each class the class's name, under the names that
        the dataset has for them. Other features are left out.

    Raises:
        UsageError: No such dataset or split, or a wrong address.
        DependencyError: A package or the network is missing.
        DataError: There is no text.
    """
    name, builder, splits = open_dataset(address, offline=offline)
    tfds, features = package(), builder.info.features
    items = dict(features.items()) if hasattr(features, "items") else {}
    classes = {key: kind.names for key, kind in items.items() if isinstance(kind, tfds.features.ClassLabel)}
    texts = [key for key, kind in items.items() if isinstance(kind, tfds.features.Text)]
    if not texts:
        raise DataError(f"tfds:{name} has no texts. Its features: {', '.join(items) or features}.")

    def plain(example: Any) -> dict[str, Any]:
        found: dict[str, Any] = {key: example[key].decode("utf-8", "replace") for key in texts}
        return {**found, **{key: names[int(example[key])] for key, names in classes.items() if int(example[key]) >= 0}}

    return {part: [plain(one) for one in examples(name, builder, split)] for part, split in splits.items()}
