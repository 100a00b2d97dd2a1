"""The errors of kerasarch, one tree.

A message says what was received, what was expected and what to do. The command line prints it in one line and exits
with the class's ``exit_code``: 1 the recipe failed, 2 usage, 3 a backend or dependency is missing, 4 a plugin is
broken.
"""


class KerasarchError(Exception):
    """Base of every error that kerasarch raises on purpose."""

    exit_code = 1


class UsageError(KerasarchError, ValueError):
    """An option, argument or name is wrong."""

    exit_code = 2


class DataError(KerasarchError, ValueError):
    """Data is missing, damaged or does not fit the task."""


class ShapeError(KerasarchError, ValueError):
    """An array or a layer has a shape that does not fit."""


class WeightsError(KerasarchError, ValueError):
    """A file of weights is missing, damaged or does not fit the model."""


class CheckpointError(KerasarchError):
    """A checkpoint of a run is missing or damaged."""


class TrainingError(KerasarchError):
    """Training cannot go on, for instance because the loss is not a number."""


class RunError(KerasarchError):
    """A run folder cannot be written, read or resumed."""


class BackendError(KerasarchError):
    """A backend is missing, broken or was chosen too late."""

    exit_code = 3


class DependencyError(KerasarchError, ImportError):
    """A package that the work needs is not installed, or the network is missing."""

    exit_code = 3


class PluginError(KerasarchError):
    """A plugin cannot be loaded."""

    exit_code = 4
