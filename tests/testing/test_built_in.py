"""The registered models of this package pass the kit that plugins are held to."""

import importlib

import pytest

from kerasarch.testing import check_model
from kerasarch.testing.built_in import BUILT_IN


@pytest.mark.slow
@pytest.mark.parametrize("place", BUILT_IN)
def test_models_of_this_package(place):
    module, name = place.split(":")
    check_model(getattr(importlib.import_module(module), name))
