"""Models whose steps of training and prediction are not slowed down by Keras."""

import functools
from typing import Any

from kerasarch import backends


class Repeatable:
    """Stands before ``keras.Model``: calls within ``fit``, ``evaluate`` and ``predict`` are recorded where that helps.

    See `kerasarch.backends.with_records`; a call by the user is always Keras' own. The optimizer's update goes through
    the weights once where that can be: `kerasarch.backends.quicken`.
    """

    _records: Any = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the model, or repeat what it did."""
        call = super().__call__  # type: ignore[misc]  # keras.Model's
        if self._records is None or len(args) != 1 or set(kwargs) - {"training"}:
            return call(*args, **kwargs)
        return self._records[0](functools.partial(call, **kwargs), args[0], kind=kwargs.get("training"))

    def make_train_function(self, force: bool = False) -> Any:
        """Make what ``fit`` does with a batch."""
        return self._make("train", force)

    def make_test_function(self, force: bool = False) -> Any:
        """Make what ``evaluate`` does with a batch."""
        return self._make("test", force)

    def make_predict_function(self, force: bool = False) -> Any:
        """Make what ``predict`` does with a batch."""
        return self._make("predict", force)

    def _make(self, kind: str, force: bool) -> Any:
        name = f"{kind}_function"
        old = getattr(self, name)
        getattr(super(), f"make_{name}")(force)
        if getattr(self, name) is not old:
            setattr(self, name, backends.with_records(self, getattr(self, name)))
            # Not in `compile`: Keras would no more compile the model that it loads from a file.
            if kind == "train" and not self.run_eagerly and self.optimizer is not None:  # type: ignore[attr-defined]
                backends.quicken(self.optimizer)  # type: ignore[attr-defined]
        return getattr(self, name)
