"""What ``kerasarch generate --draft`` needs: a smaller model that proposes tokens, and a word on how it fared."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kerasarch.commands import console
from kerasarch.errors import UsageError

PROPOSED = 4
"""Tokens of a round, unless asked for."""


def check_drafting(draft: str | None, tokens: int | None, beams: int | None, repetition_penalty: float | None) -> None:
    """Refuse options that have no meaning together.

    Args:
        draft: The model that proposes, or None.
        tokens: Tokens of a round, or None.
        beams: Candidates of a search, or None.
        repetition_penalty: Of the choice, or None.

    Raises:
        UsageError: There is no draft to tell about, a number is out of its range, or texts are not drawn by it alone.
    """
    if draft is None:
        if tokens is not None:
            raise UsageError("--draft-tokens is for --draft, which is not given.")
        return
    if tokens is not None and tokens < 1:
        raise UsageError(f"--draft-tokens: received {tokens}, expected a whole number from 1 on.")
    other = "beams" if beams is not None else "repetition-penalty" if (repetition_penalty or 1.0) != 1 else None
    if other is not None:
        raise UsageError(f"--{other} and --draft exclude each other. Leave one of them out.")


def open_draft(source: str, runs: Path, prompts: Sequence[str], tokenizer: Any, dtype: str | None) -> Any:
    """Open the model that proposes tokens.

    Args:
        source: A run or a folder.
        runs: Where runs are kept.
        prompts: What is gone on with.
        tokenizer: That of the model which judges.
        dtype: Dtype policy of a folder's model, or None.

    Raises:
        UsageError: It is no language model, or its tokens are others.
    """
    from kerasarch.runs.text_model import is_translator, open_text_model, run_of

    folder = run_of(source, runs)
    draft, other = open_text_model(source, folder, dtype=None if folder is not None else dtype)
    if is_translator(draft):
        raise UsageError(f"--draft: {source} reads one text and writes another. Give a model that goes on with texts.")
    if len(other) != len(tokenizer) or any(other.encode(text) != tokenizer.encode(text) for text in prompts):
        raise UsageError(
            f"--draft: the tokenizer of {source} ({len(other)} tokens) differs from that of the model "
            f"({len(tokenizer)} tokens). Give a draft that was trained with the same one."
        )
    return draft


def say_acceptance(decoder: Any) -> None:
    """Say on the side which part of a draft's proposals stayed, where there was a draft."""
    if hasattr(decoder, "acceptance"):
        console.note(f"draft: {decoder.acceptance:.0%} of {decoder.proposed} proposed tokens stayed")
