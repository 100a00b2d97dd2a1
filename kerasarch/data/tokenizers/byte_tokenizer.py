"""One token for each byte."""

from collections.abc import Sequence
from pathlib import Path

from kerasarch.data.tokenizers.tokenizer import Offsets, Tokenizer, write_config
from kerasarch.errors import UsageError

BYTES = 256


class ByteTokenizer(Tokenizer):
    """The bytes of a text in UTF-8: every text can be written, and nothing is learned.

    Args:
        special: Roles of special tokens that there are beyond the 256 bytes, in the order of their numbers, such as
            ``("padding", "start", "end")``. Start and end are put around texts.

    Raises:
        UsageError: A role is there twice.
    """

    def __init__(self, special: Sequence[str] = ()):
        if len(set(special)) != len(special):
            raise UsageError(f"Each role may be there once. Received {', '.join(special)}.")
        self.special = {role: BYTES + number for number, role in enumerate(special)}

    def __len__(self) -> int:
        """Return how many tokens there are."""
        return BYTES + len(self.special)

    def encode(self, text: str) -> list[int]:
        """Return the bytes."""
        return list(text.encode("utf-8"))

    def locate(self, text: str) -> tuple[list[int], Offsets]:
        """Return the bytes, and of which character each is a part."""
        ids: list[int] = []
        offsets: Offsets = []
        for place, character in enumerate(text):
            found = character.encode("utf-8")
            ids += found
            offsets += [(place, place + 1)] * len(found)
        return ids, offsets

    def decode(self, ids: Sequence[int], *, special: bool = False) -> str:
        """Return the text; bytes that are no UTF-8 become the character for that, U+FFFD."""
        names = {number: f"<{role}>" for role, number in self.special.items()}
        found = b"".join(
            bytes([number]) if number < BYTES else names[number].encode() if special else b""
            for number in map(int, ids)
        )
        return found.decode("utf-8", errors="replace")

    def frame(self, ids: Sequence[int], pair: Sequence[int] | None = None) -> tuple[list[int], list[int]]:
        """Put the start before and the end behind, where there are such tokens."""
        before = [self.special["start"]] if "start" in self.special else []
        behind = [self.special["end"]] if "end" in self.special else []
        first = [*before, *ids, *behind]
        second = [] if pair is None else [*pair, *behind]
        return first + second, [0] * len(first) + [1] * len(second)

    def write(self, folder: str | Path) -> Path:
        """Write ``tokenizer_config.json``."""
        return write_config(folder, {"tokenizer_class": type(self).__name__, "special": list(self.special)})
