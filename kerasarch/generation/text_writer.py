"""Texts that are written after others were read, as texts: a tokenizer on both sides, and streaming."""

from collections.abc import Sequence
from typing import Any

from kerasarch.errors import UsageError
from kerasarch.generation.text_generator import TextCoder, TextGenerator


class TextWriter(TextGenerator):
    """Writes what a model makes of texts: a translation, a summary, an answer.

    ```python
    write = TextWriter(TokenWriter(model), tokenizer)
    write(["translate English to German: That is good."], new=40)
    ```

    Args:
        decoder: A `TokenWriter`, or what is called like one.
        tokenizer: What turns texts that are read into tokens, with special ones around them.
        target: What turns tokens that are written into texts; None for the same.
        stop: Strings that end a text; they are left out of it.

    Raises:
        UsageError: A string is empty.
    """

    def __init__(
        self, decoder: Any, tokenizer: TextCoder, target: TextCoder | None = None, *, stop: Sequence[str] = ()
    ):
        super().__init__(decoder, tokenizer, stop=stop)
        self.target = tokenizer if target is None else target

    def text_after(self, prompt: Sequence[int], tokens: Sequence[int]) -> str:
        """Return the text of tokens, whatever was read."""
        return self.target.decode(tokens)

    def tokens_of(self, prompt: str) -> list[int]:
        """Return the tokens of a text that is read, with special ones around them.

        Raises:
            UsageError: There are none.
        """
        ids, _ = self.tokenizer.frame(self.tokenizer.encode(prompt))
        if not ids:
            raise UsageError("A text that is read has one character at least, where no special tokens are around it.")
        return ids
