"""The options that the recipes of diffusion models share; no Keras import, so that recipes can name them."""

import dataclasses
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Interval

from kerasarch.errors import UsageError
from kerasarch.training.generative_options import GenerativeOptions

DiffusionMethod = Literal["ddpm", "ddim", "euler", "euler_ancestral", "heun", "dpm_solver"]
"""Samplers by the names that recipes give them."""


@dataclasses.dataclass(frozen=True)
class DiffusionOptions(GenerativeOptions):
    """Options of every recipe that learns to draw by taking noise away: those above, and these.

    Args:
        drop: Share of the examples whose class is hidden, so that the network learns to do without; for guidance.
        guidance: Weight of the class when drawing; 1 is none.
        sample_steps: Questions to the network when drawing.
        learning_rate: Adam's, after a warm-up over the first twentieth.
        average: Pictures after which a weight counts half in the averaged network that draws; 0 draws with the
            network itself.
        compare: Show what guidance, sampler and number of steps change.
    """

    drop: Annotated[float, Interval(ge=0, lt=1)] = 0.1
    guidance: Annotated[float, Ge(0)] = 1.5
    sample_steps: Annotated[int, Ge(1)] = 16
    learning_rate: Annotated[float, Gt(0)] = 1e-3
    average: Annotated[float, Ge(0)] = 20_000
    compare: bool = True

    def __post_init__(self) -> None:
        labelled = getattr(self, "conditional", True)  # an option of some recipes; the others always learn the classes
        if labelled and self.drop == 0 and self.guidance != 1:
            raise UsageError(
                f"--drop: received 0 with --guidance {self.guidance:g}. Guidance asks the network with the class "
                "hidden too, which it then never learns. Give --guidance 1, or --drop above 0."
            )


@dataclasses.dataclass(frozen=True)
class UNetDiffusionOptions(DiffusionOptions):
    """Options of recipes whose network is a U-Net: those above, and these.

    Args:
        conditional: Learn from the labels too, so that pictures of a class can be asked for.
        width: Channels at full size; twice as many at half the size, four times as many below; a multiple of 8.
        depth: Residual blocks of a level.
        attention: Size at which, and below which, all places attend to each other; 0 for none.
        dropout: Rate within the residual blocks.
    """

    conditional: bool = True
    width: Annotated[int, Ge(8)] = 16
    depth: Annotated[int, Ge(1)] = 1
    attention: Annotated[int, Ge(0)] = 8
    dropout: Annotated[float, Interval(ge=0, lt=1)] = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width % 8:
            raise UsageError(f"--width: received {self.width}, expected a multiple of 8.")
