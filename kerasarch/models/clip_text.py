"""CLIP's text encoder: what Stable Diffusion reads its prompts with.

Paper: Radford et al., 2021, section 2.4 (https://arxiv.org/abs/2103.00020): a transformer with a causal mask over byte
pairs, whose output at the end-of-text token stands for the text. Weights: folders of transformers, see
``kerasarch.weights``.

Where we differ from the paper, with the public weights: none of them is trained here, so that fresh weights are Keras'.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from kerasarch.errors import ShapeError, UsageError
from kerasarch.layers import TransformerEncoderBlock
from kerasarch.models.configured import ConfiguredModel, as_config
from kerasarch.models.family import choose

LEGACY_END = 2  # the end-of-text number that configs have which were written before transformers 4.31: a wrong one


@dataclasses.dataclass(frozen=True)
class CLIPTextConfig:
    """Sizes and details, with transformers' defaults.

    Attributes:
        vocabulary: Tokens (``vocab_size``).
        width: Channels of a token (``hidden_size``).
        depth: Blocks (``num_hidden_layers``).
        heads: Heads of a block's attention (``num_attention_heads``).
        hidden: Hidden units of a block (``intermediate_size``).
        positions: The longest text in tokens (``max_position_embeddings``).
        activation: Of the feed-forward networks (``hidden_act``): ``"quick_gelu"``, ``"gelu"`` or
            ``"gelu-approximate"``.
        epsilon: Of the normalisations (``layer_norm_eps``).
        projection: Width of the text's embedding (``projection_dim``).
        projected: Whether there is the linear map to it: ``CLIPTextModelWithProjection``.
        start: Number of the token at the start (``bos_token_id``); kept for the file, changes nothing.
        end: Number of the token at whose first place the text is pooled (``eos_token_id``). With 2, which old configs
            have by mistake, it is the highest number in the text instead, as in transformers.
        padding: Number of the padding token (``pad_token_id``); kept for the file, changes nothing.
        hidden_states: Whether the outputs hold what goes into the first block and comes out of each
            (``output_hidden_states``).
    """

    vocabulary: int = 49408
    width: int = 512
    depth: int = 12
    heads: int = 8
    hidden: int = 2048
    positions: int = 77
    activation: str = "quick_gelu"
    epsilon: float = 1e-5
    projection: int = 512
    projected: bool = False
    start: int | None = 49406
    end: int = 49407
    padding: int | None = 1
    hidden_states: bool = False


_LARGE = CLIPTextConfig(width=768, heads=12, hidden=3072, projection=768, start=0, end=LEGACY_END)
# The config.json of the folders `text_encoder` and `text_encoder_2` of these models' public repositories
VARIANTS = {
    "stable_diffusion": _LARGE,
    "stable_diffusion_2": dataclasses.replace(
        _LARGE, width=1024, depth=23, heads=16, hidden=4096, activation="gelu", projection=512
    ),
    "stable_diffusion_xl": dataclasses.replace(_LARGE, hidden_states=True),
    "stable_diffusion_xl_2": dataclasses.replace(
        _LARGE,
        width=1280,
        depth=32,
        heads=20,
        hidden=5120,
        activation="gelu",
        projection=1280,
        projected=True,
        hidden_states=True,
    ),
}


@keras.saving.register_keras_serializable(package="kerasarch")
class CLIPTextModel(ConfiguredModel):
    """Token numbers to one vector a token, and one for the text.

    ``h = blocks(token + position)``, ``last_hidden_state = norm(h)``, ``pooler_output`` that of the end-of-text token,
    ``text_embeds = W pooler_output``: Radford et al., 2021, section 2.4 and figure 3 (https://arxiv.org/abs/2103.00020).

    Args:
        config: The config, or its fields as a dictionary.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        ``input_ids (B, T)``, alone, or with ``attention_mask (B, T)`` in a list or dictionary; the mask is 1 where a
        token may be attended to. A dictionary comes out: ``last_hidden_state (B, T, width)``, ``pooler_output
        (B, width)``, with ``projected`` also ``text_embeds (B, projection)``, with ``hidden_states`` a tuple of
        ``depth + 1`` tensors ``(B, T, width)``, from before the last normalisation.

    Raises:
        ShapeError: There are more tokens than positions, or the width is no multiple of ``heads``.
    """

    family = "clip_text"

    def __init__(self, config: CLIPTextConfig | dict[str, Any], **kwargs: Any):
        config = as_config(CLIPTextConfig, config)
        super().__init__(config, **kwargs)
        self.token_embedding = self._embedding(config.vocabulary, "token_embedding")
        self.position_embedding = self._embedding(config.positions, "position_embedding")
        self.blocks = [
            TransformerEncoderBlock(
                config.heads,
                hidden=config.hidden,
                activation=config.activation,
                causal=True,
                epsilon=config.epsilon,
                dtype=self.dtype_policy,
                name=f"block{index}",
            )
            for index in range(config.depth)
        ]
        self.final_norm = keras.layers.LayerNormalization(
            epsilon=config.epsilon, dtype=self.dtype_policy, name="final_norm"
        )
        self.projection = (
            keras.layers.Dense(config.projection, use_bias=False, dtype=self.dtype_policy, name="projection")
            if config.projected
            else None
        )

    def _embedding(self, count: int, name: str) -> keras.layers.Embedding:
        start = keras.initializers.RandomNormal(stddev=0.02)
        return keras.layers.Embedding(count, self.config.width, start, dtype=self.dtype_policy, name=name)

    def input_tensors(self, input_shape: Sequence[int] | None = None) -> Any:
        """Return a Keras tensor like that which the model is called with, to follow a call without numbers.

        Args:
            input_shape: The number of tokens alone, ``(T,)``; None for as many as there are positions.
        """
        return keras.KerasTensor((None, *(input_shape or (self.config.positions,))), "int32", name="input_ids")

    def build(self, input_shape: Any = None) -> None:
        """Build the children; their sizes do not depend on the inputs."""
        shape = (None, None, self.config.width)
        self.token_embedding.build((None, None))
        self.position_embedding.build((None,))
        for block in (*self.blocks, self.final_norm):
            block.build(shape)
        if self.projection is not None:
            self.projection.build((None, self.config.width))

    def call(self, inputs: Any, training: bool | None = None) -> dict[str, Any]:  # (B, T) or two of them
        """Return the vectors by name."""
        tokens, mask = _parts(inputs)
        self._check(tokens.shape[1])
        x = self.token_embedding(tokens) + self.position_embedding(ops.arange(ops.shape(tokens)[1]))
        states = [x]
        for block in self.blocks:
            x = block(x, mask=mask, training=training)
            states.append(x)
        x = self.final_norm(x)
        outputs = {"last_hidden_state": x, "pooler_output": self._pool(x, tokens)}
        if self.projection is not None:
            outputs["text_embeds"] = self.projection(outputs["pooler_output"])
        if self.config.hidden_states:
            outputs["hidden_states"] = tuple(states)
        return outputs

    def _check(self, length: int | None) -> None:
        if length is not None and length > self.config.positions:
            raise ShapeError(
                f"{self.name}: at most {self.config.positions} tokens. Received {length}; shorten the text, as "
                f"kerasarch.data.CLIPTokenizer does."
            )

    def _pool(self, x: Any, tokens: Any) -> Any:  # (B, T, width), (B, T) -> (B, width)
        tokens = ops.cast(tokens, "int32")
        end = self.config.end
        place = ops.argmax(tokens if end == LEGACY_END else ops.cast(ops.equal(tokens, end), "int32"), axis=-1)
        return ops.squeeze(ops.take_along_axis(x, ops.expand_dims(place, (1, 2)), axis=1), 1)

    def compute_output_shape(self, input_shape: Any) -> dict[str, Any]:
        """Return the shapes by name."""
        tokens, _ = _parts(input_shape) if not _is_shape(input_shape) else (input_shape, None)
        batch, length = tokens
        config = self.config
        shapes: dict[str, Any] = {
            "last_hidden_state": (batch, length, config.width),
            "pooler_output": (batch, config.width),
        }
        if config.projected:
            shapes["text_embeds"] = (batch, config.projection)
        if config.hidden_states:
            shapes["hidden_states"] = ((batch, length, config.width),) * (config.depth + 1)
        return shapes


def _is_shape(value: Any) -> bool:
    return isinstance(value, tuple) and all(part is None or isinstance(part, int) for part in value)


def _parts(inputs: Any) -> tuple[Any, Any]:
    """Return the tokens and the mask, None where there is none."""
    if isinstance(inputs, Mapping):
        unknown = sorted(set(inputs) - {"input_ids", "attention_mask"})
        if unknown or "input_ids" not in inputs:
            raise UsageError(
                f"CLIPTextModel takes input_ids and perhaps attention_mask. Received {', '.join(sorted(inputs))}."
            )
        return inputs["input_ids"], inputs.get("attention_mask")
    if isinstance(inputs, list | tuple):
        tokens, mask = inputs if len(inputs) == 2 else (inputs[0], None)
        return tokens, mask
    return inputs, None


def clip_text(
    variant: str | CLIPTextConfig = "stable_diffusion",
    *,
    name: str = "clip_text",
    dtype: Any = None,
    **overrides: Any,
) -> CLIPTextModel:
    """Build a CLIPTextModel with fresh weights; ``kerasarch.from_pretrained`` builds one with public weights.

    Args:
        variant: A name in the table, or a config.
        name: Name of the model.
        dtype: Dtype policy; None for the global one.
        **overrides: Fields of the config to replace.

    Raises:
        UsageError: No such variant or field.
    """
    model = CLIPTextModel(choose(VARIANTS, variant, overrides), name=name, dtype=dtype)
    model.build()
    return model
