"""The programs of docs/diffusion.md run as they are printed, and draw what they say."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "diffusion.md"


@pytest.mark.quick_on("torch")
def test_the_page_runs():
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.S | re.M)
    assert len(blocks) == 4
    keras.utils.set_random_seed(0)
    names: dict = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    radius = np.linalg.norm(names["points"], axis=1)  # noise has a mean of 1.25 and a deviation of 0.66
    assert abs(radius.mean() - 1) < 0.15
    assert radius.std() < 0.35
