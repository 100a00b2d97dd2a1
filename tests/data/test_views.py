import numpy as np
import pytest
from PIL import Image

from kerasarch.data.views import views
from kerasarch.errors import UsageError

pytestmark = pytest.mark.backend_free


def test_crops_come_from_the_corners_and_keep_the_size():
    images = np.zeros((1, 16, 16, 3), np.uint8)
    images[0, 0, 0] = 255  # seen by the upper left crop and the whole
    images[0, 15, 15] = 254
    found = views(images, mirror=False)
    assert [view.shape for view in found] == [(1, 16, 16, 3)] * 6
    assert [bool(view[0, 0, 0].max()) for view in found] == [True, True, False, False, False, False]
    assert [bool(view[0, -1, -1].max()) for view in found] == [True, False, False, False, True, False]
    np.testing.assert_array_equal(found[0], images)


def test_mirrored_views():
    images = np.random.default_rng(0).integers(0, 256, (2, 9, 12, 1), dtype=np.uint8)
    plain, both = views(images, mirror=False), views(images, mirror=True)
    assert len(both) == 12
    for view, mirrored in zip(plain, both[6:], strict=True):
        np.testing.assert_array_equal(view[:, :, ::-1], mirrored)


def test_crops_are_enlarged_as_asked():
    images = np.random.default_rng(0).integers(0, 256, (1, 16, 16, 3), dtype=np.uint8)
    crop = Image.fromarray(images[0, :14, :14])
    for name, resampling in (("bilinear", Image.Resampling.BILINEAR), ("bicubic", Image.Resampling.BICUBIC)):
        expected = np.asarray(crop.resize((16, 16), resampling))
        np.testing.assert_array_equal(views(images, mirror=False, interpolation=name)[1][0], expected)


def test_other_arrays_are_refused():
    with pytest.raises(UsageError, match="float64"):
        views(np.zeros((1, 4, 4, 1)), mirror=False)
