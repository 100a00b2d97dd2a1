"""The options of recipes that train text encoders on labelled texts; no Keras import: recipes name them."""

import dataclasses
from typing import Annotated, Any, Literal, Self

from annotated_types import Ge, Gt, Interval

from kerasarch.errors import UsageError

Family = Literal["bert", "roberta", "distilbert", "albert", "deberta", "deberta_v2"]


@dataclasses.dataclass(frozen=True)
class EncoderOptions:
    """Options of every recipe that trains a text encoder on labelled texts.

    Args:
        weights: Trained encoder with its tokenizer: a folder in Hugging Face layout, hf:ORG/NAME, or a run that holds
            such a folder. None trains a small one from scratch, with a tokenizer that is learned from the texts.
        width: Channels of a token, from scratch.
        depth: Blocks or layers, from scratch.
        heads: Heads of a block's attention, from scratch.
        vocabulary: Tokens of the tokenizer at most, from scratch.
        length: Tokens of a text at most; what is longer is cut.
        strategy: Which layers learn when: full trains everything from the first step, gradual opens one group of blocks
            after the other from the top down, bottom-up from the input upward after the head, extract trains the head
            alone, selective opens what --open names. None is gradual for trained weights, else full.
        open: For the strategy selective: groups that learn besides the head, such as block1 or embeddings.
        max_stages: Stages at most; neighbouring groups of layers then open together.
        epochs: Epochs of each stage; none is 2 for trained weights and what suits the recipe from scratch.
        batch: Texts a batch.
        optimizer: Optimizer of every layer group.
        learning_rate: Rate of the head; none is 0.00005 for trained weights, else 0.001.
        decay: Each group of layers learns so many times slower than the one above it; none is 1.05 for trained weights,
            else 1.
        warmup_epochs: Epochs over which the rate of a group rises after it opens.
        weight_decay: Decoupled weight decay of kernels and tables.
        clip: Norm above which the gradient of all weights together is shortened; 0 for none.
        dropout: Rate in training; none is 0.1 for trained weights, else 0.3.
        patience: Stop a stage after so many epochs without a better validation loss and keep the best weights; none
            trains all epochs.
        average: Decay of the moving average of the weights that each stage ends with, such as 0.99; 0 for none.
    """

    weights: str | None = None
    width: Annotated[int, Ge(1)] = 128
    depth: Annotated[int, Ge(1)] = 2
    heads: Annotated[int, Ge(1)] = 4
    vocabulary: Annotated[int, Ge(32)] = 8000
    length: Annotated[int, Ge(8)] = 128
    strategy: Literal["full", "gradual", "bottom-up", "extract", "selective"] | None = None
    open: tuple[str, ...] = ()
    max_stages: Annotated[int, Ge(1)] = 4
    epochs: Annotated[int, Ge(1)] | None = None
    batch: Annotated[int, Ge(1)] = 32
    optimizer: Literal["adamw", "adam", "sgd", "rmsprop", "lion", "lamb", "nadam"] = "adamw"
    learning_rate: Annotated[float, Gt(0)] | None = None
    decay: Annotated[float, Ge(1)] | None = None
    warmup_epochs: Annotated[float, Ge(0)] = 0.5
    weight_decay: Annotated[float, Ge(0)] = 0.01
    clip: Annotated[float, Ge(0)] = 1.0
    dropout: Annotated[float, Interval(ge=0, lt=1)] | None = None
    patience: Annotated[int, Ge(1)] | None = None
    average: Annotated[float, Interval(ge=0, lt=1)] = 0.0

    def __post_init__(self) -> None:
        """Check what goes together.

        Raises:
            UsageError: There are patterns without their strategy or the other way round.
        """
        if bool(self.open) != (self.strategy == "selective"):
            raise UsageError(
                f"--open: received {', '.join(self.open) or 'nothing'} with --strategy {self.strategy}. Expected names "
                "of groups of layers with selective, and only there."
            )

    def settled(self, epochs: int, *, dropout: float = 0.3, rate: float = 1e-3) -> Self:
        """Return the options with what they leave open filled in.

        Rates of blocks below each other by Sun et al., 2019, section 5.3.4 (https://arxiv.org/abs/1905.05583).

        Args:
            epochs: Epochs from scratch.
            dropout: Rate of dropout from scratch.
            rate: Learning rate from scratch.
        """
        trained = self.weights is not None
        usual: dict[str, Any] = {
            "strategy": "gradual" if trained else "full",
            "epochs": 2 if trained else epochs,
            "learning_rate": 5e-5 if trained else rate,
            "decay": 1.05 if trained else 1.0,
            "dropout": 0.1 if trained else dropout,
        }
        missing = {name: value for name, value in usual.items() if getattr(self, name) is None}
        return dataclasses.replace(self, **missing)


@dataclasses.dataclass(frozen=True)
class TextClassificationOptions(EncoderOptions):
    """Options of recipes that train an encoder to tell the class of a text: those above, and these.

    Args:
        label_smoothing: Part of a label's weight that is spread over all classes.
        class_weights: Weigh the texts of a class by how rare it is (balanced), or all alike (none).
        synonyms: Replace words by synonyms in training: a file with words that mean the same in each line, or wordnet,
            which needs the package nltk with its corpus.
        synonym_rate: Share of the words that have synonyms which are replaced.
        word_dropout: Share of the words that are left out in training.
        shuffle_sentences: Put the sentences of a text in another order in training.
        back_translate: Two translators, there and back: runs of translate, folders in Hugging Face layout (Marian), or
            hf:ORG/NAME. Half of the training texts are replaced by what comes back, each time that they are seen.
    """

    label_smoothing: Annotated[float, Interval(ge=0, lt=1)] = 0.0
    class_weights: Literal["none", "balanced"] = "none"
    synonyms: str | None = None
    synonym_rate: Annotated[float, Interval(gt=0, le=1)] = 0.1
    word_dropout: Annotated[float, Interval(ge=0, lt=1)] = 0.0
    shuffle_sentences: bool = False
    back_translate: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check what goes together.

        Raises:
            UsageError: There are not two translation runs, or as in `EncoderOptions`.
        """
        super().__post_init__()
        if len(self.back_translate) not in (0, 2):
            raise UsageError(
                f"--back-translate: received {len(self.back_translate)} runs, expected two: there and back."
            )


@dataclasses.dataclass(frozen=True)
class TaggingOptions(EncoderOptions):
    """Options of recipes that mark spans in sentences: those above, and these.

    Args:
        vocabulary: Words of a bilstm, tokens of another model's tokenizer; at most, from scratch.
        depth: Recurrent layers of a bilstm, blocks of another model; from scratch.
        heads: Heads of a block's attention, from scratch; a bilstm has none.
        length: Words of a sentence for a bilstm, tokens for another model, at most; what is longer is cut.
        learning_rate: Rate of the head; none is 0.00005 for trained weights, 0.005 for a bilstm, else 0.001.
        dropout: Rate in training; none is 0.1 for trained weights, 0.5 for a bilstm, else 0.3.
    """

    vocabulary: Annotated[int, Ge(32)] = 20000
    depth: Annotated[int, Ge(1)] = 1
