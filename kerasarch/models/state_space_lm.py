"""What language models of state-space blocks share: no positions, and a state in place of keys and values."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from kerasarch.models.causal_lm import CausalLanguageModel


class StateSpaceLanguageModel(CausalLanguageModel):
    """A stack of state-space blocks over tokens; families give it ``blocks`` and ``final_norm``.

    What it remembers of a text has one size, however long that is; there is no longest text. The mask tells padding
    from tokens: before the first token nothing changes the state, so that padding on the left changes nothing.

    Args:
        config: As of [`CausalLanguageModel`][kerasarch.models.CausalLanguageModel]; its ``positions`` bound nothing.
        **kwargs: Passed to ``keras.Model``.

    Shapes:
        As there, without ``position_ids``. ``hidden_states`` are what comes out of each block and the last one
        normalised, as in transformers' Mamba: not what goes into the first.

    Raises:
        UsageError: An input has an unknown name.
    """

    input_names = ("input_ids", "attention_mask")
    forgets = False

    def through(self, block: Any, x: Any, *, mask: Any, positions: Any, training: bool | None, **cached: Any) -> Any:
        """Return what a block makes of vectors; with ``cache`` a pair of that and the cache. Order alone counts."""
        return block(x, mask=mask, training=training, cache=cached.get("cache"))

    def reported(self, states: Sequence[Any], last: Any) -> tuple[Any, ...]:
        """Return what came out of each block, and the last one normalised."""
        return (*states[1:], last)

    def empty_cache(self, batch: int, length: int) -> list[Any]:
        """Return what decoding remembers, before the first token, for so many sequences of any length."""
        return [block.empty_cache(batch) for block in self.blocks]

    def advance(self, ids: Any, cache: list[Any], start: Any, mask: Any, positions: Any) -> tuple[Any, list[Any]]:
        """Read tokens that follow those read before, and return the logits of the token after them.

        Args:
            ids: ``(B, T)``.
            cache: Of ``empty_cache`` or an earlier call.
            start: Place of the first of these tokens in the mask, a scalar.
            mask: ``(B, S)``: true where a place holds a token. Only the places of these tokens are read.
            positions: ``(B, T)``, which change nothing: the order of tokens alone counts.

        Returns:
            Logits ``(B, V)`` in float32, and the cache.
        """
        own = ops.slice(mask, (0, start), ops.shape(ids))
        return super().advance(ids, cache, start, own, positions)
