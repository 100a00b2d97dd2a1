"""Generative metrics against closed forms, brute force and their published definitions."""

import itertools

import numpy as np
import pytest

from kerasarch import metrics
from kerasarch.errors import DataError, ShapeError, UsageError

pytestmark = pytest.mark.backend_free

RANDOM = np.random.default_rng(0)


def with_moments(rows, mean, covariance):
    """Features whose sample mean and covariance are exactly these."""
    raw = RANDOM.normal(size=(rows, len(mean)))
    raw -= raw.mean(axis=0)
    raw = raw @ np.linalg.inv(np.linalg.cholesky(np.cov(raw, rowvar=False))).T
    return raw @ np.linalg.cholesky(np.asarray(covariance, float)).T + mean


def test_frechet_of_diagonal_gaussians():
    # Variances a and b on the diagonals: the sum of (m1 - m2)^2 + (sqrt a - sqrt b)^2.
    real = with_moments(50, [0, 1, 2], np.diag([1.0, 4.0, 9.0]))
    generated = with_moments(70, [3, 1, 2], np.diag([4.0, 4.0, 1.0]))
    assert metrics.frechet_distance(real, generated) == pytest.approx(9 + (1 - 2) ** 2 + 0 + (3 - 1) ** 2)
    assert metrics.frechet_distance(real, real) == pytest.approx(0, abs=1e-10)


def test_frechet_of_two_by_two_matrices():
    # tr sqrt(M) of a 2x2 matrix is sqrt(tr M + 2 sqrt(det M)).
    a, b = np.array([[2.0, 0.7], [0.7, 1.0]]), np.array([[1.0, -0.4], [-0.4, 3.0]])
    root = np.sqrt(np.trace(a @ b) + 2 * np.sqrt(np.linalg.det(a @ b)))
    expected = np.trace(a) + np.trace(b) - 2 * root
    assert metrics.gaussian_distance(np.zeros(2), a, np.zeros(2), b) == pytest.approx(expected)
    assert metrics.frechet_distance(with_moments(9, [1, 1], a), with_moments(8, [1, 1], b)) == pytest.approx(expected)


def test_frechet_agrees_with_the_matrix_root_of_scipy():
    from scipy.linalg import sqrtm

    real, generated = RANDOM.normal(size=(300, 12)), RANDOM.normal(size=(200, 12)) @ RANDOM.normal(size=(12, 12)) + 0.3
    first, second = np.cov(real, rowvar=False), np.cov(generated, rowvar=False)
    apart = np.sum((real.mean(0) - generated.mean(0)) ** 2)
    expected = apart + np.trace(first + second - 2 * np.real(sqrtm(first @ second)))
    assert metrics.frechet_distance(real, generated) == pytest.approx(expected, rel=1e-9)


def test_frechet_of_singular_covariances():
    """Fewer pictures than features: the root of the product of covariances breaks down here, ours does not."""
    rows = RANDOM.normal(size=(5, 40))
    assert metrics.frechet_distance(rows, rows) == pytest.approx(0, abs=1e-8)
    assert metrics.frechet_distance(rows, rows + 2) == pytest.approx(4 * 40)
    # Orthogonal supports share nothing.
    left, right = np.zeros((30, 4)), np.zeros((30, 4))
    left[:, :2], right[:, 2:] = with_moments(30, [0, 0], np.eye(2)), with_moments(30, [0, 0], 3 * np.eye(2))
    assert metrics.frechet_distance(left, right) == pytest.approx(2 + 6)


def kernel_by_pairs(x, y):
    def k(a, b):
        return (sum(p * q for p, q in zip(a, b, strict=True)) / len(a) + 1) ** 3

    inside = [np.mean([k(rows[i], rows[j]) for i, j in itertools.permutations(range(len(rows)), 2)]) for rows in (x, y)]
    return sum(inside) - 2 * np.mean([k(a, b) for a in x for b in y])


def test_kernel_distance_by_pairs():
    x, y = RANDOM.normal(size=(7, 3)), RANDOM.normal(size=(5, 3)) + 1
    assert metrics.kernel_distance(x, y) == pytest.approx((kernel_by_pairs(x, y), 0.0))


def test_kernel_distance_over_subsets():
    x, y = RANDOM.normal(size=(400, 4)), RANDOM.normal(size=(300, 4))
    same = metrics.kernel_distance(x, y, subsets=60, subset=100)
    # Unbiased: zero within what the subsets scatter.
    assert abs(same.mean) < 3 * same.deviation
    assert same == metrics.kernel_distance(x, y, subsets=60, subset=100)
    assert metrics.kernel_distance(x, y + 1, subsets=60, subset=100).mean > 0.5


def balls(points, k):
    """Distance of each point to its k-th neighbour."""
    others = [[p for j, p in enumerate(points) if j != i] for i in range(len(points))]
    return [sorted(np.linalg.norm(p - o) for o in rest)[k - 1] for p, rest in zip(points, others, strict=True)]


def inside(points, centres, radii):
    return np.array([[np.linalg.norm(p - c) <= r for c, r in zip(centres, radii, strict=True)] for p in points])


@pytest.mark.parametrize("k", [1, 3])
def test_manifolds_by_brute_force(k):
    real, generated = RANDOM.normal(size=(40, 3)), RANDOM.normal(size=(30, 3)) * 0.7 + 0.5
    around_real, around_generated = balls(real, k), balls(generated, k)
    among_real = inside(generated, real, around_real)
    precision, recall = metrics.precision_recall(real, generated, neighbours=k)
    assert precision == pytest.approx(among_real.any(axis=1).mean())
    assert recall == pytest.approx(inside(real, generated, around_generated).any(axis=1).mean())
    density, coverage = metrics.density_coverage(real, generated, neighbours=k)
    assert density == pytest.approx(among_real.sum() / (k * len(generated)))
    assert coverage == pytest.approx(among_real.any(axis=0).mean())


def test_manifolds_of_more_points_than_are_held_at_a_time(monkeypatch):
    from kerasarch.metrics import generative_manifolds

    real, generated = RANDOM.normal(size=(50, 3)), RANDOM.normal(size=(60, 3))
    whole = metrics.precision_recall(real, generated) + metrics.density_coverage(real, generated)
    monkeypatch.setattr(generative_manifolds, "_ROWS", 7)
    assert metrics.precision_recall(real, generated) + metrics.density_coverage(real, generated) == whole


def test_manifolds_tell_fidelity_from_variety():
    real = np.concatenate([RANDOM.normal(size=(60, 2)) * 0.1, RANDOM.normal(size=(60, 2)) * 0.1 + 5])
    one_mode = RANDOM.normal(size=(120, 2)) * 0.1
    precision, recall = metrics.precision_recall(real, one_mode)
    assert precision > 0.8
    assert 0.3 < recall < 0.55
    density, coverage = metrics.density_coverage(real, one_mode)
    assert density > 0.7
    assert coverage == pytest.approx(0.5, abs=0.05)
    assert metrics.precision_recall(real, real + 100) == (0, 0)


def test_mode_coverage():
    found = metrics.mode_coverage([0] * 50 + [1] * 48 + [2] * 2, [0, 1, 2, 2], ["a", "b", "c"], least=0.03)
    assert found.counts == (50, 48, 2)
    assert (found.covered, found.missing, found.smallest_share) == (2, ("c",), 0.02)
    expected = 0.5 * np.log(0.5 / 0.25) + 0.48 * np.log(0.48 / 0.25) + 0.02 * np.log(0.02 / 0.5)
    assert found.divergence == pytest.approx(expected)
    assert metrics.mode_coverage([0], [0], 10).least == pytest.approx(0.03)


def test_collapse_is_told_from_missing_modes_and_little_variety():
    even = metrics.mode_coverage(np.arange(100) % 10, [0], 10)
    assert metrics.collapse_warning(even, variety=0.8, real_variety=0.9) == ""
    assert "repeats itself" in metrics.collapse_warning(even, variety=0.2, real_variety=0.9)
    one_left_out = metrics.mode_coverage(np.arange(99) % 9, [0], 10)
    assert "below a share of 3.0% are 9." in metrics.collapse_warning(one_left_out)
    assert "Mode collapse: 2 of 10" in metrics.collapse_warning(metrics.mode_coverage([1, 7], [0], 10))


def test_psnr_by_hand():
    targets = np.zeros((3, 2, 2, 1), np.uint8)
    pictures = targets.copy()
    pictures[1, 0, 0, 0] = 10  # mean squared error 25
    pictures[2] = 255
    # 10 log10(255^2 / 25) = 20 log10(51)
    assert metrics.psnr(targets, pictures).tolist() == pytest.approx([np.inf, 20 * np.log10(51), 0])
    assert metrics.psnr(targets / 255, pictures / 255, peak=1)[1] == pytest.approx(20 * np.log10(51))


def ssim_by_windows(x, y, size, sigma=1.5, peak=255.0):
    """Wang et al., eq. 13, window by window, in one channel."""
    steps = np.arange(size) - size // 2
    weights = np.exp(-(steps[:, None] ** 2 + steps[None] ** 2) / (2 * sigma**2))
    weights /= weights.sum()
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    values = []
    for top in range(x.shape[0] - size + 1):
        for left in range(x.shape[1] - size + 1):
            a, b = (image[top : top + size, left : left + size].astype(float) for image in (x, y))
            m1, m2 = (weights * a).sum(), (weights * b).sum()
            s1, s2 = (weights * (a - m1) ** 2).sum(), (weights * (b - m2) ** 2).sum()
            s12 = (weights * (a - m1) * (b - m2)).sum()
            values.append((2 * m1 * m2 + c1) * (2 * s12 + c2) / ((m1**2 + m2**2 + c1) * (s1 + s2 + c2)))
    return np.mean(values)


def test_ssim_by_windows():
    targets = RANDOM.integers(0, 256, (2, 14, 13, 3)).astype(np.uint8)
    pictures = np.clip(targets + RANDOM.normal(size=targets.shape) * 40, 0, 255).astype(np.uint8)
    found = metrics.ssim(targets, pictures)
    for number in range(2):
        by_channel = [ssim_by_windows(targets[number, ..., c], pictures[number, ..., c], 11) for c in range(3)]
        assert found[number] == pytest.approx(np.mean(by_channel), rel=1e-9)
    assert metrics.ssim(targets, targets).tolist() == pytest.approx([1, 1])
    small = metrics.ssim(targets[:, :8, :8], pictures[:, :8, :8])
    assert small[0] == pytest.approx(
        np.mean([ssim_by_windows(targets[0, :8, :8, c], pictures[0, :8, :8, c], 7) for c in range(3)])
    )


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: metrics.frechet_distance(np.zeros((3, 2)), np.zeros((3, 3))), ShapeError),
        (lambda: metrics.frechet_distance(np.zeros((1, 2)), np.zeros((3, 2))), DataError),
        (lambda: metrics.kernel_distance(np.full((3, 2), np.nan), np.zeros((3, 2))), DataError),
        (lambda: metrics.kernel_distance(np.zeros((3, 2)), np.zeros((3, 2)), subset=1), UsageError),
        (lambda: metrics.precision_recall(np.zeros((3, 2)), np.zeros((3, 2))), DataError),
        (lambda: metrics.precision_recall(np.zeros((3, 2)), np.zeros((3, 2)), neighbours=0), UsageError),
        (lambda: metrics.mode_coverage([3], [0], 3), DataError),
        (lambda: metrics.mode_coverage([], [0], 3), DataError),
        (lambda: metrics.mode_coverage([0], [0], 3, least=2), UsageError),
        (lambda: metrics.psnr(np.zeros((2, 2)), np.zeros((2, 2))), ShapeError),
        (lambda: metrics.ssim(np.zeros((1, 2, 2, 1)), np.zeros((1, 2, 3, 1))), ShapeError),
    ],
)
def test_what_cannot_be_measured(call, error):
    with pytest.raises(error):
        call()
