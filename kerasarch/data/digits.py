"""scikit-learn's handwritten digits: 1,797 pictures of 8 by 8 pixels, bundled with the package."""

import numpy as np

from kerasarch.data.source import ArrayImages


def digits() -> ArrayImages:
    """The handwritten digits that come with scikit-learn, bright on black.

    They are the test part of UCI's "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak, 1998,
    https://doi.org/10.24432/C50P49): 17 grey levels, here spread over 0 to 255.

    Returns:
        1,797 images ``(8, 8, 1)`` in ten classes.
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = np.rint(bunch.images * (255 / 16)).astype(np.uint8)  # (1797, 8, 8)
    return ArrayImages(images, bunch.target, [str(digit) for digit in range(10)])
