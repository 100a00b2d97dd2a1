"""Sizes and details that all transformers with an encoder and a decoder have."""

import dataclasses
from typing import Any

from kerasarch.errors import UsageError


@dataclasses.dataclass(frozen=True)
class EncoderDecoderConfig:
    """Sizes and details of an encoder-decoder transformer.

    Attributes:
        vocabulary: Tokens of what is written.
        source_vocabulary: Tokens of what is read; None for as many.
        positions: The longest text in tokens where positions are learned.
        width: Channels of a token.
        depth: Blocks of the decoder.
        source_depth: Blocks of the encoder; None for as many.
        heads: Heads of the decoder's attentions.
        source_heads: Heads of the encoder's; None for as many.
        hidden: Hidden units of the decoder's feed-forward networks.
        source_hidden: Hidden units of the encoder's; None for as many.
        activation: Of the feed-forward networks, a name that [`FeedForward`][kerasarch.layers.FeedForward] knows.
        epsilon: Of the normalisations.
        dropout: Rate in training: behind the embeddings and each branch of a block.
        hidden_dropout: Rate behind the activation of the feed-forward networks.
        shared: Whether encoder and decoder have one embedding.
        tied: Whether the decoder's embedding is the head too.
        head: Whether there are logits.
        start: Number of the token that what is written begins with.
        end: Number of the token that ends a text, or several of them.
        padding: Number of the token that fills up a batch.
        first: Number of the token that generated texts must begin with; None for any.
        last: Number of the token that generated texts must end with where they reach their longest; None for any.
        suppressed: Numbers of tokens that are never generated.
        hidden_states: Whether the outputs hold what goes into the first block and comes out of each, of both sides.
    """

    vocabulary: int = 32000
    source_vocabulary: int | None = None
    positions: int = 1024
    width: int = 512
    depth: int = 6
    source_depth: int | None = None
    heads: int = 8
    source_heads: int | None = None
    hidden: int = 2048
    source_hidden: int | None = None
    activation: str = "relu"
    epsilon: float = 1e-5
    dropout: float = 0.1
    hidden_dropout: float = 0.0
    shared: bool = True
    tied: bool = True
    head: bool = True
    start: int = 1
    end: int | tuple[int, ...] | None = 2
    padding: int = 0
    first: int | None = None
    last: int | None = None
    suppressed: tuple[int, ...] = ()
    hidden_states: bool = False

    def __post_init__(self) -> None:
        """Check the vocabularies."""
        if self.shared and self.source_tokens != self.vocabulary:
            raise UsageError(
                "One embedding for both sides needs one vocabulary. "
                f"Received source_vocabulary={self.source_vocabulary}, vocabulary={self.vocabulary}, shared=True. "
                "Give shared=False."
            )

    @property
    def source_tokens(self) -> int:
        """Tokens of what is read."""
        return self.source_vocabulary or self.vocabulary

    def source_sizes(self) -> dict[str, Any]:
        """Return depth, heads and hidden units of the encoder."""
        return {
            "depth": self.source_depth or self.depth,
            "heads": self.source_heads or self.heads,
            "hidden": self.source_hidden or self.hidden,
        }
