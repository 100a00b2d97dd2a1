"""Families without public checkpoints: what is read and written are our own files alone."""

from typing import Any, NoReturn

from kerasarch import models
from kerasarch.errors import WeightsError
from kerasarch.weights.checkpoint import KERAS_PLACES, Checkpoint, Identity, Layout


class OwnFiles:
    """What the table of families needs to know of one whose weights nobody else publishes.

    Args:
        family: A name in ``kerasarch.models.FAMILIES``.
    """

    PREFIX = ""
    IGNORED = r"(?!)"
    DETAILS = ()
    HEADS: dict[str, str] = {"kerasarch": "head"}  # noqa: RUF012 - never changed

    def __init__(self, family: str):
        self.family = family
        self.CONFIG: Any = type(next(iter(models.FAMILIES[family][1].values())))

    def imagenet_name(self, config: Any, size: tuple[int | None, ...]) -> NoReturn:
        """Refuse: there is nothing to fetch.

        Raises:
            WeightsError: Always.
        """
        raise WeightsError(
            f"There are no public weights for the family {self.family}. Leave weights out, or give a file of such a "
            "model that was saved before."
        )

    def recognises(self, checkpoint: Checkpoint) -> bool:
        """Return False: names of tensors cannot tell whose they are, and our .keras files say it."""
        return False

    def identify(self, checkpoint: Checkpoint) -> Identity:
        """Refuse: nobody else's files are recognised.

        Raises:
            WeightsError: Always.
        """
        raise WeightsError(f"{checkpoint.origin}: no public layout of the family {self.family} is known.")

    def tensor_name(self, path: str, layout: Layout, config: Any, *, prefix: str = "") -> str:
        """Return the name of a variable in our own files.

        Args:
            path: Path of the variable.
            layout: Not used: there is one.
            config: Not used.
            prefix: Not used.
        """
        layer, variable = path.rsplit("/", 1)
        return f"{layer}/{KERAS_PLACES[variable]}"
