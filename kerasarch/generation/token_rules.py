"""What generated texts must begin and end with, and which tokens they never have."""

import dataclasses
from typing import Any

import numpy as np
from keras import ops

NEVER = -2e9
"""Score of a token that may not be chosen."""


@dataclasses.dataclass(frozen=True)
class TokenRules:
    """Rules for generated texts, as families of encoder-decoder models have them.

    They act on scores as transformers' ``generate`` does: a suppressed token gets one that is never chosen; a token
    that must come gets 0, all others one that is never chosen.

    Attributes:
        suppressed: Tokens that are never generated (``bad_words_ids`` of one token, ``suppress_tokens``).
        first: The token that comes first (``forced_bos_token_id``); None for any.
        last: The token that comes last where a text reaches its longest (``forced_eos_token_id``); None for any.
    """

    suppressed: tuple[int, ...] = ()
    first: int | None = None
    last: int | None = None

    @classmethod
    def of(cls, config: Any) -> "TokenRules":
        """Return the rules that a model's config says, none where it has no such fields."""
        return cls(
            tuple(getattr(config, "suppressed", ())), getattr(config, "first", None), getattr(config, "last", None)
        )

    def apply(self, scores: Any, step: Any, new: Any) -> Any:
        """Return the scores by which a token is chosen.

        Args:
            scores: ``(..., V)``: logits, or logarithms of probabilities.
            step: Number of the token, from 0 on.
            new: Tokens that are generated at most.

        Returns:
            ``(..., V)``.
        """
        numbers = ops.arange(scores.shape[-1], dtype="int32")
        if self.suppressed:
            never = np.zeros(scores.shape[-1], bool)
            never[list(self.suppressed)] = True
            scores = ops.where(never, NEVER, scores)
        for token, here in ((self.first, step == 0), (self.last, step + 1 >= new)):
            if token is not None:
                scores = ops.where(here, ops.where(numbers == token, 0.0, NEVER), scores)
        return scores
