"""The options of recipes that train language models on running text; no Keras import: recipes name them."""

import dataclasses
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Interval

from kerasarch.errors import UsageError


@dataclasses.dataclass(frozen=True)
class OptimizerOptions:
    """Options of every recipe that trains a model of texts by AdamW with a warm-up and a cosine.

    Args:
        learning_rate: Highest learning rate, after the warm-up.
        final_rate: Rate at the end of the cosine, as a part of the highest.
        warmup: Steps over which the rate rises.
        weight_decay: Decoupled weight decay of kernels and embeddings.
        beta: Decay of AdamW's squared gradients.
        clip: Norm above which the gradient of all weights together is shortened; 0 for none.
    """

    learning_rate: Annotated[float, Gt(0)] = 1e-3
    final_rate: Annotated[float, Interval(ge=0, le=1)] = 0.1
    warmup: Annotated[int, Ge(0)] = 100
    weight_decay: Annotated[float, Ge(0)] = 0.1
    beta: Annotated[float, Interval(gt=0, lt=1)] = 0.99
    clip: Annotated[float, Ge(0)] = 1.0


@dataclasses.dataclass(frozen=True)
class RunningTextOptions:
    """Options of every recipe that reads running text.

    Args:
        data: Text file, folder of text files, tfds:NAME, python for the source of the running Python's standard
            library, or python:NAME for that of one of its packages.
        limit: Characters of it to use at most; none takes all.
        validation: Part of the text, its end, that is held out.
        context: Tokens that the model sees at a time in training.
        batch: Windows of text a step.
        steps: Steps of training; a few less where they are not divided by those between two looks.
        every: Steps between two looks at the held-out text, which is a line of the log.
    """

    data: str = "python"
    limit: Annotated[int, Ge(1)] | None = 1_000_000
    validation: Annotated[float, Interval(gt=0, lt=1)] = 0.1
    context: Annotated[int, Ge(2)] = 64
    batch: Annotated[int, Ge(1)] = 12
    steps: Annotated[int, Ge(1)] = 2000
    every: Annotated[int, Ge(1)] = 250

    @property
    def epochs(self) -> tuple[int, int]:
        """How often the held-out text is looked at, and the steps between."""
        looks = max(self.steps // self.every, 1)
        return looks, self.steps // looks


@dataclasses.dataclass(frozen=True)
class LanguageTrainingOptions(OptimizerOptions, RunningTextOptions):
    """Options of every recipe that trains a model on running text: those above, of text first."""

    def __post_init__(self) -> None:
        """Check what goes together.

        Raises:
            UsageError: The warm-up is as long as training.
        """
        epochs, steps = self.epochs
        if self.warmup >= epochs * steps:
            raise UsageError(f"--warmup: received {self.warmup}, expected fewer than the {epochs * steps} --steps.")


@dataclasses.dataclass(frozen=True)
class LanguageOptions(LanguageTrainingOptions):
    """Options of every recipe that trains a language model from scratch: those above, and these.

    Args:
        tokens: What the model reads: characters, bytes, or pieces of words that are learned from the text (BPE).
        vocabulary: Tokens where they are pieces.
        dropout: Rate in training.
        prompt: Text that the samples in the report go on with; none is the first character of the held-out text.
        sample: Tokens of a sample.
        temperature: What the logits of samples are divided by; 0 takes the most probable token.
    """

    tokens: Literal["characters", "bytes", "pieces"] = "characters"
    vocabulary: Annotated[int, Ge(262)] = 1024
    dropout: Annotated[float, Interval(ge=0, lt=1)] = 0.0
    prompt: str | None = None
    sample: Annotated[int, Ge(1)] = 300
    temperature: Annotated[float, Ge(0)] = 0.8

    def __post_init__(self) -> None:
        """Check what goes together.

        Raises:
            UsageError: The warm-up is as long as training, or the prompt is empty.
        """
        super().__post_init__()
        if self.prompt == "":
            raise UsageError("--prompt: received an empty text, expected a character at least.")


@dataclasses.dataclass(frozen=True)
class MaskedLanguageOptions(LanguageTrainingOptions):
    """Options of recipes that train an encoder to guess hidden tokens: those above, and these.

    Args:
        weights: Trained encoder with its tokenizer to go on from: a folder in Hugging Face layout, hf:ORG/NAME, or a
            run that holds such a folder. None trains a new one, with a tokenizer that is learned from the text.
        width: Channels of a token of a new encoder.
        depth: Blocks of a new encoder.
        heads: Heads of a block's attention of a new encoder.
        vocabulary: Tokens of a learned tokenizer at most.
        dropout: Rate in training.
        lower: Whether a learned tokenizer makes capital letters small.
        share: Probability that a token is one to guess.
        whole_words: Hide words as a whole, not single pieces of them.
    """

    weights: str | None = None
    width: Annotated[int, Ge(1)] = 128
    depth: Annotated[int, Ge(1)] = 2
    heads: Annotated[int, Ge(1)] = 4
    vocabulary: Annotated[int, Ge(32)] = 2000
    dropout: Annotated[float, Interval(ge=0, lt=1)] = 0.0
    lower: bool = False
    share: Annotated[float, Interval(gt=0, lt=1)] = 0.15
    whole_words: bool = False
    context: Annotated[int, Ge(8)] = 64
    batch: Annotated[int, Ge(1)] = 32
    steps: Annotated[int, Ge(1)] = 1500

    def __post_init__(self) -> None:
        """Check what goes together.

        Raises:
            UsageError: The warm-up is as long as training, or the heads do not share the width out.
        """
        super().__post_init__()
        if self.weights is None and self.width % self.heads:
            raise UsageError(f"--width: received {self.width}, expected a multiple of the {self.heads} --heads.")


@dataclasses.dataclass(frozen=True)
class AdaptationOptions(LanguageTrainingOptions):
    """Options of recipes that go on training a language model on another text: those above, and these.

    Args:
        weights: Trained language model with its tokenizer: a folder in Hugging Face layout, hf:ORG/NAME, or a run of a
            language model. None trains a small GPT first, on the text of --first-data.
        texts: What a text is: paragraphs (blank lines between them) or lines, several of which are packed into a row
            without seeing each other; or running, windows of the text as it stands.
        rank: Of low-rank adapters of the attentions, which then learn alone; none trains all weights.
        alpha: Weight of the adapters, divided by the rank; none is the rank.
        prompt: Text that samples go on with, before and after; none is the beginning of the held-out text.
        sample: Tokens of a sample.
        temperature: What the logits of samples are divided by; 0 takes the most probable token.
        first_data: Text that the small GPT is trained on first.
        first_steps: Steps of that training.
        first_rate: Its highest learning rate.
        vocabulary: Tokens of the tokenizer that is learned for it (BPE).
        width: Channels of a token of the small GPT, a multiple of 32.
        depth: Blocks of it.
    """

    data: str = "python:email"
    context: Annotated[int, Ge(2)] = 128
    steps: Annotated[int, Ge(1)] = 400
    every: Annotated[int, Ge(1)] = 100
    learning_rate: Annotated[float, Gt(0)] = 5e-4
    warmup: Annotated[int, Ge(0)] = 20
    weights: str | None = None
    texts: Literal["paragraphs", "lines", "running"] = "paragraphs"
    rank: Annotated[int, Ge(1)] | None = None
    alpha: Annotated[float, Gt(0)] | None = None
    prompt: str | None = None
    sample: Annotated[int, Ge(1)] = 100
    temperature: Annotated[float, Ge(0)] = 0.8
    first_data: str = "python:asyncio"
    first_steps: Annotated[int, Ge(1)] = 1000
    first_rate: Annotated[float, Gt(0)] = 2e-3
    vocabulary: Annotated[int, Ge(262)] = 1024
    width: Annotated[int, Ge(32)] = 128
    depth: Annotated[int, Ge(1)] = 4

    def __post_init__(self) -> None:
        """Check what goes together.

        Raises:
            UsageError: The warm-up is as long as training, the prompt is empty, the width does not fit, or there is a
                weight of adapters without adapters.
        """
        super().__post_init__()
        if self.prompt == "":
            raise UsageError("--prompt: received an empty text, expected a character at least.")
        if self.width % 32:
            raise UsageError(f"--width: received {self.width}, expected a multiple of 32.")
        if self.alpha is not None and self.rank is None:
            raise UsageError("--alpha: is for adapters, which there are with --rank.")
