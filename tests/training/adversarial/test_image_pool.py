"""CycleGAN's pool of pictures against its rule, picture by picture."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasarch.errors import UsageError
from kerasarch.training.adversarial import ImagePool


def numbered(start, count):
    """Pictures whose pixels are their number."""
    return np.broadcast_to(np.arange(start, start + count)[:, None, None, None], (count, 2, 2, 1)).astype("float32")


def test_the_pool_follows_the_papers_rule():
    size, batch, steps, seed = 5, 3, 12, 7
    pool = ImagePool(size, shape=(2, 2, 1), seed=seed)
    same = keras.random.SeedGenerator(seed)
    stored, swapped = [], 0
    for step in range(steps):
        swaps = ops.convert_to_numpy(keras.random.uniform((batch,), seed=same)) < 0.5
        places = ops.convert_to_numpy(keras.random.randint((batch,), 0, size, seed=same))
        expected = []
        for number in range(batch):
            picture = step * batch + number
            if len(stored) < size:
                stored.append(picture)
                expected.append(picture)
            elif swaps[number]:
                expected.append(stored[places[number]])
                stored[places[number]] = picture
                swapped += 1
            else:
                expected.append(picture)
        returned = ops.convert_to_numpy(pool(ops.convert_to_tensor(numbered(step * batch, batch))))
        np.testing.assert_array_equal(returned, numbered(0, 40)[expected])
        np.testing.assert_array_equal(ops.convert_to_numpy(pool.images.value)[: len(stored)], numbered(0, 40)[stored])
    assert 5 < swapped < 26  # about half of 31


def test_no_pool_and_bad_ones():
    images = numbered(0, 4)
    np.testing.assert_array_equal(
        ops.convert_to_numpy(ImagePool(0, shape=(2, 2, 1))(ops.convert_to_tensor(images))), images
    )
    with pytest.raises(UsageError, match="0 pictures or more"):
        ImagePool(-1, shape=(2, 2, 1))
