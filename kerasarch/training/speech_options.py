"""The options of recipes that recognise speech; no Keras import: recipes name them."""

import dataclasses
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Interval

from kerasarch.errors import UsageError


@dataclasses.dataclass(frozen=True)
class SpeechOptions:
    """Options of every recipe that recognises spoken words.

    Args:
        data: Folder of class folders with WAV files, or of files DIGIT_SPEAKER_NUMBER.wav; or dial-tones, the tones of
            telephone keys, which are made.
        rate: Numbers a second that recordings are brought to; twice the highest frequency that is heard.
        strict: Stop at the first unreadable file instead of leaving it out.
        validation: Part of the training recordings to hold out where the data have no validation part.
        test: Part to hold out where they have no test part.
        output: What the network says: letters spells words, words has a label for each, both without being told when
            they are said (CTC); classes says one word a recording.
        digits_per_example: Recordings that are joined to an example of training, from 1 to this many; sequences of this
            many are recognised in the test too.
        epochs: Epochs of training at most.
        patience: Stop after so many epochs without a better validation loss and keep the best weights; none trains all
            epochs, and keeps the best weights too.
        batch: Examples a step.
        learning_rate: Highest learning rate, after the warm-up.
        warmup: Steps over which the rate rises; then it falls along a cosine.
        weight_decay: Decoupled weight decay of the kernels.
        dropout: Rate in training.
        augment: Shift training recordings by up to 0.1 s, change their speed by up to a tenth, add noise to every
            second one, and blot out bands and frames of the spectrograms (SpecAugment).
        beams: Prefixes that the beam search follows in the test.
    """

    data: str = "dial-tones"
    rate: Annotated[int, Ge(100)] = 8000
    strict: bool = False
    validation: Annotated[float, Interval(gt=0, lt=1)] = 0.1
    test: Annotated[float, Interval(gt=0, lt=1)] = 0.2
    output: Literal["letters", "words", "classes"] = "letters"
    digits_per_example: Annotated[int, Ge(1)] = 1
    epochs: Annotated[int, Ge(1)] = 16
    patience: Annotated[int, Ge(1)] | None = None
    batch: Annotated[int, Ge(1)] = 32
    learning_rate: Annotated[float, Gt(0)] = 3e-3
    warmup: Annotated[int, Ge(0)] = 100
    weight_decay: Annotated[float, Ge(0)] = 1e-3
    dropout: Annotated[float, Interval(ge=0, lt=1)] = 0.2
    augment: bool = True
    beams: Annotated[int, Ge(1)] = 8

    def __post_init__(self) -> None:
        """Check what goes together.

        Raises:
            UsageError: Recordings are joined, but a class each is wanted; or the parts leave none for training.
        """
        if self.output == "classes" and self.digits_per_example > 1:
            raise UsageError(
                f"--digits-per-example: received {self.digits_per_example}, expected 1 with --output classes, which "
                "says one word a recording."
            )
        if self.validation + self.test >= 1:
            raise UsageError(
                f"--validation: received {self.validation} with --test {self.test}, expected less than 1 together."
            )
