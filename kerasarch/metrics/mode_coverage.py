"""Which classes a generator draws, and whether it has collapsed onto a few pictures."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from kerasarch.errors import DataError, UsageError


@dataclasses.dataclass(frozen=True)
class ModeCoverage:
    """How generated pictures spread over the classes.

    Attributes:
        classes: Names of the classes.
        counts: Generated pictures that a classifier put into each class.
        real_shares: Part of the real pictures in each class.
        least: Share below which a class counts as missing.
    """

    classes: tuple[str, ...]
    counts: tuple[int, ...]
    real_shares: tuple[float, ...]
    least: float

    @property
    def shares(self) -> tuple[float, ...]:
        """Part of the generated pictures in each class."""
        total = sum(self.counts)
        return tuple(count / total for count in self.counts)

    @property
    def covered(self) -> int:
        """Classes with at least the least share."""
        return sum(share >= self.least for share in self.shares)

    @property
    def smallest_share(self) -> float:
        """Share of the rarest class."""
        return min(self.shares)

    @property
    def missing(self) -> tuple[str, ...]:
        """Classes below the least share."""
        return tuple(name for name, share in zip(self.classes, self.shares, strict=True) if share < self.least)

    @property
    def divergence(self) -> float:
        """Kullback-Leibler divergence of the generated from the real shares in nats; 0 where they agree.

        ``sum_c p_c log(p_c / q_c)``, as in Srivastava et al., 2017, section 4 (https://arxiv.org/abs/1705.07761).
        Classes without real pictures are left out.
        """
        pairs = zip(self.shares, self.real_shares, strict=True)
        return float(sum(p * np.log(p / q) for p, q in pairs if p > 0 and q > 0))


def mode_coverage(
    labels: np.ndarray, real_labels: np.ndarray, classes: Sequence[str] | int, *, least: float | None = None
) -> ModeCoverage:
    """Count classes of generated pictures.

    Args:
        labels: Class index that a classifier gave each generated picture, ``(M,)``.
        real_labels: Class index of each real picture, ``(N,)``.
        classes: Names of the classes, or their number.
        least: Share that a class needs to count as covered; None is three tenths of an even share (3 % of ten classes).

    Raises:
        DataError: There are no pictures, or a label is outside the classes.
        UsageError: ``least`` is not a share.
    """
    names = tuple(str(name) for name in (range(classes) if isinstance(classes, int) else classes))
    count = len(names)
    least = 0.3 / max(count, 1) if least is None else least
    if not 0 <= least <= 1:
        raise UsageError(f"least must be a share from 0 to 1. Received {least}.")
    tables = []
    for kind, values in (("generated", labels), ("real", real_labels)):
        values = np.asarray(values)
        if not len(values) or values.min() < 0 or values.max() >= count:
            raise DataError(f"The labels of the {kind} pictures must be one or more numbers from 0 to {count - 1}.")
        tables.append(np.bincount(values, minlength=count))
    shares = tables[1] / tables[1].sum()
    return ModeCoverage(names, tuple(int(n) for n in tables[0]), tuple(float(share) for share in shares), least)


def collapse_warning(modes: ModeCoverage, *, variety: float | None = None, real_variety: float | None = None) -> str:
    """Say in one sentence whether a generator has collapsed.

    Two collapses are told apart: of classes (some are hardly drawn) and within classes (few different pictures).

    Args:
        modes: The spread over the classes.
        variety: Coverage or recall of the generated pictures, or None.
        real_variety: The same of held-out real pictures; a generator with less than half of it repeats itself.

    Returns:
        The warning, or nothing where all is well.
    """
    known = len(modes.classes)
    if modes.covered <= known / 2 and known > 1:
        return (
            f"Mode collapse: {modes.covered} of {known} classes are drawn with a share of {modes.least:.1%} or more. "
            "Train longer; for a GAN lower the generator's learning rate or regularise the discriminator."
        )
    if modes.missing:
        named = ", ".join(modes.missing[:8]) + (", ..." if len(modes.missing) > 8 else "")
        return f"Missing modes: below a share of {modes.least:.1%} are {named}. Train longer, or give the labels."
    if variety is not None and real_variety is not None and variety < real_variety / 2:
        return (
            f"Little variety: the generated pictures reach {variety:.0%} of the real ones, held-out real pictures "
            f"{real_variety:.0%}. The generator repeats itself within classes."
        )
    return ""
