"""What every tokenizer does."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerasarch.errors import UsageError

CONFIG = "tokenizer_config.json"
ROLES = {
    "start": "bos_token",
    "end": "eos_token",
    "unknown": "unk_token",
    "separator": "sep_token",
    "padding": "pad_token",
    "class": "cls_token",
    "mask": "mask_token",
}
"""The roles of special tokens here, and their names in the files of transformers."""

Offsets = list[tuple[int, int]]


class Tokenizer(ABC):
    """Texts to token numbers and back.

    Attributes:
        special: Number of the token with each role that there is: start, end, unknown, separator, padding, class, mask.
        length: Tokens of the longest text that the model takes, special ones included; None where there is no limit.
    """

    special: Mapping[str, int]
    length: int | None = None

    @abstractmethod
    def __len__(self) -> int:
        """Return how many tokens there are."""

    @abstractmethod
    def locate(self, text: str) -> tuple[list[int], Offsets]:
        """Return the tokens of a text, without special ones, and where in it each of them begins and ends."""

    @abstractmethod
    def decode(self, ids: Sequence[int], *, special: bool = False) -> str:
        """Return the text of tokens.

        Args:
            ids: The tokens.
            special: Whether special tokens are written too.
        """

    @abstractmethod
    def frame(self, ids: Sequence[int], pair: Sequence[int] | None = None) -> tuple[list[int], list[int]]:
        """Put special tokens around a text, or around and between two.

        Args:
            ids: Tokens of the text.
            pair: Tokens of a second text.

        Returns:
            All tokens, and for each the number of its text, 0 or 1.
        """

    @abstractmethod
    def write(self, folder: str | Path) -> Path:
        """Write the files that `load_tokenizer` reads; the folder is made if missing."""

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text, without special ones."""
        return self.locate(text)[0]

    @property
    def padding(self) -> int:
        """The token that fills up: its own one, else that of the end, else 0."""
        return self.special.get("padding", self.special.get("end", 0))

    def __call__(
        self,
        texts: str | Sequence[str],
        pairs: str | Sequence[str] | None = None,
        *,
        length: int | None = None,
        special: bool = True,
        side: str = "right",
    ) -> dict[str, np.ndarray]:
        """Encode texts, or pairs of texts, into rows of one length.

        Args:
            texts: One text or several.
            pairs: A second text for each.
            length: Tokens of a row; what is longer is cut, the longer text of a pair first. None for as many as the
                longest row has, at most ``self.length``.
            special: Whether special tokens are put around.
            side: Where short rows are filled up, ``"right"`` or ``"left"``.

        Returns:
            ``input_ids`` and ``attention_mask``, and for pairs ``token_type_ids``: int32, ``(texts, length)``.

        Raises:
            UsageError: There are not as many pairs as texts, or ``side`` is neither.
        """
        texts = [texts] if isinstance(texts, str) else list(texts)
        others: list[str | None] = (
            [pairs] if isinstance(pairs, str) else [None] * len(texts) if pairs is None else [*pairs]
        )
        if len(others) != len(texts) or side not in ("right", "left"):
            raise UsageError(
                f"Expected as many pairs as texts, and side 'right' or 'left'. Received {len(texts)} texts, "
                f"{len(others)} pairs, side={side!r}."
            )
        rows = [self._row(text, pair, length or self.length, special) for text, pair in zip(texts, others, strict=True)]
        width = length or max((len(ids) for ids, _ in rows), default=0)
        found = {
            "input_ids": np.full((len(rows), width), self.padding, "int32"),
            "attention_mask": np.zeros((len(rows), width), "int32"),
        }
        if pairs is not None:
            found["token_type_ids"] = np.zeros((len(rows), width), "int32")
        for row, (ids, types) in enumerate(rows):
            place = slice(0, len(ids)) if side == "right" else slice(width - len(ids), width)
            found["input_ids"][row, place] = ids
            found["attention_mask"][row, place] = 1
            if pairs is not None:
                found["token_type_ids"][row, place] = types
        return found

    def _row(self, text: str, pair: str | None, length: int | None, special: bool) -> tuple[list[int], list[int]]:
        first, second = self.encode(text), None if pair is None else self.encode(pair)
        if length is not None:
            extra = len(self.frame([], None if second is None else [])[0]) if special else 0
            first, second = cut(first, second, max(length - extra, 0))
        if special:
            return self.frame(first, second)
        both = [*first, *(second or [])]
        return both, [0] * len(first) + [1] * len(second or [])


def cut(first: list[int], second: list[int] | None, room: int) -> tuple[list[int], list[int] | None]:
    """Shorten two texts until both have room together, the longer one first.

    Args:
        first: Tokens.
        second: Tokens, or None.
        room: Tokens of both.
    """
    if second is None:
        return first[:room], None
    over = len(first) + len(second) - room
    for _ in range(max(over, 0)):
        if len(first) > len(second):
            first = first[:-1]
        else:
            second = second[:-1]
    return first, second


def write_config(folder: str | Path, fields: Mapping[str, Any]) -> Path:
    """Write ``tokenizer_config.json``; the folder is made if missing.

    Returns:
        The folder.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(json.dumps(fields, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return folder
