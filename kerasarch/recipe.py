"""The recipe contract: one function whose signature is its configuration.

A recipe imports no Keras at module level, so that the backend is still free when its options are read:

    from typing import Annotated
    from kerasarch.recipe import Ge, Run, recipe

    @recipe(task="image-classification", expect={"accuracy": ">=0.9"})
    def my_recipe(run: Run, *, data: str = "digits", epochs: Annotated[int, Ge(1)] = 3):
        '''One line for ``kerasarch list``; the paragraphs below it for ``show``; ``Args:`` for the options.'''
        import keras
        ...
        return {"accuracy": accuracy}
"""

import dataclasses
import functools
import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from annotated_types import Ge, Gt, Interval, Le, Lt

from kerasarch import docstrings
from kerasarch.errors import PluginError
from kerasarch.options import Option, bind, options_of

__all__ = ["API", "SUPPORTED_APIS", "Ge", "Gt", "Interval", "Le", "Lt", "Recipe", "Run", "recipe"]

API = 1
"""The version of the recipe contract that this release speaks."""

SUPPORTED_APIS = range(1, API + 1)
"""The versions of the contract that this release still runs."""

RESERVED = frozenset(
    ("backend", "seed", "out", "config", "smoke", "check", "resume", "offline", "devices")
) | frozenset(("seeds", "json", "traceback", "help", "tensorboard", "monitor", "run"))
"""Names that belong to the runner; no recipe may have an option called so."""

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
}


class Run(Protocol):
    """What a recipe is given: where it writes, what it logs, how it stops and resumes."""

    dir: Path
    """The run's folder."""
    seed: int
    """The seed that everything random descends from."""
    smoke: bool
    """Whether this is a quick trial: everything runs, little of it. ``fit`` shortens itself."""
    offline: bool
    """Whether nothing may be fetched from the network."""
    max_steps: int | None
    """Batches that one training phase may take at most, or None for all."""

    @property
    def should_stop(self) -> bool:
        """Whether somebody asked the run to stop; loops of one's own ask this after each step."""
        ...

    def ready(self) -> None:
        """Say that data and models are there. With ``--check`` the run ends here, with success.

        ``fit``, ``callbacks`` and ``log`` call it too, so a recipe needs it only before work of another kind.
        """
        ...

    def fit(
        self,
        name: str,
        model: Any,
        data: Any,
        *,
        epochs: int,
        validation_data: Any = None,
        callbacks: Sequence[Any] = (),
        loaded: Iterable[Any] = (),
    ) -> dict[str, list[float]]:
        """Train a compiled model: a named phase which resumes at its exact batch and is skipped when it is done.

        Args:
            name: The phase's name, one of its kind in the run.
            model: A compiled ``keras.Model``.
            data: What ``model.fit`` takes; `kerasarch.data.Batches` resumes in the middle of an epoch.
            epochs: Epochs in all.
            validation_data: What ``model.fit`` takes.
            callbacks: Further Keras callbacks.
            loaded: Variables of the model that the recipe loads from a file at every start and training leaves alone:
                checkpoints do without them.

        Returns:
            The history: a list of one value an epoch for each name.
        """
        ...

    def callbacks(self) -> list[Any]:
        """Return the Keras callbacks that log, checkpoint and stop, for a ``model.fit`` of one's own."""
        ...

    def checkpoint(self, step: int, state: Mapping[str, Any]) -> None:
        """Write a checkpoint of JSON values, NumPy arrays, Keras models and optimizers by name.

        For loops of one's own; ``fit`` and ``callbacks`` write theirs themselves.
        """
        ...

    def restore(self, state: Mapping[str, Any]) -> tuple[int, dict[str, Any]] | None:
        """Fill models and optimizers from the latest checkpoint.

        Returns:
            The checkpoint's step and its other values by name, or None where there is no checkpoint yet.
        """
        ...

    def log(self, step: int, **metrics: float) -> None:
        """Write one line of metrics."""
        ...

    def event(self, kind: str, **fields: Any) -> None:
        """Write an entry of the timeline, such as the opening of a stage."""
        ...

    def say(self, text: str) -> None:
        """Tell the person at the terminal, and the log, one line."""
        ...

    def figure(self, name: str, *, caption: str = "") -> AbstractContextManager[Any]:
        """Open a matplotlib figure that becomes ``figures/<name>.png`` and a part of the report."""
        ...

    def table(self, name: str, rows: Sequence[Mapping[str, Any]], *, caption: str = "") -> None:
        """Put a table into the report; the keys of the rows are its columns."""
        ...

    def confusion(self, matrix: Any, classes: Sequence[str]) -> None:
        """Put a confusion matrix into the report: true classes in rows, predicted ones in columns, counts."""
        ...

    def examples(self, images: Any, labels: Any, predictions: Any, classes: Sequence[str]) -> None:
        """Put pictures with their true and predicted classes into the report.

        Args:
            images: Array ``(N, H, W, C)`` of 8-bit pixels.
            labels: Array ``(N,)`` of class indices.
            predictions: Array ``(N, classes)`` of probabilities.
            classes: The names of the classes.
        """
        ...

    def save(self, model: Any) -> Path:
        """Write the final model to ``model.keras`` in the run's folder."""
        ...


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What the decorator knows of a recipe.

    Args:
        function: The recipe itself.
        task: Kind of work, such as ``image-classification``; ``kerasarch list --task`` filters by it.
        data: What it trains on unless told otherwise, in words.
        expect: Figures that a finished run is held against, such as ``{"accuracy": ">=0.9"}``.
        resumable: Options that may change when a run is resumed.
        api: Version of the contract that it was written for.
    """

    function: Callable[..., Any]
    task: str
    data: str = ""
    expect: Mapping[str, str] = dataclasses.field(default_factory=dict)
    resumable: tuple[str, ...] = ()
    api: int = API

    @property
    def name(self) -> str:
        """The function's name with hyphens; the registry may know it under another."""
        return self.function.__name__.replace("_", "-")

    @property
    def summary(self) -> str:
        """The docstring's first line."""
        return docstrings.summary(self.function.__doc__)

    @property
    def description(self) -> str:
        """The docstring's paragraphs below the first line."""
        return docstrings.paragraphs(self.function.__doc__)

    @functools.cached_property
    def options(self) -> dict[str, Option]:
        """The options by name.

        Raises:
            PluginError: The signature is not one that a recipe may have.
        """
        options = options_of(self.function, docstrings.arguments(self.function.__doc__))
        for name in options:
            if name in RESERVED:
                raise PluginError(f"recipe {self.name}: option {name!r} belongs to the runner. Give it another name.")
        for name in self.resumable:
            if name not in options:
                raise PluginError(f"recipe {self.name}: resumable names {name!r}, which is no option of it.")
        return options

    def validate(self) -> None:
        """Find out now what would otherwise go wrong when the recipe is run or has run.

        Raises:
            PluginError: The signature, an expectation, or a name in ``resumable`` is not one that a recipe may have.
        """
        for expected in self.expect.values():
            meets(0.0, expected)
        _ = self.options

    def bind(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Read values for the options and fill in the defaults.

        Raises:
            UsageError: A name is unknown, a value is not accepted, or a required option is missing.
        """
        return bind(self.options, values)

    def call(self, run: Run, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Call the function with bound values, gathering the fields of a dataclass parameter.

        Args:
            run: The run.
            values: As `bind` returns them.
        """
        grouped: dict[str, dict[str, Any]] = {}
        arguments: dict[str, Any] = {}
        for name, value in values.items():
            owner = self.options[name].field_of
            if owner is None:
                arguments[name] = value
            else:
                grouped.setdefault(owner, {})[name] = value
        if grouped:
            from typing import get_type_hints

            hints = get_type_hints(self.function)
            arguments |= {owner: hints[owner](**fields) for owner, fields in grouped.items()}
        return self.function(run, **arguments) or {}

    def verdicts(
        self, result: Mapping[str, Any], values: Mapping[str, Any] | None = None
    ) -> dict[str, tuple[str, Any, bool]]:
        """Hold a result against what is expected.

        Args:
            result: What the recipe returned.
            values: The values of its options. What is expected is expected on the recipe's own data: where the
                option ``data`` was given something else, nothing is.

        Returns:
            For each expected figure: the expectation, the observed value (or None) and whether it holds. A figure
            that the recipe gives as None does not apply under these options, and is left out.
        """
        own = self.options.get("data")
        if own is not None and values is not None and values.get("data", own.default) != own.default:
            return {}
        return {
            name: (expected, result.get(name), meets(result.get(name), expected))
            for name, expected in self.expect.items()
            if name not in result or result[name] is not None
        }


def meets(value: Any, expected: str) -> bool:
    """Whether a value meets an expectation such as ``>=0.9``; what is missing or no number does not.

    Raises:
        PluginError: The expectation is not a comparison and a number.
    """
    match = re.fullmatch(r"\s*(>=|<=|==|>|<)\s*([-+.\deE]+)\s*", expected)
    try:
        bound = float(match[2]) if match else math.nan
    except ValueError:
        bound = math.nan
    if match is None or math.isnan(bound):
        raise PluginError(f"expectation {expected!r} is not a comparison and a number, such as '>=0.9'.")
    try:
        return _COMPARISONS[match[1]](float(value), bound)
    except (TypeError, ValueError):
        return False


def recipe(
    *,
    task: str,
    data: str = "",
    expect: Mapping[str, str] | None = None,
    resumable: Sequence[str] = (),
    api: int = 1,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a function to be a recipe. The function stays as it is and gains an attribute ``recipe``.

    Give the arguments as literals: ``kerasarch list`` reads them from the source without running it.

    Args:
        task: Kind of work, such as ``image-classification``.
        data: What it trains on unless told otherwise, in words.
        expect: Figures that a finished run is held against, such as ``{"accuracy": ">=0.9"}``.
        resumable: Options that may change when a run is resumed.
        api: Version of the contract that it was written for; a recipe that does not say speaks the first one.
    """

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        function.recipe = Recipe(function, task, data, dict(expect or {}), tuple(resumable), api)  # type: ignore[attr-defined]
        return function

    return declare
