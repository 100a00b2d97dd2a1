"""Texts of different lengths as one batch, which decoding begins with."""

from collections.abc import Sequence

import numpy as np

from kerasarch.errors import UsageError

LENGTHS = 32
"""Texts and caches are as long as a multiple of it, so that few programs are compiled."""


def rounded(length: int) -> int:
    """Return the next multiple of ``LENGTHS``."""
    return -(-length // LENGTHS) * LENGTHS


def left_padded(prompts: Sequence[Sequence[int]], places: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return prompts that end in the same place, and room for what follows.

    Args:
        prompts: Tokens of each.
        places: For new tokens.

    Returns:
        Tokens ``(B, T)`` with zeros in front of them, which places of tokens and room hold a token ``(B, T + places)``,
        and positions ``(B, T)``, counted from each first token.
    """
    room = rounded(max(len(prompt) for prompt in prompts))
    ids = np.zeros((len(prompts), room), "int32")
    mask = np.zeros((len(prompts), room + places), bool)
    for row, prompt in enumerate(prompts):
        ids[row, room - len(prompt) :] = prompt
        mask[row, room - len(prompt) : room] = True
    return ids, mask, np.maximum(np.cumsum(mask[:, :room], axis=1) - 1, 0).astype("int32")


def right_padded(texts: Sequence[Sequence[int]], padding: int) -> tuple[np.ndarray, np.ndarray]:
    """Return texts that begin in the same place: tokens ``(B, S)``, and which of them are the texts' own.

    Args:
        texts: Tokens of each.
        padding: The token that fills up.
    """
    ids = np.full((len(texts), rounded(max(len(text) for text in texts))), padding, "int32")
    for row, text in enumerate(texts):
        ids[row, : len(text)] = text
    return ids, np.arange(ids.shape[1]) < np.array([len(text) for text in texts])[:, None]


def check_prompts(prompts: Sequence[Sequence[int]], new: int, vocabulary: int) -> None:
    """Refuse what decoding cannot begin with.

    Args:
        prompts: Tokens of each.
        new: Tokens to draw.
        vocabulary: Tokens that there are.

    Raises:
        UsageError: There is no prompt, one is empty or holds what is no token, or nothing is to be drawn.
    """
    if not len(prompts) or new < 1 or not all(len(prompt) for prompt in prompts):
        raise UsageError(
            f"Give one prompt or more of one token or more, and new=1 or more. Received {len(prompts)} prompts, "
            f"new={new}."
        )
    wrong = [token for prompt in prompts for token in prompt if not 0 <= int(token) < vocabulary]
    if wrong:
        raise UsageError(f"Tokens must be from 0 to {vocabulary - 1}. Received {wrong[0]}.")
