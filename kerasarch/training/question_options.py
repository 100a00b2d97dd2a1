"""The options of recipes that train an encoder to find answers; no Keras import: recipes name them."""

import dataclasses
from typing import Annotated

from annotated_types import Ge

from kerasarch.errors import UsageError
from kerasarch.training.text_options import EncoderOptions


@dataclasses.dataclass(frozen=True)
class QuestionOptions(EncoderOptions):
    """Options of recipes that train an encoder to find answers in passages: those above, and these.

    Args:
        length: Tokens of a window, question and special tokens included; longer passages take several windows.
        overlap: Tokens that two windows of a passage share.
        longest: Tokens of an answer at most.
    """

    length: Annotated[int, Ge(16)] = 128
    overlap: Annotated[int, Ge(0)] = 32
    longest: Annotated[int, Ge(1)] = 30

    def __post_init__(self) -> None:
        """Check what goes together.

        Raises:
            UsageError: Windows overlap by half or more, or as in `EncoderOptions`.
        """
        super().__post_init__()
        if 2 * self.overlap >= self.length:
            raise UsageError(
                f"--overlap: received {self.overlap}, expected less than half of the --length of {self.length}."
            )
