"""How far generated pictures are from real ones, as distances between the distributions of their features.

The features are those of any network, ``(N, D)`` arrays: `kerasarch.training.train_feature_classifier` trains one.
"""

from typing import NamedTuple

import numpy as np

from kerasarch.errors import DataError, ShapeError, UsageError


class KernelDistance(NamedTuple):
    """A kernel distance over random subsets.

    Attributes:
        mean: The distance; unbiased, so that it may fall below 0 where the distributions agree.
        deviation: Standard deviation over the subsets; 0 where there is only one.
    """

    mean: float
    deviation: float


def frechet_distance(real: np.ndarray, generated: np.ndarray) -> float:
    """Frechet distance between Gaussians fitted to two sets of features.

    ``|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))``: Heusel et al., 2017, eq. 6 (https://arxiv.org/abs/1706.08500).

    It falls with the number of pictures even if the generator does not change: compare values of equal counts only.

    Args:
        real: Features of real pictures, ``(N, D)``.
        generated: Features of generated ones, ``(M, D)``.

    Returns:
        The squared distance, in squared units of the features; 0 for equal mean and covariance.

    Raises:
        ShapeError: The arrays are no matrices of one width.
        DataError: A set has fewer than two rows, or a value is not finite.
    """
    real, generated = checked(real, generated, least=2)
    return gaussian_distance(
        real.mean(axis=0), np.cov(real, rowvar=False), generated.mean(axis=0), np.cov(generated, rowvar=False)
    )


def gaussian_distance(
    mean: np.ndarray, covariance: np.ndarray, other_mean: np.ndarray, other_covariance: np.ndarray
) -> float:
    """Frechet distance (squared 2-Wasserstein distance) between two Gaussians.

    The trace of ``(C1 C2)^(1/2)`` is the sum of the singular values of ``C1^(1/2) C2^(1/2)``: Dowson and Landau, 1982
    (https://doi.org/10.1016/0047-259X(82)90077-X). Roots of symmetric matrices exist where a covariance is singular
    too, as it is with fewer pictures than features; nothing has to be added to the diagonal, as it has to for the root
    of the unsymmetric product.

    Args:
        mean: ``(D,)``.
        covariance: ``(D, D)``, symmetric, without negative eigenvalues but for rounding.
        other_mean: ``(D,)``.
        other_covariance: ``(D, D)``.
    """
    covariance, other_covariance = np.atleast_2d(covariance), np.atleast_2d(other_covariance)
    roots = _root(covariance) @ _root(other_covariance)
    shared = np.linalg.svd(roots, compute_uv=False).sum()
    apart = np.sum((np.asarray(mean) - np.asarray(other_mean)) ** 2)
    return max(float(apart + np.trace(covariance) + np.trace(other_covariance) - 2 * shared), 0.0)


def kernel_distance(
    real: np.ndarray, generated: np.ndarray, *, subsets: int = 100, subset: int = 1000, seed: int = 0
) -> KernelDistance:
    """Kernel distance: the squared maximum mean discrepancy with kernel ``(x.y / D + 1)^3``.

    Binkowski et al., 2018, section 4 (https://arxiv.org/abs/1801.01401): the unbiased estimator of Gretton et al.,
    2012, eq. 3 (https://jmlr.org/papers/v13/gretton12a.html), as the mean over random subsets. Unlike the Frechet
    distance it does not depend on the number of pictures.

    Args:
        real: Features of real pictures, ``(N, D)``.
        generated: Features of generated ones, ``(M, D)``.
        subsets: Random subsets; one where all pictures fit into a subset.
        subset: Pictures of a subset, at most those there are.
        seed: Of the subsets.

    Raises:
        ShapeError: The arrays are no matrices of one width.
        DataError: A set has fewer than two rows, or a value is not finite.
        UsageError: A count is not usable.
    """
    real, generated = checked(real, generated, least=2)
    if subsets < 1 or subset < 2:
        raise UsageError(
            f"kernel_distance needs subsets >= 1 and subset >= 2. Received subsets={subsets}, subset={subset}."
        )
    if len(real) <= subset and len(generated) <= subset:
        return KernelDistance(_discrepancy(real, generated), 0.0)
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(subsets):
        some, others = (
            rows[rng.choice(len(rows), min(subset, len(rows)), replace=False)] for rows in (real, generated)
        )
        values.append(_discrepancy(some, others))
    return KernelDistance(float(np.mean(values)), float(np.std(values)))


def checked(real: np.ndarray, generated: np.ndarray, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Return two sets of features as float64 matrices.

    Args:
        real: Features of real pictures, ``(N, D)``.
        generated: Features of generated ones, ``(M, D)``.
        least: Rows that each needs.

    Raises:
        ShapeError: The arrays are no matrices of one width.
        DataError: There are too few rows, or a value is not finite.
    """
    real, generated = np.asarray(real, np.float64), np.asarray(generated, np.float64)
    if real.ndim != 2 or generated.ndim != 2 or real.shape[1] != generated.shape[1]:
        raise ShapeError(
            "Features must be two matrices (pictures, features) of one width. "
            f"Received {real.shape} and {generated.shape}."
        )
    if min(len(real), len(generated)) < least:
        raise DataError(f"{least} pictures or more are needed of each kind. Received {len(real)} and {len(generated)}.")
    for name, values in (("real", real), ("generated", generated)):
        if not np.isfinite(values).all():
            raise DataError(f"The features of the {name} pictures hold values that are not finite.")
    return real, generated


def _root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T  # below 0 is rounding


def _discrepancy(x: np.ndarray, y: np.ndarray) -> float:
    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        base = a @ (b.T / a.shape[1]) + 1
        return base * base * base  # numpy's power takes ten times as long

    def within(rows: np.ndarray) -> float:
        values = kernel(rows, rows)
        return (values.sum() - np.trace(values)) / (len(rows) * (len(rows) - 1))

    return float(within(x) + within(y) - 2 * kernel(x, y).mean())
