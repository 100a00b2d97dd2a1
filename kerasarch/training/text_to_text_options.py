"""The options of recipes that train a model to read one text and write another; no Keras import: recipes name them."""

import dataclasses
from typing import Annotated

from annotated_types import Ge, Gt, Interval

from kerasarch.errors import UsageError
from kerasarch.training.language_options import OptimizerOptions
from kerasarch.training.parallel_options import tokens_to_learn


@dataclasses.dataclass(frozen=True)
class TextToTextOptions(OptimizerOptions):
    """Options of recipes that train a model to read one text and write another: those above, and these.

    Args:
        data: Pairs: a .jsonl, .tsv or .csv file with columns input and target, a folder of such files by part, or
            numbers, phrases of numbers, dates and times to be translated from English to German and back.
        limit: Pairs to learn from, at most; none takes all.
        prefix: Text that is put before each input, such as "summarize: ".
        weights: Trained model with its tokenizer: a folder in Hugging Face layout (T5, mT5, BART), hf:ORG/NAME, or a
            run of this recipe. None trains a small T5 from scratch, with a tokenizer that is learned from the texts.
        pretrain_steps: Steps of training on running text with spans taken out, before the pairs; none is 400 from
            scratch, else 0.
        text: Running text for it: a file, a folder, python, python:NAME; none is the inputs and targets of the pairs
            to learn from.
        share: Of the tokens that are taken out of it.
        span: Tokens of a span that is taken out, in the mean.
        passage: Tokens of a passage of it that are read, at most.
        passages: Passages a step.
        width: Channels of a token of a new model.
        depth: Blocks of its encoder and of its decoder.
        heads: Heads of its attentions.
        dropout: Rate in training of a new model.
        vocabulary: Tokens of the tokenizer that is learned for it (BPE); none is 400 for numbers, else 8000.
        epochs: Epochs of training on the pairs.
        tokens: Tokens of a batch on its longer side; more pairs where they are short.
        longest: Tokens of an input or a target at most; what is longer is cut.
        shapes: Different lengths of batches, at most.
        beams: Candidates of the search for texts of the test part.
        scored: Pairs of the test part that are written and scored, at most; none takes all.
    """

    learning_rate: Annotated[float, Gt(0)] = 1e-3
    weight_decay: Annotated[float, Ge(0)] = 0.01
    data: str = "numbers"
    limit: Annotated[int, Ge(1)] | None = None
    prefix: str = ""
    weights: str | None = None
    pretrain_steps: Annotated[int, Ge(0)] | None = None
    text: str | None = None
    share: Annotated[float, Interval(gt=0, lt=1)] = 0.15
    span: Annotated[float, Ge(1)] = 3.0
    passage: Annotated[int, Ge(4)] = 64
    passages: Annotated[int, Ge(1)] = 32
    width: Annotated[int, Ge(1)] = 128
    depth: Annotated[int, Ge(1)] = 2
    heads: Annotated[int, Ge(1)] = 4
    dropout: Annotated[float, Interval(ge=0, lt=1)] = 0.1
    vocabulary: Annotated[int, Ge(262)] | None = None
    epochs: Annotated[int, Ge(1)] = 8
    tokens: Annotated[int, Ge(1)] = 1024
    longest: Annotated[int, Ge(4)] = 128
    shapes: Annotated[int, Ge(1)] = 4
    beams: Annotated[int, Ge(1)] = 4
    scored: Annotated[int, Ge(1)] | None = 500

    def __post_init__(self) -> None:
        """Check what goes together.

        Raises:
            UsageError: The heads do not share the width out.
        """
        if self.weights is None and self.width % self.heads:
            raise UsageError(f"--width: received {self.width}, expected a multiple of the {self.heads} --heads.")

    @property
    def words(self) -> int:
        """Tokens that a tokenizer is to learn."""
        return tokens_to_learn(self.data, self.vocabulary)

    @property
    def first_steps(self) -> int:
        """Steps before the pairs."""
        usual = 400 if self.weights is None else 0
        return usual if self.pretrain_steps is None else self.pretrain_steps
