"""Activations of frozen layers, computed once a stage instead of once an epoch."""

import copy
import hashlib
import logging
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import tree

from kerasarch.errors import UsageError
from kerasarch.training.activation_store import ActivationStore

log = logging.getLogger(__name__)


class BoundaryCache:
    """What crosses the boundary of a cut model, for every example that a stage will ask for.

    Without augmentation each example is computed once, and every epoch gets it in its own order, as without a cache.
    Augmented data has no end of different examples: then the first epochs of the stage are computed as they come,
    `views` of them, and repeated in turn, so that view v of an example is the one of epoch v. Every batch is computed
    at full size (a last, smaller one is filled up), in one order, so that a resumed run computes the same bits again.

    Args:
        base: The part of the model below the boundary.
        train: Training data with ``batch(epoch, index)``, ``epoch`` and ``steps``, such as ``kerasarch.data.Batches``.
            With ``order(epoch)``, the places of an epoch's examples in the source, they need not be loaded to be known
            again in later epochs; without, their content tells.
        validation: Validation data: the same, or any ``keras.utils.PyDataset``; or None.
        epochs: Epochs of the stage.
        augmented: Whether an example is another one in every epoch (:func:`changes`).
        views: Augmented versions of an example; used only with augmentation.
        folder: Where the activations go, as memory-mapped files; None: into memory.
        name: Name of the stage, for the files.
    """

    def __init__(
        self,
        base: keras.Model,
        train: Any,
        validation: Any,
        *,
        epochs: int,
        augmented: bool = False,
        views: int = 4,
        folder: Path | None = None,
        name: str = "stage",
    ):
        if views < 1:
            raise UsageError(f"Received views={views}. Expected at least 1.")
        self.base, self.epochs, self.folder, self.name = base, epochs, folder, name
        self._train, self._validation = train, validation
        self._first = train.epoch
        self._replayed = augmented or epochs == 1
        self._views = min(views, epochs)
        self._stores: list[ActivationStore] = []
        self._rows: dict[tuple[int, int], np.ndarray] = {}
        self._filled = False
        # A copy keeps everything that the training loop asks of the data (position, state) and serves other batches.
        self.train = copy.copy(train)
        self.train.batch = self.train.next_batch = self._train_batch
        self.validation = None if validation is None else _Replay(self._validation_batch, _steps(validation))

    def size(self) -> int:
        """Bytes that the cache will take, at most; computes a batch if the graph leaves a size open."""
        x, y, *_ = _fields(self._train.batch(self._first, 0))
        if any(None in tensor.shape[1:] for tensor in self.base.outputs):
            example = sum(array[0].nbytes for array in self._activations(x, len(y)))
        else:
            example = sum(math.prod(tensor.shape[1:]) * _bytes(tensor.dtype) for tensor in self.base.outputs)
        examples = self._train_rows(len(y))
        if self.validation is not None:
            examples += _steps(self._validation) * len(_fields(_get(self._validation, 0))[1])
        return examples * example

    def _train_rows(self, batch: int) -> int:
        whole = self._train.steps * batch
        if self._replayed:
            return self._views * whole
        labels = getattr(self._train, "labels", None)
        return max(whole, 0 if labels is None else len(labels))

    def fill(self) -> None:
        """Computes everything now; otherwise it happens when the first batch is asked for."""
        if self._filled:
            return
        self._fill_train()
        if self.validation is not None:
            steps = _steps(self._validation)
            batch = len(_fields(_get(self._validation, 0))[1])
            store = self._store(steps * batch, "validation")
            for index in range(steps):
                self._rows[-1, index] = store.append(*self._computed(_get(self._validation, index), batch))
        self._filled = True
        log.info("%s: kept the activations of %d examples below the open layers.", self.name, self.examples)

    @property
    def examples(self) -> int:
        """Examples in the cache."""
        return sum(store.count for store in self._stores)

    def close(self) -> None:
        """Lets go of the activations and removes their files."""
        for store in self._stores:
            store.close()
        self._stores.clear()

    def _fill_train(self) -> None:
        """Goes through the batches to come in their order, computes what is new and notes where each example is."""
        size = len(_fields(self._train.batch(self._first, 0))[1])
        store = self._store(self._train_rows(size), "train")
        load = getattr(self._train, "next_batch", self._train.batch)
        order = None if self._replayed else getattr(self._train, "order", None)
        row_of: dict[Any, int] = {}
        for epoch in range(self._first, self._first + (self._views if self._replayed else self.epochs)):
            places = order(epoch).tolist() if order else None
            for index in range(self._train.steps):
                if self._replayed:
                    self._rows[epoch, index] = store.append(*self._computed(load(epoch, index), size))
                    continue
                batch = None if places else load(epoch, index)
                keys = places[index * size : (index + 1) * size] if places else contents(batch)
                new = [position for position, key in enumerate(keys) if key not in row_of]
                if new:
                    activations, rest = self._computed(load(epoch, index) if places else batch, size)
                    rows = store.append([array[new] for array in activations], [array[new] for array in rest])
                    row_of.update({keys[position]: row for position, row in zip(new, rows, strict=True)})
                self._rows[epoch, index] = np.array([row_of[key] for key in keys])

    def _computed(self, batch: Any, size: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
        x, *rest = _fields(batch)
        return self._activations(x, size), [np.asarray(field) for field in rest]

    def _activations(self, x: Any, size: int) -> list[np.ndarray]:
        count = len(tree.flatten(x)[0])
        # Filled up with its own first examples: one shape is compiled, and sums run in one order.
        full = tree.map_structure(
            lambda array: keras.ops.convert_to_tensor(np.resize(array, (max(size, count), *array.shape[1:]))), x
        )
        return [_storable(array)[:count] for array in tree.flatten(self.base.predict_on_batch(full))]

    def _store(self, rows: int, kind: str) -> "ActivationStore":
        path = None if self.folder is None else self.folder / f"{self.name}-{kind}".replace("/", "_")
        self._stores.append(ActivationStore(rows, path))
        return self._stores[-1]

    def _train_batch(self, epoch: int, index: int) -> tuple:
        self.fill()
        if self._replayed:
            epoch = self._first + (epoch - self._first) % self._views
        return self._stores[0].take(self._rows[epoch, index])

    def _validation_batch(self, index: int) -> tuple:
        self.fill()
        return self._stores[1].take(self._rows[-1, index])


class FillCache(keras.callbacks.Callback):
    """Fills a cache before training begins, where no backend has put its variables aside yet.

    Args:
        cache: The cache.
    """

    def __init__(self, cache: BoundaryCache):
        super().__init__()
        self.cache = cache

    def on_train_begin(self, logs: Any = None) -> None:
        """Computes the activations."""
        self.cache.fill()


def refusal(needed: int, cache_gb: float, folder: Path | None) -> str:
    """Why activations of that size cannot be kept; empty where they can.

    Args:
        needed: Bytes.
        cache_gb: Limit in GB (10**9 bytes).
        folder: Folder of the files, or None for memory.
    """
    if needed > cache_gb * 1e9:
        return f"the activations take {needed / 1e9:.2f} GB, the limit (cache_gb) is {cache_gb:g} GB"
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
        if needed > 0.95 * free:  # a memory-mapped file that outgrows its disk kills the process without a word
            return f"the activations take {needed / 1e9:.2f} GB, {folder} has {free / 1e9:.2f} GB left"
    return ""


def changes(data: Any) -> bool:
    """Whether the same example is another one in another epoch: the data are augmented.

    Data say so in ``augmented`` (a bool); of others the next epoch's first batch is looked up in this epoch.

    Args:
        data: Data with ``batch(epoch, index)``, ``epoch`` and ``steps``.
    """
    told = getattr(data, "augmented", None)
    if told is not None:
        return bool(told)
    load = getattr(data, "next_batch", data.batch)
    known = {key for index in range(data.steps) for key in contents(load(data.epoch, index))}
    keys = contents(data.batch(data.epoch + 1, 0))
    # Not all, because an epoch without its remainder leaves some examples out.
    return sum(key in known for key in keys) < len(keys) / 2


def contents(batch: Any) -> list[bytes]:
    """A digest of each example of a batch, by which it is known again."""
    fields = [np.ascontiguousarray(field) for field in tree.flatten(batch)]
    return [
        hashlib.blake2b(b"".join(field[row].tobytes() for field in fields), digest_size=16).digest()
        for row in range(len(fields[0]))
    ]


class _Replay(keras.utils.PyDataset):
    """Batches by index, the same every time."""

    def __init__(self, batch: Callable[[int], tuple], steps: int):
        super().__init__()
        self._batch, self._steps = batch, steps

    @property
    def num_batches(self) -> int:
        return self._steps

    def __getitem__(self, index: int) -> tuple:
        return self._batch(index)


def _fields(batch: Any) -> tuple:
    if not isinstance(batch, tuple | list) or len(batch) < 2:
        raise UsageError(f"Received batches of {type(batch).__name__}. Expected (inputs, labels[, sample weights]).")
    return tuple(batch)


def _get(data: Any, index: int) -> Any:
    return data.batch(0, index) if hasattr(data, "batch") else data[index]


def _steps(data: Any) -> int:
    return getattr(data, "steps", None) or data.num_batches


def _storable(array: Any) -> np.ndarray:
    array = np.asarray(array)
    # .npy knows no bfloat16; float32 holds it exactly.
    return array.astype("float32") if array.dtype.kind == "V" or array.dtype.name == "bfloat16" else array


def _bytes(dtype: str) -> int:
    return np.dtype("float32" if dtype == "bfloat16" else dtype).itemsize  # as it is stored
