"""A Keras dataset that knows its position: which epoch comes next, and from which batch on."""

import sys
from abc import abstractmethod
from collections.abc import Iterator
from types import FrameType
from typing import Any

import keras

from kerasarch.errors import DataError, TrainingError


class ResumableDataset(keras.utils.PyDataset):
    """Batches that depend only on epoch and index, and a position among them that ``fit`` advances.

    Keras 3 asks for batches by index within the epoch and tells the dataset when an epoch begins and ends. Three of its
    habits would spoil the position; this class absorbs them (written against Keras 3.15):

    - ``fit`` and ``evaluate`` may fetch a batch to build the model and then always report an end of epoch before the
      first one begins. That end does not count.
    - ``fit(shuffle=True)``, its default, permutes the indices of a dataset. Within an epoch of ``fit`` the n-th request
      gets the n-th batch, whatever its index: the order belongs to the dataset alone.
    - ``fit`` counts the batches of an epoch once, before the first. A resumed epoch is shorter than the later ones, so
      the count is corrected at the beginning of each.

    Give ``fit`` the number of the epoch to begin with: ``model.fit(data, initial_epoch=data.epoch, epochs=10)``.

    Args:
        steps: Batches of a whole epoch.

    Attributes:
        steps: Batches of a whole epoch.
        epoch: The epoch that the current or next pass serves, from 0.
        start: The first batch of that pass; not 0 only where an interrupted epoch is continued.
    """

    def __init__(self, steps: int):
        super().__init__()
        self.steps = steps
        self.epoch = 0
        self.start = 0
        self._served = 0  # batches asked for since the last end of an epoch
        self._within = False  # between the beginning and the end of an epoch
        self._opening = False  # Keras has wrapped the dataset anew; its first end of epoch is still to come
        self._shortened = False  # Keras' count of batches was corrected

    @abstractmethod
    def batch(self, epoch: int, index: int) -> Any:
        """Batch ``index`` of an epoch, wherever the position stands."""

    def next_batch(self, epoch: int, index: int) -> Any:
        """The same, for requests that come in order; a place to fetch ahead."""
        return self.batch(epoch, index)

    def sample(self, epoch: int, index: int) -> Any:
        """A batch that only shows what batches look like; Keras asks for two on TensorFlow.

        Where shapes differ the first two must, or TensorFlow takes their common one for that of all.
        """
        return self.batch(epoch, index)

    @property
    def num_batches(self) -> int:
        """Batches of the current or next pass: fewer than ``steps`` where an interrupted epoch is continued."""
        # While Keras sets up, it asks for the length of all epochs to come.
        return self.steps if self._opening else self.steps - self.start

    @property
    def use_multiprocessing(self) -> bool:
        """False: batches are not to be fetched from several processes. Keras reads this whenever it wraps a dataset."""
        self._opening = True
        return False

    def __getitem__(self, index: int) -> Any:
        left = self.steps - self.start
        if self._opening:
            return self.sample(self.epoch, self.start + index % left)
        position = self._served if self._within else index
        if not 0 <= position < left:
            raise IndexError(f"Batch {position} was asked for; this pass has {left}.")
        self._served += 1
        serve = self.next_batch if self._within else self.batch
        return serve(self.epoch, self.start + position)

    def __iter__(self) -> Iterator[Any]:
        """The batches from the position to the end of the epoch.

        A loop of one's own: ``for x, y in data: ...``, then ``data.on_epoch_end()``, which goes to the next epoch.
        """
        for index in range(self.start, self.steps):
            self._served = index - self.start + 1
            yield self.next_batch(self.epoch, index)

    def on_epoch_begin(self) -> None:
        """Keras calls this at the beginning of every epoch."""
        self._within = True
        if not self._opening and (self.start or self._shortened):
            self._correct_count()

    def on_epoch_end(self) -> None:
        """Go to the next epoch if this one was served. Keras calls this, at the end of every epoch and once before."""
        if self._opening:
            self._opening = False
        elif self._served >= self.steps - self.start:
            self.epoch += 1
            self.start = 0
        else:
            # fit(steps_per_epoch=...) ends its epochs in the midst of ours: go on where it left.
            return
        self._served = 0
        self._within = False

    def state(self, done: int = 0) -> dict[str, int]:
        """The position as JSON values.

        Args:
            done: Batches of the current pass that training has finished; in ``on_train_batch_end`` that is
                ``batch + 1``. The dataset cannot know it: some backends fetch ahead.

        Returns:
            What :meth:`restore` takes, in this process or another.
        """
        epoch, start = self.epoch, self.start + done
        if start >= self.steps:
            epoch, start = epoch + start // self.steps, start % self.steps
        return {"epoch": epoch, "start": start, "steps": self.steps}

    def restore(self, state: dict[str, Any]) -> None:
        """Go to a position that :meth:`state` gave.

        Raises:
            DataError: It is a position in other data: the number of batches of an epoch differs.
        """
        if int(state.get("steps", self.steps)) != self.steps or not 0 <= int(state["start"]) < self.steps:
            raise DataError(
                f"The position {state} belongs to other data: an epoch has {self.steps} batches here. "
                "Resume with the images and the batch size of the interrupted run."
            )
        self.epoch, self.start = int(state["epoch"]), int(state["start"])
        self._served = 0
        self._within = False

    def _correct_count(self) -> None:
        """Tell the running ``fit`` how many batches this epoch has.

        Keras has no public way: it copies the number when ``fit`` begins. Letting the iterator run dry instead warns,
        and on JAX loses the weights if a callback looked at them after the last batch (read in the source of 3.15.1).
        """
        frame: FrameType | None = sys._getframe(2)
        while frame is not None:
            owner: Any = frame.f_locals.get("self")
            if type(owner).__name__.endswith("EpochIterator") and hasattr(owner, "_num_batches"):
                owner._num_batches = self.steps - self.start
                self._shortened = self.start > 0
                return
            frame = frame.f_back
        if self.start and self._served:
            raise TrainingError(
                f"Epoch {self.epoch} is to go on at batch {self.start}, but keras {keras.__version__} does not let an "
                "epoch be shortened. Install a version of Keras that kerasarch was tested with."
            )
