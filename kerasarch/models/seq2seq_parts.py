"""Decoders that look back at what an encoder read: Bahdanau's, and Luong's with and without input feeding."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from kerasarch.layers import BahdanauAttention, LuongAttention, Maxout, RecurrentStack
from kerasarch.layers.content_attention import ContentAttention


class AttentionDecoder(keras.layers.Layer):
    """Recurrent layers with attention to a context; ``move`` says how a step goes, ``vectors`` what comes of it.

    A step's state is a dictionary: ``states`` of the layers, ``mixed (B, C)``, the context's weighted mean, and
    ``weights (B, S)`` of the attention. What stays the same for all steps is the ``memory``: ``context (B, S, C)``,
    ``keys`` of the attention, and ``mask (B, S)`` or None.

    Args:
        units: Width of the layers' states.
        kind: Of the layers, as `RecurrentStack`.
        depth: Layers.
        dropout: Rate between them.
        **kwargs: Passed to ``keras.layers.Layer``.

    Shapes:
        B batch, T tokens, S places of the context: ``x (B, T, E)`` -> vectors ``(B, T, width)``.
    """

    width: int
    """Of the vectors."""
    attention: ContentAttention

    def __init__(self, units: int, *, kind: Any = "gru", depth: int = 1, dropout: float = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.stack = RecurrentStack(
            units,
            kind=kind,
            depth=depth,
            dropout=dropout,
            return_states=True,
            dtype=self.dtype_policy,
            name="stack",
        )

    def build(self, x_shape: tuple[Any, ...], context_shape: tuple[Any, ...]) -> None:
        """Build the layers and the attention."""
        self.stack.build((None, None, x_shape[-1] + self.fed(context_shape[-1])))
        self.attention.build((None, None, self.stack.units), context_shape)

    def fed(self, context_width: int) -> int:
        """Return how much wider than a token the input of the layers is."""
        return 0

    def memory(self, context: Any, mask: Any = None) -> dict[str, Any]:
        """Return what stays the same for all steps."""
        mask = ops.ones_like(context[..., 0], "bool") if mask is None else ops.cast(mask, "bool")
        return {"context": context, "keys": self.attention.keys(context), "mask": mask}

    def begin(self, states: Any, memory: dict[str, Any]) -> dict[str, Any]:
        """Return the state before the first step, given those of the layers."""
        context = memory["context"]
        weights = ops.zeros_like(context[..., 0], "float32")
        return {"states": states, "mixed": ops.zeros_like(context[:, 0]), "weights": weights}

    def move(self, x: Any, state: dict[str, Any], memory: dict[str, Any], drops: Any = None) -> dict[str, Any]:
        """Take one step with the token ``x (B, E)``; ``drops`` as in `RecurrentStack.step`."""
        raise NotImplementedError

    def vectors(self, x: Any, state: dict[str, Any]) -> Any:
        """Return the vectors that logits are linear in, for one step or, with one axis more, for several."""
        raise NotImplementedError

    def attend(self, query: Any, memory: dict[str, Any]) -> tuple[Any, Any]:
        """Return the weighted mean of the context, and the weights."""
        return self.attention.read(query, memory["keys"], memory["context"], memory["mask"])

    def unroll(
        self, x: Any, state: dict[str, Any], memory: dict[str, Any], training: bool | None = None
    ) -> tuple[Any, Any, dict[str, Any]]:
        """Take a step for each of several tokens.

        Args:
            x: ``(B, T, E)``.
            state: Of ``begin`` or an earlier step.
            memory: Of ``memory``.
            training: Whether there is dropout.

        Returns:
            Vectors ``(B, T, width)``, weights ``(B, T, S)`` and the state after the last step.
        """
        drops = self.stack.drawn_drops(x, training)
        last, all_of_them = steps(lambda state, x: self.move(x, state, memory, drops), state, ops.swapaxes(x, 0, 1))
        vectors = self.vectors(x, all_of_them)
        return vectors, all_of_them["weights"], last

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        stack = self.stack
        config = {"units": stack.units, "kind": stack.kind, "depth": stack.depth, "dropout": stack.dropout.rate}
        return {**super().get_config(), **config}


def steps(move: Callable[[Any, Any], Any], state: Any, inputs: Any) -> tuple[Any, Any]:
    """Scan over time: the last state, and the states of all steps, batch first.

    Args:
        move: Takes a state and the inputs of a step, gives the next state.
        state: Before the first step; nested tensors, batch first.
        inputs: Nested tensors, time first.
    """

    def one(state: Any, inputs: Any) -> tuple[Any, Any]:
        state = move(state, inputs)
        return state, state  # TensorFlow's scan gives out what is shaped as the state, and nothing else

    last, all_of_them = ops.scan(one, state, inputs)
    return last, keras.tree.map_structure(lambda part: ops.swapaxes(part, 0, 1), all_of_them)


@keras.saving.register_keras_serializable(package="kerasarch")
class BahdanauDecoder(AttentionDecoder):
    """Attends with the state of the step before, and reads the result beside the token.

    ``c_i = attention(s_{i-1})``, ``s_i = f(s_{i-1}, [y_{i-1}; c_i])``, ``t_i = maxout([s_i; y_{i-1}; c_i])``:
    Bahdanau et al., 2015, sections 3.1 and A.2.2 (https://arxiv.org/abs/1409.0473).

    Args:
        *args: As for ``AttentionDecoder``.
        width: Units of the maxout layer, of two pieces each.
        hidden: Hidden units of the attention.
        **kwargs: As for ``AttentionDecoder``.

    Shapes:
        As ``AttentionDecoder``.
    """

    def __init__(self, *args: Any, width: int, hidden: int, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.width = width
        self.attention = BahdanauAttention(hidden, dtype=self.dtype_policy, name="attention")
        self.maxout = Maxout(width, dtype=self.dtype_policy, name="maxout")

    def build(self, x_shape: tuple[Any, ...], context_shape: tuple[Any, ...]) -> None:
        """Build the layers, the attention and the maxout layer."""
        super().build(x_shape, context_shape)
        self.maxout.build((None, None, self.stack.units + x_shape[-1] + context_shape[-1]))

    def fed(self, context_width: int) -> int:
        """Return the width of the context, which is read beside the token."""
        return context_width

    def move(self, x: Any, state: dict[str, Any], memory: dict[str, Any], drops: Any = None) -> dict[str, Any]:
        """Take one step."""
        mixed, weights = self.attend(state["states"][-1][0], memory)
        _, states = self.stack.step(ops.concatenate([x, mixed], axis=-1), state["states"], drops)
        return {"states": states, "mixed": mixed, "weights": weights}

    def vectors(self, x: Any, state: dict[str, Any]) -> Any:
        """Return ``t``."""
        # The appendix has the state before the step here; equation 4 of the paper the one after it, as here.
        return self.maxout(ops.concatenate([state["states"][-1][0], x, state["mixed"]], axis=-1))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {**super().get_config(), "width": self.width, "hidden": self.attention.units}


@keras.saving.register_keras_serializable(package="kerasarch")
class LuongDecoder(AttentionDecoder):
    """Attends with the state of its own step; the layers do not hear of it, and all steps are computed at once.

    ``s_i = f(s_{i-1}, y_{i-1})``, ``c_i = attention(s_i)``, ``t_i = tanh(W [c_i; s_i])``: Luong et al., 2015,
    section 3, eq. 5 (https://arxiv.org/abs/1508.04025).

    Args:
        *args: As for ``AttentionDecoder``.
        score: Of the attention.
        **kwargs: As for ``AttentionDecoder``.

    Shapes:
        As ``AttentionDecoder``.
    """

    def __init__(self, *args: Any, score: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.width = self.stack.units
        self.attention = LuongAttention(score, dtype=self.dtype_policy, name="attention")
        self.combine = keras.layers.Dense(self.width, "tanh", use_bias=False, dtype=self.dtype_policy, name="combine")

    def build(self, x_shape: tuple[Any, ...], context_shape: tuple[Any, ...]) -> None:
        """Build the layers, the attention and the matrix."""
        super().build(x_shape, context_shape)
        self.combine.build((None, None, self.width + context_shape[-1]))

    def move(self, x: Any, state: dict[str, Any], memory: dict[str, Any], drops: Any = None) -> dict[str, Any]:
        """Take one step."""
        top, states = self.stack.step(x, state["states"], drops)
        mixed, weights = self.attend(top, memory)
        return {"states": states, "mixed": mixed, "weights": weights}

    def vectors(self, x: Any, state: dict[str, Any]) -> Any:
        """Return ``t``."""
        return self.combine(ops.concatenate([state["mixed"], state["states"][-1][0]], axis=-1))

    def unroll(
        self, x: Any, state: dict[str, Any], memory: dict[str, Any], training: bool | None = None
    ) -> tuple[Any, Any, dict[str, Any]]:
        """Take a step for each of several tokens: the layers first, then the attention of all steps."""
        top, states = self.stack(x, initial_state=state["states"], training=training)
        mixed, weights = self.attend(top, memory)
        vectors = self.combine(ops.concatenate([mixed, top], axis=-1))
        return vectors, weights, {"states": states, "mixed": mixed[:, -1], "weights": weights[:, -1]}

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the layer again."""
        return {**super().get_config(), "score": self.attention.score}


@keras.saving.register_keras_serializable(package="kerasarch")
class FeedingLuongDecoder(LuongDecoder):
    """Luong's decoder with input feeding: the layers read the vector of the step before beside the token.

    ``s_i = f(s_{i-1}, [y_{i-1}; t_{i-1}])``, with zeros for ``t_0``: Luong et al., 2015, section 3.3.

    Args:
        *args: As for ``AttentionDecoder``.
        score: Of the attention.
        **kwargs: As for ``AttentionDecoder``.

    Shapes:
        As ``AttentionDecoder``.
    """

    unroll = AttentionDecoder.unroll

    def fed(self, context_width: int) -> int:
        """Return the width of the vectors."""
        return self.width

    def begin(self, states: Any, memory: dict[str, Any]) -> dict[str, Any]:
        """Return the state before the first step."""
        return {**super().begin(states, memory), "vector": ops.zeros_like(states[-1][0])}

    def move(self, x: Any, state: dict[str, Any], memory: dict[str, Any], drops: Any = None) -> dict[str, Any]:
        """Take one step."""
        after = super().move(ops.concatenate([x, state["vector"]], axis=-1), state, memory, drops)
        return {**after, "vector": super().vectors(x, after)}

    def vectors(self, x: Any, state: dict[str, Any]) -> Any:
        """Return ``t``, which is part of the state."""
        return state["vector"]
