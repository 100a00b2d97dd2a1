"""The options of recipes that learn to translate sentences; no Keras import: recipes name them."""

import dataclasses
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Interval

from kerasarch.errors import UsageError

SMALL, USUAL = 400, 8000
"""Tokens of a vocabulary: for the bundled phrases, and for other data unless asked for."""


def tokens_to_learn(data: str, asked: int | None) -> int:
    """Return how many tokens a tokenizer is to have.

    Args:
        data: What is learned from, as the option says.
        asked: What is asked for; None for the usual number.
    """
    return asked or (SMALL if data == "numbers" else USUAL)


@dataclasses.dataclass(frozen=True)
class ParallelTextOptions:
    """Options of every recipe that learns to translate from sentence pairs.

    Args:
        data: Folder of NAME.LANGUAGE files with a sentence a line, table (.csv, .tsv, .jsonl) with a column a language,
            tfds:NAME, or numbers for phrases of numbers, dates and times that are made by rules.
        source: Language that is read, as files or columns are named.
        target: Language that is written.
        limit: Pairs to learn from at most; none takes all.
        longest: Tokens of a sentence at most; longer pairs are not learned from.
        pieces: How pieces of words are learned: byte pairs, or a unigram model.
        vocabulary: Tokens that are learned; none is 400 for numbers, else 8000.
        joint: One vocabulary for both languages, or one for each.
        frequency: How often a pair of pieces occurs that byte pairs join, at least.
        tokens: Places of a batch on its longer side, padding included.
        shapes: Different lengths of batches at most: less padding with more of them, but on JAX each is compiled.
        epochs: Epochs of training.
        learning_rate: Highest learning rate, after the warm-up.
        schedule: How it falls after the warm-up: with the root of the steps (noam), or along a cosine to nothing.
        warmup: Steps over which the rate rises.
        label_smoothing: Part of a token's weight that is spread over all tokens.
        dropout: Rate in training.
        clip: Norm above which the gradient of all weights together is shortened; 0 for none.
        average: Decay of the moving averages of the weights, which are validated and kept; 0 for none.
        patience: Stop after so many epochs without a better validation perplexity; none trains all epochs. The best
            weights are kept in any case.
        scored: Validation pairs that are translated after each epoch for BLEU, at most.
        beams: Candidates of the search for the test set's translations.
        length_penalty: Power of the length that a translation's logarithmic probability is divided by.
    """

    data: str = "numbers"
    source: str = "en"
    target: str = "de"
    limit: Annotated[int, Ge(1)] | None = None
    longest: Annotated[int, Ge(3)] = 100
    pieces: Literal["bpe", "unigram"] = "bpe"
    vocabulary: Annotated[int, Ge(300)] | None = None
    joint: bool = True
    frequency: Annotated[int, Ge(1)] = 2
    tokens: Annotated[int, Ge(1)] = 2048
    shapes: Annotated[int, Ge(1)] = 8
    epochs: Annotated[int, Ge(1)] = 12
    learning_rate: Annotated[float, Gt(0)] = 2e-3
    schedule: Literal["noam", "cosine"] = "cosine"
    warmup: Annotated[int, Ge(1)] = 400
    label_smoothing: Annotated[float, Interval(ge=0, lt=1)] = 0.1
    dropout: Annotated[float, Interval(ge=0, lt=1)] = 0.2
    clip: Annotated[float, Ge(0)] = 1.0
    average: Annotated[float, Interval(ge=0, lt=1)] = 0.995
    patience: Annotated[int, Ge(1)] | None = None
    scored: Annotated[int, Ge(1)] = 500
    beams: Annotated[int, Ge(1)] = 5
    length_penalty: float = 1.0

    def __post_init__(self) -> None:
        """Check what goes together.

        Raises:
            UsageError: The two languages are one, or a batch has no room for the longest pair.
        """
        if self.source == self.target:
            raise UsageError(f"--target: received {self.target}, which is --source too. Expected another language.")
        if self.tokens < self.longest:
            raise UsageError(
                f"--tokens: received {self.tokens}, expected {self.longest} or more, as a sentence may have --longest."
            )

    @property
    def words(self) -> int:
        """Tokens to learn."""
        return tokens_to_learn(self.data, self.vocabulary)
