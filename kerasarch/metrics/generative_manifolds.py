"""Fidelity and variety of generated pictures, from balls around the features of each picture's nearest neighbours."""

from typing import NamedTuple

import numpy as np

from kerasarch.errors import UsageError
from kerasarch.metrics.generative_distances import checked

_ROWS = 1024  # rows of distances that are held at a time


class PrecisionRecall(NamedTuple):
    """Improved precision and recall.

    Attributes:
        precision: Part of the generated pictures that lie among the real ones: fidelity.
        recall: Part of the real pictures that lie among the generated ones: variety.
    """

    precision: float
    recall: float


class DensityCoverage(NamedTuple):
    """Density and coverage.

    Attributes:
        density: How many real balls a generated picture lies in, in units of what is expected; may pass 1.
        coverage: Part of the real balls that hold a generated picture.
    """

    density: float
    coverage: float


def precision_recall(real: np.ndarray, generated: np.ndarray, *, neighbours: int = 3) -> PrecisionRecall:
    """Improved precision and recall: which pictures lie in a ball around one of the other kind.

    The ball of a picture reaches to its ``neighbours``-th nearest neighbour of its own kind: Kynkaanniemi et al., 2019,
    eq. 1 and 2 (https://arxiv.org/abs/1904.06991).

    Args:
        real: Features of real pictures, ``(N, D)``.
        generated: Features of generated ones, ``(M, D)``; about as many, as the radii shrink with the count.
        neighbours: Neighbours that a ball reaches to.

    Raises:
        ShapeError: The arrays are no matrices of one width.
        DataError: There are too few pictures, or a value is not finite.
        UsageError: ``neighbours`` is below 1.
    """
    real, generated = _checked(real, generated, neighbours)
    return PrecisionRecall(
        float((_balls_around(generated, real, _radii(real, neighbours)) > 0).mean()),
        float((_balls_around(real, generated, _radii(generated, neighbours)) > 0).mean()),
    )


def density_coverage(real: np.ndarray, generated: np.ndarray, *, neighbours: int = 5) -> DensityCoverage:
    """Density and coverage, which outliers among the pictures disturb less: only the real balls count.

    Naeem et al., 2020, section 3 (https://arxiv.org/abs/2002.09797).

    Args:
        real: Features of real pictures, ``(N, D)``.
        generated: Features of generated ones, ``(M, D)``.
        neighbours: Neighbours that a ball reaches to.

    Raises:
        ShapeError: The arrays are no matrices of one width.
        DataError: There are too few pictures, or a value is not finite.
        UsageError: ``neighbours`` is below 1.
    """
    real, generated = _checked(real, generated, neighbours)
    radii = _radii(real, neighbours)
    density = _balls_around(generated, real, radii).mean() / neighbours
    nearest = np.concatenate([_distances(part, generated).min(axis=1) for part in _parts(real)])
    return DensityCoverage(float(density), float((nearest <= radii).mean()))


def _checked(real: np.ndarray, generated: np.ndarray, neighbours: int) -> tuple[np.ndarray, np.ndarray]:
    if neighbours < 1:
        raise UsageError(f"neighbours must be 1 or more. Received {neighbours}.")
    return checked(real, generated, least=neighbours + 1)


def _radii(points: np.ndarray, neighbours: int) -> np.ndarray:
    """Squared distance of each point to its nearest neighbours' last, itself not counted."""
    found, start = [], 0
    for part in _parts(points):
        distances = _distances(part, points)
        rows = np.arange(len(part))
        distances[rows, start + rows] = -1.0  # itself is first, copies of it may be next
        found.append(np.partition(distances, neighbours, axis=1)[:, neighbours])
        start += len(part)
    return np.concatenate(found)


def _balls_around(points: np.ndarray, centres: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """In how many of the balls each point lies."""
    return np.concatenate([(_distances(part, centres) <= radii).sum(axis=1) for part in _parts(points)])


def _distances(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Squared distances ``(points, others)``."""
    squares = np.sum(points**2, axis=1)[:, np.newaxis] + np.sum(others**2, axis=1) - 2 * points @ others.T
    return np.maximum(squares, 0)


def _parts(points: np.ndarray) -> list[np.ndarray]:
    return [points[start : start + _ROWS] for start in range(0, len(points), _ROWS)]
