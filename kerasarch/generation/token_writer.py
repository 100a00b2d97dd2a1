"""Texts that are written after others were read: the loop of `TokenDecoder` for an encoder and a decoder."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from kerasarch.errors import UsageError
from kerasarch.generation.prompts import check_prompts, right_padded
from kerasarch.generation.token_decoder import TokenDecoder
from kerasarch.generation.token_rules import TokenRules


class TokenWriter(TokenDecoder):
    """Reads texts and writes others, token after token.

    The texts are read in one call, which also computes the keys and values that the decoder looks up; then tokens are
    drawn in the compiled loop of [`TokenDecoder`][kerasarch.generation.TokenDecoder]. What the model's config says of
    tokens that must or may not be written holds.

    ```python
    writer = TokenWriter(model)
    translations = writer([[47, 5, 0], [12, 0]], new=40)
    ```

    Args:
        model: A model that reads one text and writes another, as for [`BeamSearch`][kerasarch.generation.BeamSearch].
        **how: As for ``TokenDecoder``.

    Raises:
        UsageError: The model reads no texts or has no head, or an argument is out of its range.
    """

    reads = True

    def __init__(self, model: Any, **how: Any):
        if not hasattr(model, "read_source"):
            raise UsageError(
                "A TokenWriter needs a model that reads one text and writes another. "
                f"Received a {type(model).__name__}; give it to a TokenDecoder."
            )
        super().__init__(model, **how)
        self.rules = TokenRules.of(model.config)

    def _admit(self, prompts: Sequence[Sequence[int]], new: int, slide: bool) -> int:
        """Refuse what cannot be read or written; a text that is written is never read anew."""
        config = self.model.config
        check_prompts(prompts, new, config.source_vocabulary or config.vocabulary)
        longest = max(len(prompt) for prompt in prompts)
        if getattr(self.model, "learned_positions", False):
            self.model.check_length(max(longest, new))
        return longest

    def _part(self, length: int, new: int) -> tuple[int, int]:
        """Return that all tokens are drawn at once, after all of each text."""
        return new, length

    def _begin(self, texts: list[list[int]], whole: list[list[int]], new: int) -> dict[str, Any]:
        """Read texts, and return the state before the first token that is written."""
        config = self.model.config
        places = 1 + -(-new // self.chunk) * self.chunk
        ids, seen = right_padded(texts, config.padding)
        mask = np.zeros((len(texts), places), bool)
        mask[:, 0] = True
        logits, cache = self._read(ids, seen, mask)
        state = {
            "logits": logits,
            "cache": cache,
            "mask": mask,
            "place": np.int32(1),
            "position": np.ones(len(texts), "int32"),
            "new": np.int32(new),
        }
        if self.choice.repetition_penalty != 1:
            state["seen"] = self._seen([[config.start]] * len(texts))
        return state

    def _prefill(self, ids: Any, mask: Any, written: Any) -> tuple[Any, Any]:
        cache = self.model.read_source(ids, mask, written.shape[1])
        first = ops.full((ids.shape[0], 1), self.model.config.start, "int32")
        return self.model.advance(first, cache, 0, written, ops.zeros((ids.shape[0], 1), "int32"))

    def _logits(self, now: dict[str, Any]) -> Any:
        """Return the logits that a token is chosen by, the rules applied: ``(B, V)``."""
        return self.rules.apply(now["logits"], now["place"] - 1, now["new"])
