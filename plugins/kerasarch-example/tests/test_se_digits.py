"""The recipe, run by the command line on the backend of KERAS_BACKEND."""

from kerasarch.testing import check_recipe


def test_conformance():
    check_recipe("se-digits")
