from typing import get_args, get_type_hints

import keras
import pytest

from kerasarch.training.optimizers import optimizer_of
from kerasarch.training.transfer_options import TransferOptions


@pytest.mark.parametrize("name", get_args(get_type_hints(TransferOptions)["optimizer"]))
def test_every_name_that_the_options_offer_is_an_optimizer(name):
    assert type(optimizer_of(name)).__name__.lower() == name


def test_what_keras_takes_is_taken():
    given = keras.optimizers.SGD(0.5)
    assert optimizer_of(given) is given
    with pytest.raises(ValueError, match="nothing"):
        optimizer_of("nothing")
