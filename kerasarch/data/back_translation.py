"""Texts said in other words: translated into another language and back."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from kerasarch.errors import DataError, UsageError

Translate = Callable[[Sequence[str]], Sequence[str]]
"""Translates texts, each into one."""


def back_translate(texts: Sequence[str], there: Translate, back: Translate, *, batch: int = 32) -> list[str]:
    """Translate texts into another language and back.

    Sennrich et al., 2016, section 3.2, for machine translation (https://arxiv.org/abs/1511.06709); as paraphrases of
    texts to classify: Yu et al., 2018, section 3 (https://arxiv.org/abs/1804.09541).

    Args:
        texts: The texts.
        there: Translates into the other language.
        back: Translates back.
        batch: Texts that are translated together.

    Returns:
        A text for each. One of which nothing comes back stays as it is.

    Raises:
        DataError: A translator gave another number of texts than it got.
    """
    found: list[str] = []
    for start in range(0, len(texts), batch):
        part = list(texts[start : start + batch])
        returned = _as_many(back, _as_many(there, part))
        found += [after.strip() or before for before, after in zip(part, returned, strict=True)]
    return found


def _as_many(translate: Translate, texts: Sequence[str]) -> list[str]:
    found = list(translate(texts))
    if len(found) != len(texts):
        raise DataError(f"A translator got {len(texts)} texts and gave {len(found)}. Expected one for each.")
    return found


@dataclasses.dataclass(frozen=True)
class Paraphrases:
    """Takes another wording of a text, where it knows one.

    Attributes:
        wordings: Text to another one that means the same, such as `back_translate` gives.
        rate: How often the other one is taken.

    Raises:
        UsageError: The rate is not above 0 and at most 1.
    """

    wordings: Mapping[str, str]
    rate: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.rate <= 1:
            raise UsageError(f"A rate of texts to replace is above 0 and at most 1. Received {self.rate}.")

    def __call__(self, text: str, draw: np.random.Generator) -> str:
        """Return the text, or what else it may be called."""
        return self.wordings.get(text, text) if draw.random() < self.rate else text
