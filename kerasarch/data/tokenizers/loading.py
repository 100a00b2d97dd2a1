"""The tokenizer of a folder, whichever it is."""

from pathlib import Path

from kerasarch.data.tokenizers.byte_tokenizer import ByteTokenizer
from kerasarch.data.tokenizers.character_tokenizer import CharacterTokenizer
from kerasarch.data.tokenizers.marian_tokenizer import SOURCE, MarianTokenizer
from kerasarch.data.tokenizers.piece_tokenizer import FILE, PieceTokenizer, read_json
from kerasarch.data.tokenizers.sentence_piece_tokenizer import FILES, SentencePieceTokenizer
from kerasarch.data.tokenizers.tokenizer import CONFIG, Tokenizer
from kerasarch.errors import WeightsError


def load_tokenizer(folder: str | Path) -> Tokenizer:
    """Read the tokenizer of a folder in Hugging Face layout, or of one that `Tokenizer.write` wrote.

    The files decide: ``tokenizer.json``, a file of ``sentencepiece``, two of them with ``vocab.json``, ``vocab.json``
    with ``merges.txt``, or ``vocab.txt``; an alphabet or bytes where ``tokenizer_config.json`` says so.

    Args:
        folder: The folder, which may hold a model's weights too.

    Raises:
        WeightsError: There is no tokenizer in it, or a file is damaged.
        DependencyError: A package is missing: ``tokenizers`` or ``sentencepiece``.
    """
    folder = Path(folder)
    config = read_json(folder / CONFIG)
    kind = config.get("tokenizer_class")
    own = {CharacterTokenizer.__name__: "characters", ByteTokenizer.__name__: "special"}
    if kind in own:
        if own[kind] not in config:
            raise WeightsError(f"{folder / CONFIG}: a {kind} needs {own[kind]!r}. Write the tokenizer again.")
        made: type = CharacterTokenizer if kind == CharacterTokenizer.__name__ else ByteTokenizer
        return made(config[own[kind]])
    if not (folder / FILE).is_file() and (folder / SOURCE).is_file():
        return MarianTokenizer.from_folder(folder)
    if not (folder / FILE).is_file() and any((folder / name).is_file() for name in FILES):
        return SentencePieceTokenizer.from_folder(folder)
    if not folder.is_dir():
        raise WeightsError(f"{folder}: there is no such folder.")
    return PieceTokenizer.from_folder(folder)
