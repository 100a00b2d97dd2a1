"""The tokenizers of a translator, beside its model in a run's folder."""

import dataclasses
import shutil
from pathlib import Path

from kerasarch.data import Tokenizer, load_tokenizer
from kerasarch.runs.atomic import disk_error

SOURCE, TARGET = "source", "target"


@dataclasses.dataclass(frozen=True)
class TokenizerPair:
    """The tokenizers of both languages, which may be one.

    Attributes:
        source: Of the language that is read.
        target: Of the language that is written.
    """

    source: Tokenizer
    target: Tokenizer

    @property
    def joint(self) -> bool:
        """Whether it is one tokenizer."""
        return self.source is self.target

    def write(self, folder: Path) -> None:
        """Write both, whole or not at all: one into the folder itself, two into folders of their own in it.

        Args:
            folder: Where; what is there is replaced.

        Raises:
            RunError: It cannot be written.
        """
        part = folder.with_name(f"{folder.name}.part")
        try:
            shutil.rmtree(part, ignore_errors=True)
            for tokenizer, place in ((self.source, SOURCE), (self.target, TARGET)):
                tokenizer.write(part if self.joint else part / place)
            shutil.rmtree(folder, ignore_errors=True)
            part.replace(folder)
        except OSError as error:
            raise disk_error(folder, error) from error


def load_tokenizers(folder: Path) -> TokenizerPair:
    """Read what `TokenizerPair.write` wrote, or the one tokenizer of a folder.

    Args:
        folder: The folder.

    Raises:
        WeightsError: A file is missing or damaged.
        DependencyError: A package is missing.
    """
    if (folder / TARGET).is_dir():
        return TokenizerPair(load_tokenizer(folder / SOURCE), load_tokenizer(folder / TARGET))
    one = load_tokenizer(folder)
    return TokenizerPair(one, one)
