"""The programs of docs/training-step.md run as they are printed."""

import re
from pathlib import Path

import keras
import numpy as np
from keras import ops

PAGE = Path(__file__).resolve().parents[2] / "docs" / "training-step.md"


def test_the_page_runs():
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.S | re.M)
    assert len(blocks) == 4
    keras.utils.set_random_seed(0)
    names: dict = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    assert set(names["history"]) == {"discriminator_loss", "generator_loss"}
    assert np.isfinite(ops.convert_to_numpy(names["loss"]))
    assert len(names["slopes"]) == len(names["generator"].trainable_variables)
    assert names["losses"][-1] < names["losses"][0]
