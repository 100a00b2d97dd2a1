"""Pieces of text by the package ``sentencepiece``, numbered as each family numbers them."""

import dataclasses
import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kerasarch.data.tokenizers.piece_tokenizer import length_of, read_json, text_of
from kerasarch.data.tokenizers.tokenizer import CONFIG, ROLES, Offsets, Tokenizer, write_config
from kerasarch.errors import DependencyError, WeightsError

FILES = ("spiece.model", "sentencepiece.bpe.model", "spm.model", "tokenizer.model")
EXTRA = 100  # T5's markers of what is left out


@dataclasses.dataclass(frozen=True)
class Layout:
    """How a family numbers pieces and frames texts.

    Attributes:
        special: Text of the token with each role, where the files do not say.
        before: Roles of the tokens before a text.
        behind: Roles of those behind each text.
        between: Roles of those between two texts, where these are others.
        first: Tokens that come before all pieces, which move up by as many as there are more of these than of the
            pieces' own special ones.
        offset: How far pieces move up.
        types: Whether the tokens of a second text count as 1.
        lower: Whether capital letters are made small where the file does not say.
    """

    special: Mapping[str, str]
    before: tuple[str, ...] = ()
    behind: tuple[str, ...] = ()
    between: tuple[str, ...] | None = None
    first: tuple[str, ...] = ()
    offset: int = 0
    types: bool = False
    lower: bool = False


_SQUARE = {
    "class": "[CLS]", "separator": "[SEP]", "unknown": "<unk>", "padding": "<pad>", "mask": "[MASK]", "start": "[CLS]",
    "end": "[SEP]",
}  # fmt: skip
_ROUND = {
    "start": "<s>", "end": "</s>", "class": "<s>", "separator": "</s>", "unknown": "<unk>", "padding": "<pad>",
    "mask": "<mask>",
}  # fmt: skip
_T5 = Layout({"end": "</s>", "unknown": "<unk>", "padding": "<pad>"}, behind=("end",))
_XLM_R = Layout(
    _ROUND, before=("class",), behind=("separator",), between=("separator", "separator"),
    first=("<s>", "<pad>", "</s>", "<unk>"), offset=1,
)  # fmt: skip
LAYOUTS = {
    "T5Tokenizer": _T5,
    "MT5Tokenizer": _T5,
    "AlbertTokenizer": Layout(_SQUARE, before=("class",), behind=("separator",), types=True, lower=True),
    "DebertaV2Tokenizer": Layout(
        {**_SQUARE, "unknown": "[UNK]", "padding": "[PAD]"}, before=("class",), behind=("separator",), types=True
    ),
    "LlamaTokenizer": Layout({"start": "<s>", "end": "</s>", "unknown": "<unk>"}, before=("start",), types=True),
    "XLMRobertaTokenizer": _XLM_R,
}
"""By the name of the class in ``tokenizer_config.json``, without "Fast"."""


class SentencePieceTokenizer(Tokenizer):
    """A model of ``sentencepiece`` (Kudo and Richardson, 2018, https://arxiv.org/abs/1808.06226).

    Args:
        file: The model's file.
        kind: A name in ``LAYOUTS``.
        special: Texts of special tokens that differ from the layout's.
        length: Tokens of the longest text; None for no limit.
        extra: Markers ``<extra_id_0>`` to ``<extra_id_{extra - 1}>`` behind the pieces, the first one last, as T5 has
            them.
        lower: Whether capital letters are made small; None for what the layout says.
        around: Whether the start is put before texts, and whether the end behind; None for what the layout says.

    Raises:
        DependencyError: The package ``sentencepiece`` is missing.
        WeightsError: The file is missing or damaged, or there is no such layout.
    """

    def __init__(
        self,
        file: str | Path,
        kind: str = "T5Tokenizer",
        *,
        special: Mapping[str, str] | None = None,
        length: int | None = None,
        extra: int = 0,
        lower: bool | None = None,
        around: tuple[bool, bool] | None = None,
    ):
        layout = LAYOUTS.get(kind.removesuffix("Fast"))
        if layout is None:
            raise WeightsError(
                f"{file}: the class {kind!r} of sentencepiece tokenizers is not built here. Known are "
                f"{', '.join(LAYOUTS)}."
            )
        if around is not None:
            start, end = around
            layout = dataclasses.replace(layout, before=("start",) * start, behind=("end",) * end)
        self.around = around
        self.file, self.kind, self.layout, self.length = Path(file), kind.removesuffix("Fast"), layout, length
        self.lower = layout.lower if lower is None else lower
        self.extra = extra
        self._model = open_pieces(self.file)
        self.texts = {**layout.special, **(special or {})}
        self._added: dict[str, int] = {}
        self._count = self._model.get_piece_size() + layout.offset
        for number, text in enumerate(layout.first):
            self._added[text] = number
        for text in dict.fromkeys(self.texts.values()):
            self._number(text)
        for number in reversed(range(extra)):
            self._added[f"<extra_id_{number}>"] = self._count
            self._count += 1
        self.special = {role: self._number(text) for role, text in self.texts.items()}
        marked = sorted({*self.texts.values(), *self._added}, key=len, reverse=True)
        self._split = re.compile("(" + "|".join(map(re.escape, marked)) + ")")
        self._names = {number: text for text, number in self._added.items()}
        self._names |= {number: self.texts[role] for role, number in self.special.items()}

    def _number(self, text: str) -> int:
        """Return the number of a special token, a new one behind all where the model has no such piece."""
        if text in self._added:
            return self._added[text]
        piece = self._model.piece_to_id(text)
        if piece != self._model.unk_id() or text == self._model.id_to_piece(piece):
            return piece + self.layout.offset
        self._added[text] = self._count
        self._count += 1
        return self._added[text]

    @classmethod
    def from_folder(cls, folder: str | Path) -> "SentencePieceTokenizer":
        """Read the model's file and ``tokenizer_config.json`` beside it.

        Raises:
            WeightsError: A file is missing or damaged, or the class is not built here.
        """
        folder = Path(folder)
        file = next((folder / name for name in FILES if (folder / name).is_file()), None)
        if file is None:
            raise WeightsError(f"{folder}: there is none of {', '.join(FILES)}. Fetch it.")
        config = {**read_json(folder / "special_tokens_map.json"), **read_json(folder / CONFIG)}
        kind = config.get("tokenizer_class") or _kind_of(read_json(folder / "config.json"), folder)
        special = {role: text_of(config[key]) for role, key in ROLES.items() if config.get(key)}
        known = set(LAYOUTS[kind.removesuffix("Fast")].special) if kind.removesuffix("Fast") in LAYOUTS else set()
        extra = config.get("extra_ids", EXTRA) if kind.startswith(("T5", "MT5")) else 0
        if kind.startswith("MT5") and "extra_ids" not in config:
            extra = 0  # its pieces hold them
        return cls(
            file,
            kind,
            special={role: text for role, text in special.items() if role in known},
            length=length_of(config),
            extra=extra,
            lower=config.get("do_lower_case"),
            around=_around(kind, config),
        )

    def __len__(self) -> int:
        """Return how many tokens there are."""
        return self._count

    def locate(self, text: str) -> tuple[list[int], Offsets]:
        """Return the tokens of a text, and where in it each of them begins and ends."""
        ids: list[int] = []
        offsets: Offsets = []
        place = 0
        for number, part in enumerate(self._split.split(text)):
            if number % 2:
                ids.append(self._added[part] if part in self._added else self.special[self._role(part)])
                offsets.append((place, place + len(part)))
            elif part:
                prepared, origin = self._prepared(part)
                found = self._model.encode_as_offset_mapping(prepared)
                ids += [self._own_number(piece) for piece in found["ids"]]
                offsets += [(place + origin[begin], place + origin[end]) for begin, end in found["offsets"]]
            place += len(part)
        return ids, offsets

    def _own_number(self, piece: int) -> int:
        """Return the number of a piece: the family's own one where the piece is the unknown one."""
        if piece == self._model.unk_id() and self.texts["unknown"] in self._added:
            return self._added[self.texts["unknown"]]
        return piece + self.layout.offset

    def _role(self, text: str) -> str:
        return next(role for role, known in self.texts.items() if known == text)

    def _prepared(self, text: str) -> tuple[str, list[int]]:
        """Return the text as the model reads it, and for each place in it the one in the text; the end's too."""
        if not self.lower:
            return text, list(range(len(text) + 1))
        letters, origin = [], []
        for place, character in enumerate(text):
            plain = unicodedata.normalize("NFKD", character).lower()
            kept = [letter for letter in plain if not unicodedata.combining(letter)]
            letters += kept
            origin += [place] * len(kept)
        return "".join(letters), [*origin, len(text)]

    def decode(self, ids: Sequence[int], *, special: bool = False) -> str:
        """Return the text of tokens."""
        parts: list[str] = []
        run: list[int] = []
        for number in map(int, ids):
            if number in self._names:
                parts.append(self._model.decode(run))
                parts += [self._names[number]] if special else []
                run = []
            else:
                run.append(number - self.layout.offset)
        parts.append(self._model.decode(run))
        return " ".join(part for part in parts if part)

    def frame(self, ids: Sequence[int], pair: Sequence[int] | None = None) -> tuple[list[int], list[int]]:
        """Put special tokens around, as the family does."""
        layout = self.layout
        before, behind = ([self.special[role] for role in roles] for roles in (layout.before, layout.behind))
        if pair is None:
            found = [*before, *ids, *behind]
            return found, [0] * len(found)
        middle = behind if layout.between is None else [self.special[role] for role in layout.between]
        first = [*before, *ids, *middle]
        second = [*(() if middle else before), *pair, *behind]
        return first + second, [0] * len(first) + [int(layout.types)] * len(second)

    def write(self, folder: str | Path) -> Path:
        """Copy the model's file and write ``tokenizer_config.json``."""
        fields: dict[str, Any] = {"tokenizer_class": self.kind, "do_lower_case": self.lower}
        fields |= {ROLES[role]: text for role, text in self.texts.items()}
        if self.kind.startswith(("T5", "MT5")):
            fields["extra_ids"] = self.extra
        if self.around is not None:
            fields["add_bos_token"], fields["add_eos_token"] = self.around
        if self.length is not None:
            fields["model_max_length"] = self.length
        folder = write_config(folder, fields)
        (folder / self.file.name).write_bytes(self.file.read_bytes())
        return folder


def open_pieces(file: Path) -> Any:
    """Return a model of ``sentencepiece``.

    Raises:
        DependencyError: The package is missing.
        WeightsError: The file is missing or damaged.
    """
    try:
        import sentencepiece
    except ImportError as error:
        raise DependencyError(
            "This tokenizer needs the package sentencepiece: pip install 'kerasarch[text]'."
        ) from error
    try:
        return sentencepiece.SentencePieceProcessor(model_file=str(file))
    except (OSError, RuntimeError) as error:
        raise WeightsError(f"{file} cannot be read as a sentencepiece model ({error}). Fetch it again.") from error


def _around(kind: str, config: Mapping[str, Any]) -> tuple[bool, bool] | None:
    """Return what the file says of start and end, which Llama's may."""
    if not kind.startswith("Llama") or not {"add_bos_token", "add_eos_token"} & set(config):
        return None
    return bool(config.get("add_bos_token", True)), bool(config.get("add_eos_token", False))


_KINDS = {
    "t5": "T5Tokenizer",
    "mt5": "MT5Tokenizer",
    "albert": "AlbertTokenizer",
    "deberta-v2": "DebertaV2Tokenizer",
    "llama": "LlamaTokenizer",
    "xlm-roberta": "XLMRobertaTokenizer",
}


def _kind_of(config: Mapping[str, Any], folder: Path) -> str:
    """Return the class of a folder whose tokenizer_config.json does not say it, from the model's config."""
    found = _KINDS.get(config.get("model_type", ""))
    if found is None:
        raise WeightsError(
            f"{folder}: neither {CONFIG} nor config.json says the tokenizer's class. Write tokenizer_class, one "
            f"of {', '.join(LAYOUTS)}."
        )
    return found
