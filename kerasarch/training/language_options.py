"""The options of recipes that train language models from scratch; no Keras import: recipes name them."""

import dataclasses
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Interval

from kerasarch.errors import UsageError


@dataclasses.dataclass(frozen=True)
class LanguageOptions:
    """Options of every recipe that trains a language model from scratch.

    Args:
        data: Text file, folder of text files, tfds:NAME, or python for the source of the running Python's standard
            library.
        limit: Characters of it to use at most; none takes all.
        validation: Part of the text, its end, that is held out.
        tokens: What the model reads: characters, bytes, or pieces of words that are learned from the text (BPE).
        vocabulary: Tokens where they are pieces.
        context: Tokens that the model sees at a time in training.
        batch: Windows of text a step.
        steps: Steps of training; a few less where they are not divided by those between two looks.
        every: Steps between two looks at the held-out text, which is a line of the log.
        learning_rate: Highest learning rate, after the warm-up.
        final_rate: Rate at the end of the cosine, as a part of the highest.
        warmup: Steps over which the rate rises.
        weight_decay: Decoupled weight decay of kernels and embeddings.
        beta: Decay of AdamW's squared gradients.
        clip: Norm above which the gradient of all weights together is shortened; 0 for none.
        dropout: Rate in training.
        prompt: Text that the samples in the report go on with; none is the first character of the held-out text.
        sample: Tokens of a sample.
        temperature: What the logits of samples are divided by; 0 takes the most probable token.
    """

    data: str = "python"
    limit: Annotated[int, Ge(1)] | None = 1_000_000
    validation: Annotated[float, Interval(gt=0, lt=1)] = 0.1
    tokens: Literal["characters", "bytes", "pieces"] = "characters"
    vocabulary: Annotated[int, Ge(262)] = 1024
    context: Annotated[int, Ge(2)] = 64
    batch: Annotated[int, Ge(1)] = 12
    steps: Annotated[int, Ge(1)] = 2000
    every: Annotated[int, Ge(1)] = 250
    learning_rate: Annotated[float, Gt(0)] = 1e-3
    final_rate: Annotated[float, Interval(ge=0, le=1)] = 0.1
    warmup: Annotated[int, Ge(0)] = 100
    weight_decay: Annotated[float, Ge(0)] = 0.1
    beta: Annotated[float, Interval(gt=0, lt=1)] = 0.99
    clip: Annotated[float, Ge(0)] = 1.0
    dropout: Annotated[float, Interval(ge=0, lt=1)] = 0.0
    prompt: str | None = None
    sample: Annotated[int, Ge(1)] = 300
    temperature: Annotated[float, Ge(0)] = 0.8

    def __post_init__(self) -> None:
        """Check what goes together.

        Raises:
            UsageError: The warm-up is as long as training, or the prompt is empty.
        """
        epochs, steps = self.epochs
        if self.warmup >= epochs * steps:
            raise UsageError(f"--warmup: received {self.warmup}, expected fewer than the {epochs * steps} --steps.")
        if self.prompt == "":
            raise UsageError("--prompt: received an empty text, expected a character at least.")

    @property
    def epochs(self) -> tuple[int, int]:
        """How often the held-out text is looked at, and the steps between."""
        looks = max(self.steps // self.every, 1)
        return looks, self.steps // looks
