"""Texts of one language to texts of another: tokenizers on both sides of a beam search."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasarch.errors import UsageError
from kerasarch.generation.text_generator import TextCoder


class TextTranslator:
    """Translates.

    ```python
    translate = TextTranslator(BeamSearch(model, beams=5), tokenizer)
    translate(["A dog runs through the grass."])
    ```

    Args:
        search: A `BeamSearch` with a model that reads one text and writes another.
        tokenizer: Of the language that is read; its ``frame`` puts around what the model reads around texts.
        target: Of the language that is written; None for the same.
        batch: Texts that are searched for together, each batch of texts of like lengths.
        room: Tokens of a translation at most, a token of its text.
        spare: Tokens beyond these.

    Raises:
        UsageError: The model reads no texts, or a number is out of its range.
    """

    def __init__(
        self,
        search: Any,
        tokenizer: TextCoder,
        target: TextCoder | None = None,
        *,
        batch: int = 32,
        room: float = 1.5,
        spare: int = 10,
    ):
        if not search.reads or batch < 1 or room <= 0 or spare < 1:
            raise UsageError(
                "A TextTranslator needs a model with read_source, batch and spare of 1 or more, and room above 0. "
                f"Received a {type(search.model).__name__}, batch={batch}, room={room}, spare={spare}."
            )
        self.search, self.tokenizer, self.target = search, tokenizer, tokenizer if target is None else target
        self.batch, self.room, self.spare = batch, room, spare

    def __call__(self, texts: Sequence[str], *, new: int | None = None) -> list[str]:
        """Translate texts, in whatever order of their lengths is quickest.

        Args:
            texts: One or more.
            new: Tokens of a translation at most; None for what ``room`` and ``spare`` say.

        Returns:
            A translation of each.
        """
        return [self.target.decode(tokens) for tokens in self.tokens([self.read(text) for text in texts], new=new)]

    def read(self, text: str) -> list[int]:
        """Return the tokens that the model reads of a text."""
        return self.tokenizer.frame(self.tokenizer.encode(text))[0]

    def tokens(self, rows: Sequence[Sequence[int]], *, new: int | None = None) -> list[list[int]]:
        """Translate tokens.

        Args:
            rows: What is read.
            new: As in a call.

        Returns:
            The tokens of each translation, without start and end.
        """
        found: list[list[int]] = [[] for _ in rows]
        order = np.argsort([len(row) for row in rows], kind="stable")
        for start in range(0, len(order), self.batch):
            places = order[start : start + self.batch]
            chosen = [rows[place] for place in places]
            limit = new or int(len(chosen[-1]) * self.room) + self.spare
            # A batch is filled up, so that one program serves all of one length.
            chosen += [chosen[-1]] * (self.batch - len(chosen) if len(rows) > self.batch else 0)
            for place, texts in zip(places, self.search(chosen, limit), strict=False):
                found[place] = texts[0].tokens
        return found
