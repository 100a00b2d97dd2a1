"""Times as vectors, against NumPy in double precision and diffusers."""

import warnings

import keras
import numpy as np
import pytest
import torch

from kerasarch.errors import UsageError
from kerasarch.layers import TimestepEmbedding, TimestepSinusoids
from tests import conformance
from tests.conformance import to_numpy
from tests.weights.references import assert_close, randomise_torch

pytestmark = conformance.QUIET

with warnings.catch_warnings():
    # diffusers 0.42 asks torch for modules that torch has deprecated
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    warnings.filterwarnings("ignore", category=FutureWarning)
    from diffusers.models import embeddings

TIMES = np.array([0, 1, 37.25, 999], "float32")


@pytest.mark.parametrize(("width", "flip", "shift"), [(8, False, 1), (9, True, 0)])
def test_sinusoids(width, flip, shift):
    layer = TimestepSinusoids(width, cosine_first=flip, frequency_shift=shift)
    ours = to_numpy(layer(TIMES))
    theirs = embeddings.Timesteps(width, flip, shift)
    assert_close(ours, theirs(torch.tensor(TIMES)).numpy())
    angles = TIMES[:, None].astype("float64") * 1e4 ** (-np.arange(width // 2) / (width // 2 - shift))
    waves = [np.cos(angles), np.sin(angles)] if flip else [np.sin(angles), np.cos(angles)]
    np.testing.assert_allclose(ours[:, : width // 2 * 2], np.concatenate(waves, -1), atol=1e-4)


def test_half_precision_tells_late_times_apart():
    layer = TimestepSinusoids(16, dtype="mixed_bfloat16")
    x = keras.ops.convert_to_tensor([999.0, 1000.0])
    assert keras.backend.standardize_dtype(layer(x).dtype) == "bfloat16"
    y = to_numpy(layer(x))
    assert np.abs(y[0] - y[1]).max() > 0.5
    np.testing.assert_allclose(y, to_numpy(TimestepSinusoids(16)(x)), atol=1e-2)


def test_embedding():
    theirs = embeddings.TimestepEmbedding(6, 5, act_fn="gelu", post_act_fn="silu", cond_proj_dim=4)
    randomise_torch(theirs)
    ours = TimestepEmbedding(5, activation="gelu", final_activation="silu")
    x = np.random.default_rng(0).normal(size=(3, 6)).astype("float32")
    condition = np.random.default_rng(1).normal(size=(3, 4)).astype("float32")
    ours.build(x.shape, condition.shape)
    ours.condition.set_weights([theirs.cond_proj.weight.detach().numpy().T])
    for layer, linear in ((ours.linear1, theirs.linear_1), (ours.linear2, theirs.linear_2)):
        layer.set_weights([linear.weight.detach().numpy().T, linear.bias.detach().numpy()])
    assert_close(to_numpy(ours(x)), theirs(torch.tensor(x)).detach().numpy())
    both = theirs(torch.tensor(x), torch.tensor(condition)).detach().numpy()
    assert_close(to_numpy(ours(x, condition)), both)


def test_a_width_without_frequencies():
    with pytest.raises(UsageError, match="width=2"):
        TimestepSinusoids(2, frequency_shift=1)
