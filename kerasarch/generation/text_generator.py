"""Texts that go on, as texts: a tokenizer on both sides of a decoder, strings that end a text, and streaming."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from kerasarch.errors import UsageError

UNFINISHED = "\N{REPLACEMENT CHARACTER}"
"""What tokens decode to that hold a part of a character alone."""


class TextCoder(Protocol):
    """What is needed of a tokenizer: a `kerasarch.data.Tokenizer`."""

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text."""

    def decode(self, ids: Sequence[int], *, special: bool = False) -> str:
        """Return the text of tokens."""

    def frame(self, ids: Sequence[int], pair: Sequence[int] | None = None) -> tuple[list[int], list[int]]:
        """Put special tokens around a text."""


class TextGenerator:
    """Goes on with texts.

    ```python
    generate = TextGenerator(TokenDecoder(model, choice=TokenChoice(0.8)), tokenizer, stop=["END"])
    generate(["Once upon a time"], new=200, seed=1)
    ```

    Args:
        decoder: A `TokenDecoder`, or what is called like one.
        tokenizer: What turns texts into the model's tokens and back.
        stop: Strings that end a text; they are left out of it.

    Raises:
        UsageError: A string is empty.
    """

    def __init__(self, decoder: Any, tokenizer: TextCoder, *, stop: Sequence[str] = ()):
        if not all(stop):
            raise UsageError("A string that ends texts has one character at least. Received an empty one.")
        self.decoder, self.tokenizer, self.stop = decoder, tokenizer, tuple(stop)

    def __call__(
        self, prompts: Sequence[str], new: int, *, watch: Callable[[list[str]], Any] | None = None, **how: Any
    ) -> list[str]:
        """Go on with prompts.

        Args:
            prompts: One text or more.
            new: Tokens to draw for each, at most.
            watch: Called with what is certain of each text whenever some tokens have been drawn: not yet what may
                become one of the strings that end it, or a part of a character.
            **how: Passed to the decoder, such as ``seed``.

        Returns:
            What comes after each prompt.

        Raises:
            UsageError: There is no prompt, or one has no tokens.
        """
        rows = [self.tokens_of(prompt) for prompt in prompts]
        given: dict[str, Any] = dict(how)
        if watch is not None:
            given["watch"] = lambda drawn: watch([self.settled(*pair) for pair in zip(rows, drawn, strict=True)])
        if self.stop:
            given["stop"] = lambda row, tokens: self.end_of(self.text_after(rows[row], tokens)) is not None
        drawn = self.decoder(rows, new, **given)
        texts = [self.text_after(*pair) for pair in zip(rows, drawn, strict=True)]
        return [text[: self.end_of(text)] for text in texts]

    def text_after(self, prompt: Sequence[int], tokens: Sequence[int]) -> str:
        """Return the text of tokens behind others: alone, some lose the space that they begin with."""
        before, whole = self.tokenizer.decode(prompt), self.tokenizer.decode([*prompt, *tokens])
        return whole[len(before) :] if whole.startswith(before) else self.tokenizer.decode(tokens)

    def tokens_of(self, prompt: str) -> list[int]:
        """Return the tokens that a text begins with: those of the prompt, after the special ones that begin a text.

        Raises:
            UsageError: There are none.
        """
        ids, text = self.tokenizer.encode(prompt), -1
        framed, _ = self.tokenizer.frame([text])
        before = framed[: framed.index(text)]
        if not before and not ids:
            raise UsageError("A prompt has one character at least, where the tokenizer has no token that begins texts.")
        return [*before, *ids]

    def end_of(self, text: str) -> int | None:
        """Return the place of the first string that ends a text, None where there is none."""
        places = [place for place in (text.find(string) for string in self.stop) if place >= 0]
        return min(places, default=None)

    def settled(self, prompt: Sequence[int], tokens: Sequence[int]) -> str:
        """Return what no further token can change of the text of tokens behind a prompt's."""
        text = self.text_after(prompt, tokens)
        end = self.end_of(text)
        if end is not None:
            return text[:end]
        text = text.rstrip(UNFINISHED)
        open_end = max((_overlap(text, string) for string in self.stop), default=0)
        return text[: len(text) - open_end]


def _overlap(text: str, string: str) -> int:
    """Return how many characters at the end of a text are the beginning of a string."""
    return next((n for n in range(min(len(text), len(string) - 1), 0, -1) if text.endswith(string[:n])), 0)
