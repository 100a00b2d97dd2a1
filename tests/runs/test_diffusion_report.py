"""What the report of a diffusion run compares."""

import keras
import pytest

from kerasarch.generation import METHODS, DiffusionSampler, Flow, NoiseSchedule
from kerasarch.runs import diffusion_report


class Tables:
    """Stands in for a run: keeps the tables."""

    seed, smoke = 0, False

    def __init__(self):
        self.tables = {}

    def table(self, name, rows, *, caption=""):
        self.tables[name] = rows


def flat():
    """A network whose x0 is a flat picture."""
    x, times = keras.Input((4, 4, 1)), keras.Input(())
    return keras.Model([x, times], keras.layers.Dense(1, kernel_initializer="zeros")(x))


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"process": NoiseSchedule("cosine"), "prediction": "x0"}, [*METHODS]),
        ({"process": Flow(), "prediction": "flow", "method": "flow_euler"}, ["flow_euler"]),
    ],
)
def test_every_sampler_is_compared(how, expected, monkeypatch):
    monkeypatch.setattr(diffusion_report, "COMPARED", 2)
    monkeypatch.setattr(diffusion_report, "STEPS", (3,))
    run = Tables()
    diffusion_report.show_choices(run, DiffusionSampler(flat(), (4, 4, 1), **how), None, None)
    assert [row["sampler"] for row in run.tables["samplers"]] == expected
    assert all(row["seconds a picture"] > 0 for row in run.tables["samplers"])
