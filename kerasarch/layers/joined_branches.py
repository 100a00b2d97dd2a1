"""What the blocks of encoders and decoders share: branches with shortcuts, normalised before or behind."""

from collections.abc import Callable
from typing import Any, Literal

import keras

from kerasarch.errors import ShapeError
from kerasarch.layers.decoder_block import normalization
from kerasarch.layers.feed_forward import FeedForward


class JoinedBranches(keras.layers.Layer):
    """A block of branches, of which the last is a feed-forward network; what the others do, the classes below say.

    ``norm(x + branch(x))``: Vaswani et al., 2017, section 3.1 (https://arxiv.org/abs/1706.03762), or with
    ``norm_first`` ``x + branch(norm(x))``: Wang et al., 2019, eq. 2 (https://arxiv.org/abs/1906.01787).

    Args:
        heads: Heads of each attention.
        head_width: Channels of a head; None for the width divided by ``heads``.
        hidden: Hidden units of the feed-forward network; None for four times the width.
        activation: A name that [`FeedForward`][kerasarch.layers.FeedForward] knows.
        norm: ``"layer"`` for layer normalisation, ``"rms"`` for division by the root of the mean square.
        norm_first: Whether a branch is normalised before it, and not with the shortcut behind it.
        attention_bias: Whether query, key, value and output have biases.
        bias: Whether the feed-forward network and layer normalisation have biases.
        relative: Whether self-attention takes a bias for each pair of tokens where the block is called.
        scale: Factor of the attention's scores; None for ``head_width ** -0.5``.
        initializer: Of kernels.
        query_initializer: Of those of queries; None for the same.
        dropout: Rate behind each branch.
        hidden_dropout: Rate behind the activation of the feed-forward network.
        epsilon: Added to the variance or mean square.
        **kwargs: Passed to ``keras.layers.Layer``.
    """

    BRANCHES = 2

    def __init__(
        self,
        heads: int,
        *,
        head_width: int | None = None,
        hidden: int | None = None,
        activation: str = "relu",
        norm: Literal["layer", "rms"] = "layer",
        norm_first: bool = False,
        attention_bias: bool = True,
        bias: bool = True,
        relative: bool = False,
        scale: float | None = None,
        initializer: Any = "glorot_uniform",
        query_initializer: Any = None,
        dropout: float = 0.0,
        hidden_dropout: float = 0.0,
        epsilon: float = 1e-5,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.heads = heads
        self.head_width = head_width
        self.hidden = hidden
        self.activation = activation
        self.norm = norm
        self.norm_first = norm_first
        self.attention_bias = attention_bias
        self.bias = bias
        self.relative = relative
        self.scale = scale
        self.initializer = keras.initializers.get(initializer)
        self.query_initializer = keras.initializers.get(query_initializer)
        self.dropout = dropout
        self.hidden_dropout = hidden_dropout
        self.epsilon = epsilon
        own: dict[str, Any] = {"dtype": self.dtype_policy}
        self.norms = [
            normalization(norm, epsilon=epsilon, bias=bias, name=f"norm{number + 1}", **own)
            for number in range(self.BRANCHES)
        ]
        self.feed_forward = FeedForward(
            activation,
            hidden=hidden,
            bias=bias,
            initializer=self.initializer,
            dropout=hidden_dropout,
            name="feed_forward",
            **own,
        )
        self.drop = keras.layers.Dropout(dropout, name="drop", **own)

    def build_branches(self, x_shape: tuple[int | None, ...]) -> None:
        """Build the normalisations and the feed-forward network."""
        for child in (*self.norms, self.feed_forward):
            child.build(x_shape)

    def head_width_of(self, x_shape: tuple[int | None, ...]) -> int:
        """Return the channels of a head.

        Raises:
            ShapeError: The width is unknown, or no multiple of ``heads`` where ``head_width`` is None.
        """
        width = x_shape[-1]
        if width is None or (self.head_width is None and width % self.heads):
            raise ShapeError(
                f"{self.name}: the width must be a multiple of heads. Received width={width}, heads={self.heads}."
            )
        return self.head_width or width // self.heads

    def make_attention(self, kind: type[Any], name: str, head_width: int, **details: Any) -> Any:
        """Return an attention of a kind, not built yet."""
        attention = kind(
            self.heads,
            head_width,
            bias=self.attention_bias,
            out_bias=self.attention_bias,
            scale=self.scale,
            initializer=self.initializer,
            dtype=self.dtype_policy,
            name=name,
            **details,
        )
        if self.query_initializer is not None:
            attention.query.kernel_initializer = self.query_initializer.clone()
        return attention

    def read_by(self, branch: int, x: Any) -> Any:
        """Return what a branch reads, given what goes into it and its shortcut."""
        return self.norms[branch](x) if self.norm_first else x

    def join(self, branch: int, x: Any, apply: Callable[[Any], Any], training: bool | None) -> Any:
        """Return what a branch and its shortcut give.

        Args:
            branch: Its number, which is that of its normalisation.
            x: ``(B, T, D)``.
            apply: What the branch does.
            training: Whether there is dropout.
        """
        x = x + self.drop(apply(self.read_by(branch, x)), training=training)
        return x if self.norm_first else self.norms[branch](x)

    def transform(self, x: Any, training: bool | None) -> Any:
        """Return what the last branch and its shortcut give."""
        return self.join(self.BRANCHES - 1, x, lambda h: self.feed_forward(h, training=training), training)

    def compute_output_shape(self, x_shape: tuple[int | None, ...], *_: Any, **__: Any) -> tuple[int | None, ...]:
        """Return the shape of the output, that of the input."""
        return tuple(x_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        names = ["heads", "head_width", "hidden", "activation", "norm", "norm_first", "attention_bias", "bias"]
        names += ["relative", "scale", "dropout", "hidden_dropout", "epsilon"]
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in names},
            "initializer": keras.initializers.serialize(self.initializer),
            "query_initializer": None
            if self.query_initializer is None
            else keras.initializers.serialize(self.query_initializer),
        }
