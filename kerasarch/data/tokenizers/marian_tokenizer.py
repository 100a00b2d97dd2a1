"""Marian's tokenizers: a model of ``sentencepiece`` for each of two languages, and one numbering of their pieces."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kerasarch.data.tokenizers.piece_tokenizer import length_of, read_json, text_of
from kerasarch.data.tokenizers.sentence_piece_tokenizer import open_pieces
from kerasarch.data.tokenizers.tokenizer import CONFIG, ROLES, Offsets, Tokenizer, write_config
from kerasarch.errors import WeightsError

SOURCE, TARGET = "source.spm", "target.spm"
VOCABULARY, TARGET_VOCABULARY = "vocab.json", "target_vocab.json"
SPECIAL = {"end": "</s>", "unknown": "<unk>", "padding": "<pad>"}
_LANGUAGE = re.compile(r">>.*?<<")
_KEPT = ("source_lang", "target_lang")


class MarianTokenizer(Tokenizer):
    """Reads texts of one language and writes those of another (Kudo and Richardson, 2018).

    Texts become pieces of the first model, tokens pieces of the second; a vocabulary numbers the pieces of both. A text
    may begin with the language to translate it into, such as ``>>fra<<``.

    Args:
        source: File of the model of the language that is read.
        target: File of the model of the language that is written.
        vocabulary: Number of each piece.
        target_vocabulary: Number of each piece that is written; None for the same.
        special: Texts of special tokens that differ from ``</s>``, ``<unk>`` and ``<pad>``.
        length: Tokens of the longest text; None for no limit.
        languages: Fields of ``tokenizer_config.json`` that name the languages, kept for the file.

    Raises:
        DependencyError: The package ``sentencepiece`` is missing.
        WeightsError: A file is missing or damaged, or the vocabulary lacks a special token.
    """

    def __init__(
        self,
        source: str | Path,
        target: str | Path,
        vocabulary: Mapping[str, int],
        target_vocabulary: Mapping[str, int] | None = None,
        *,
        special: Mapping[str, str] | None = None,
        length: int | None = None,
        languages: Mapping[str, Any] | None = None,
    ):
        self.files = (Path(source), Path(target))
        self.vocabulary = dict(vocabulary)
        self.target_vocabulary = None if target_vocabulary is None else dict(target_vocabulary)
        self.texts = {**SPECIAL, **(special or {})}
        self.length, self.languages = length, dict(languages or {})
        missing = sorted(text for text in self.texts.values() if text not in self.vocabulary)
        if missing:
            raise WeightsError(f"{VOCABULARY} lacks {', '.join(missing)}. Fetch the tokenizer's files again.")
        self._source, self._target = (open_pieces(file) for file in self.files)
        self.special = {role: self.vocabulary[text] for role, text in self.texts.items()}
        self._written = {number: piece for piece, number in (self.target_vocabulary or self.vocabulary).items()}
        self._split = re.compile("(" + "|".join(map(re.escape, self.texts.values())) + ")")

    @classmethod
    def from_folder(cls, folder: str | Path) -> "MarianTokenizer":
        """Read ``source.spm``, ``target.spm``, ``vocab.json`` and ``tokenizer_config.json`` beside them.

        Raises:
            WeightsError: A file is missing or damaged.
        """
        folder = Path(folder)
        config = {**read_json(folder / "special_tokens_map.json"), **read_json(folder / CONFIG)}
        missing = [name for name in (SOURCE, TARGET, VOCABULARY) if not (folder / name).is_file()]
        if missing:
            raise WeightsError(f"{folder}: there is no {', '.join(missing)}. Fetch it.")
        return cls(
            folder / SOURCE,
            folder / TARGET,
            read_json(folder / VOCABULARY),
            read_json(folder / TARGET_VOCABULARY) if config.get("separate_vocabs") else None,
            special={role: text_of(config[ROLES[role]]) for role in SPECIAL if config.get(ROLES[role])},
            length=length_of(config),
            languages={name: config[name] for name in _KEPT if config.get(name)},
        )

    def __len__(self) -> int:
        """Return how many tokens there are of what is read."""
        return len(self.vocabulary)

    def locate(self, text: str) -> tuple[list[int], Offsets]:
        """Return the tokens of a text, and where in it each of them begins and ends."""
        ids: list[int] = []
        offsets: Offsets = []
        place = 0
        for number, part in enumerate(self._split.split(text)):
            if number % 2:
                ids.append(self.vocabulary[part])
                offsets.append((place, place + len(part)))
            elif part:
                language = _LANGUAGE.match(part)
                start = 0 if language is None else language.end()
                if start:
                    ids.append(self._number(part[:start]))
                    offsets.append((place, place + start))
                rest = part[start:]
                # Of a character that the model does not know the piece is the character itself, which the other
                # language may have.
                ids += [self._number(piece) for piece in self._source.encode(rest, out_type=str)]
                found = self._source.encode_as_offset_mapping(rest)["offsets"]
                offsets += [(place + start + begin, place + start + end) for begin, end in found]
            place += len(part)
        return ids, offsets

    def _number(self, piece: str) -> int:
        return self.vocabulary.get(piece, self.special["unknown"])

    def decode(self, ids: Sequence[int], *, special: bool = False) -> str:
        """Return the text of tokens in the language that is written."""
        parts: list[str] = []
        run: list[str] = []
        names = set(self.texts.values())
        for number in map(int, ids):
            piece = self._written.get(number, self.texts["unknown"])
            if piece in names:
                parts.append(self._target.decode_pieces(run))
                parts += [piece] if special else []
                run = []
            else:
                run.append(piece)
        parts.append(self._target.decode_pieces(run))
        return " ".join(part for part in parts if part)

    def frame(self, ids: Sequence[int], pair: Sequence[int] | None = None) -> tuple[list[int], list[int]]:
        """Put the end behind a text, or behind two."""
        found = [*ids, *(pair or ()), self.special["end"]]
        return found, [0] * len(found)

    def write(self, folder: str | Path) -> Path:
        """Copy the models' files, and write ``vocab.json`` and ``tokenizer_config.json``."""
        fields: dict[str, Any] = {"tokenizer_class": "MarianTokenizer", **self.languages}
        fields |= {ROLES[role]: text for role, text in self.texts.items()}
        fields["separate_vocabs"] = self.target_vocabulary is not None
        if self.length is not None:
            fields["model_max_length"] = self.length
        contents = [file.read_bytes() for file in self.files]
        folder = write_config(folder, fields)
        for name, content in zip((SOURCE, TARGET), contents, strict=True):
            (folder / name).write_bytes(content)
        for name, numbers in ((VOCABULARY, self.vocabulary), (TARGET_VOCABULARY, self.target_vocabulary)):
            if numbers is not None:
                text = json.dumps(numbers, ensure_ascii=False, indent=1)
                (folder / name).write_text(f"{text}\n", encoding="utf-8")
        return folder
