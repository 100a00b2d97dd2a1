"""The model: the conformance kit, its size counted by hand, and its error."""

import pytest
from kerasarch_example.se_cnn import se_cnn

from kerasarch.errors import UsageError
from kerasarch.testing import check_model


def test_conformance():
    check_model(se_cnn)


def test_parameters():
    stage1 = 9 * 1 * 16 + 9 * 16 * 16 + 2 * 4 * 16 + (16 * 4 + 4 + 4 * 16 + 16)
    stage2 = 9 * 16 * 32 + 9 * 32 * 32 + 2 * 4 * 32 + (32 * 8 + 8 + 8 * 32 + 32)
    assert se_cnn("se_cnn_tiny", classes=10).count_params() == stage1 + stage2 + 32 * 10 + 10


def test_without_head():
    assert se_cnn("se_cnn_small", classes=None).output_shape == (None, 128)


def test_unknown_variant():
    with pytest.raises(UsageError, match="se_cnn_tiny, se_cnn_small"):
        se_cnn("se_cnn_huge")
