"""Heads of text encoders: which there are, what they give, and the losses that they are trained with."""

import dataclasses
from typing import Any

import keras
from keras import ops

from kerasarch.errors import UsageError
from kerasarch.layers.feed_forward import ACTIVATIONS
from kerasarch.models.label_crossentropy import LabelCrossentropy

LABELLED = ("classification", "tags")
"""Heads whose size is the number of labels."""
POOLED = ("classification", "next_sentence", "pretraining")
"""Heads that read the text's one vector."""
MASKED = ("masked_lm", "pretraining")
"""Heads that guess tokens."""
TASKS = ("single_label", "multi_label", "regression")
IGNORED_LABEL = -100
"""A label that the losses of single tokens pass over."""
# Not gated, and the hyperbolic tangent of the vector that stands for a text
FUNCTIONS = {"tanh": ops.tanh, **{name: function for name, (function, gated) in ACTIVATIONS.items() if not gated}}


@dataclasses.dataclass(frozen=True)
class HeadOutput:
    """One tensor that a head gives.

    Attributes:
        name: Its name, transformers'.
        each: Whether there is a row for each token.
        size: Numbers in a row; None for one, without an axis of its own.
    """

    name: str
    each: bool
    size: int | None


def head_outputs(config: Any, second: str) -> tuple[HeadOutput, ...]:
    """Return what a head gives.

    Args:
        config: Config of a text encoder.
        second: Name of the scores of the second task of pre-training.
    """
    count = label_count(config)
    return {
        "none": (),
        "masked_lm": (HeadOutput("logits", True, config.vocabulary),),
        "classification": (HeadOutput("logits", False, count),),
        "tags": (HeadOutput("logits", True, count),),
        "question_answering": (HeadOutput("start_logits", True, None), HeadOutput("end_logits", True, None)),
        "next_sentence": (HeadOutput("logits", False, 2),),
        "pretraining": (HeadOutput("prediction_logits", True, config.vocabulary), HeadOutput(second, False, 2)),
    }[config.head]


def label_count(config: Any) -> int:
    """Return how many labels a config has, which may name them."""
    return config.labels if isinstance(config.labels, int) else len(config.labels)


def check_head(name: str, config: Any, heads: tuple[str, ...], *, pooler: bool) -> None:
    """Refuse heads, tasks and labels that there are not.

    Args:
        name: Name of the model, for the message.
        config: Config of a text encoder.
        heads: Heads that the family has.
        pooler: Whether the family has a pooler without a head.

    Raises:
        UsageError: The family has no such head or no pooler, there is no such task, or there are no labels.
    """
    if config.head not in heads:
        raise UsageError(f"{name}: head must be one of {', '.join(heads)}. Received {config.head!r}.")
    if config.task is not None and config.task not in TASKS:
        raise UsageError(f"{name}: task must be one of {', '.join(TASKS)}, or None. Received {config.task!r}.")
    if config.pooler and not pooler:
        raise UsageError(f"{name}: this family has no pooler but under a head. Received pooler=True; leave it out.")
    if label_count(config) < 1:
        raise UsageError(f"{name}: labels must be at least 1, or names. Received {config.labels!r}.")


def head_losses(config: Any, outputs: tuple[HeadOutput, ...]) -> dict[str, keras.losses.Loss]:
    """Return the loss of each output by name, as ``compile`` takes them.

    Args:
        config: Config of a text encoder.
        outputs: Of `head_outputs`.

    Raises:
        UsageError: There is no head.
    """
    if not outputs:
        raise UsageError(f"An encoder without head has no loss. Choose a head; received head={config.head!r}.")
    if config.head == "classification":
        task = config.task or ("regression" if label_count(config) == 1 else "single_label")
        if task == "regression":
            return {"logits": keras.losses.MeanSquaredError()}
        if task == "multi_label":
            return {"logits": keras.losses.BinaryCrossentropy(from_logits=True)}
    ignored = {output.name: IGNORED_LABEL if output.each and output.size else None for output in outputs}
    return {name: LabelCrossentropy(label) for name, label in ignored.items()}


@keras.saving.register_keras_serializable(package="kerasarch")
class MaskedTokenHead(keras.layers.Layer):
    """Scores of all tokens for each place: the head of masked language models.

    ``norm(f(W x)) E^T + b`` with the embedding E of the tokens: Devlin et al., 2019, section 3.1
    (https://arxiv.org/abs/1810.04805), and the public code of BERT. Untied there is another matrix in the place of E.

    Args:
        vocabulary: Tokens.
        width: Channels of E.
        activation: The function f, a name in ``FUNCTIONS``.
        tied: Whether E is the embedding.
        epsilon: Added to the variance.
        initializer: Of kernels.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        V vocabulary, D width of the encoder: ``x (B, T, D)``, ``embeddings (V, width)`` -> ``(B, T, V)``.
    """

    def __init__(
        self,
        vocabulary: int,
        width: int,
        *,
        activation: str = "gelu",
        tied: bool = True,
        epsilon: float = 1e-12,
        initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.vocabulary = vocabulary
        self.width = width
        self.activation = activation
        self.tied = tied
        self.epsilon = epsilon
        self.initializer = keras.initializers.get(initializer)
        own: dict[str, Any] = {"dtype": self.dtype_policy}
        start = self.initializer.clone
        self.dense = keras.layers.Dense(width, kernel_initializer=start(), name="dense", **own)
        self.norm = keras.layers.LayerNormalization(epsilon=epsilon, name="norm", **own)
        self.decoder = (
            None if tied else keras.layers.Dense(vocabulary, kernel_initializer=start(), name="decoder", **own)
        )

    def build(self, x_shape: tuple[int | None, ...], embeddings_shape: Any = None) -> None:
        """Build the children, and the bias where the embedding is the matrix."""
        inner = (*x_shape[:-1], self.width)
        self.dense.build(x_shape)
        self.norm.build(inner)
        if self.decoder is not None:
            self.decoder.build(inner)
        else:
            self.bias = self.add_weight((self.vocabulary,), "zeros", name="bias")

    def call(self, x: Any, embeddings: Any) -> Any:  # (B, T, D), (V, width)
        """Apply the layer."""
        h = self.norm(FUNCTIONS[self.activation](self.dense(x)))
        if self.decoder is not None:
            return self.decoder(h)
        return ops.matmul(h, ops.transpose(ops.cast(embeddings, h.dtype))) + ops.cast(self.bias, h.dtype)

    def compute_output_shape(
        self, x_shape: tuple[int | None, ...], embeddings_shape: Any = None
    ) -> tuple[int | None, ...]:
        """Return the shape of the output."""
        return (*x_shape[:-1], self.vocabulary)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        names = ("vocabulary", "width", "activation", "tied", "epsilon")
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in names},
            "initializer": keras.initializers.serialize(self.initializer),
        }
