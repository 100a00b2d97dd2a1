"""Pieces of words by the package ``tokenizers``: byte pairs, WordPiece, Unigram."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from kerasarch.data.tokenizers.tokenizer import CONFIG, ROLES, Offsets, Tokenizer, write_config
from kerasarch.data.tokenizers.word_pieces import learn_word_pieces
from kerasarch.errors import DependencyError, UsageError, WeightsError

FILE = "tokenizer.json"
_ROUND = {"padding": "<pad>", "start": "<s>", "end": "</s>", "unknown": "<unk>", "mask": "<mask>"}
_SQUARE = {"padding": "[PAD]", "unknown": "[UNK]", "class": "[CLS]", "separator": "[SEP]", "mask": "[MASK]"}


class PieceTokenizer(Tokenizer):
    """A tokenizer of the package ``tokenizers``, with the roles of its special tokens.

    Args:
        pieces: A ``tokenizers.Tokenizer``.
        special: Text of the token with each role.
        length: Tokens of the longest text; None for no limit.
        kind: The class of transformers that reads the folder.

    Raises:
        UsageError: The vocabulary lacks a special token.
    """

    def __init__(
        self,
        pieces: Any,
        special: Mapping[str, str],
        *,
        length: int | None = None,
        kind: str = "PreTrainedTokenizerFast",
    ):
        missing = sorted(token for token in special.values() if pieces.token_to_id(token) is None)
        if missing:
            raise UsageError(f"Special tokens that the vocabulary lacks: {', '.join(missing)}. Add them.")
        pieces.no_padding()
        pieces.no_truncation()
        self.pieces, self.texts, self.length, self.kind = pieces, dict(special), length, kind
        self.special = {role: pieces.token_to_id(token) for role, token in special.items()}
        self._templates: dict[bool, list[tuple[int | None, int, int]]] = {}

    @classmethod
    def learn(
        cls,
        texts: Iterable[str],
        *,
        size: int,
        kind: Literal["bpe", "wordpiece", "unigram"] = "bpe",
        lower: bool = False,
        framed: bool | Literal["end"] = True,
        length: int | None = None,
        frequency: int = 2,
    ) -> "PieceTokenizer":
        """Learn pieces from texts.

        ``"bpe"`` merges frequent pairs of bytes (Sennrich et al., 2015, https://arxiv.org/abs/1508.07909; Radford et
        al., 2019, section 2.2), ``"wordpiece"`` pieces within words as BERT has them (Wu et al., 2016, section 4.1,
        https://arxiv.org/abs/1609.08144), ``"unigram"`` prunes a large vocabulary by likelihood (Kudo, 2018,
        https://arxiv.org/abs/1804.10959).

        Args:
            texts: What to learn from.
            size: Tokens at most, special ones included.
            kind: How.
            lower: Whether capital letters are made small.
            framed: Whether special tokens are put around texts; running text has none. ``"end"`` puts one behind alone.
            length: Tokens of the longest text; None for no limit.
            frequency: Of ``"bpe"``: how often a pair occurs that is merged, at least.

        Raises:
            DependencyError: The package ``tokenizers`` is missing.
            UsageError: There is no room for the characters, or no such kind.
        """
        package = _package()
        if kind not in ("bpe", "wordpiece", "unigram"):
            raise UsageError(f"kind must be bpe, wordpiece or unigram. Received {kind!r}.")
        special = _SQUARE if kind == "wordpiece" else _ROUND
        if kind == "bpe" and size < 256 + len(special):
            raise UsageError(f"size={size}: the bytes and special tokens alone are {256 + len(special)}. Give more.")
        options: dict[str, Any] = {
            "vocab_size": size, "special_tokens": list(special.values()), "show_progress": False,
        }  # fmt: skip
        if kind == "wordpiece":
            pieces = package.Tokenizer(package.models.WordPiece(unk_token=special["unknown"]))
            _like_bert(pieces, lower=lower)
            pieces.model = learn_word_pieces(package, pieces, texts, size, list(special.values()))
            pieces.add_special_tokens(list(special.values()))
        elif kind == "unigram":
            pieces = package.Tokenizer(package.models.Unigram())
            pieces.normalizer = _normalizer(package.normalizers.NFKC(), lower)
            pieces.pre_tokenizer = package.pre_tokenizers.Metaspace()
            pieces.decoder = package.decoders.Metaspace()
            trainer = package.trainers.UnigramTrainer(unk_token=special["unknown"], **options)
        else:
            pieces = package.Tokenizer(package.models.BPE())
            if lower:
                pieces.normalizer = package.normalizers.Lowercase()
            _like_gpt2(pieces, prefix_space=False)
            trainer = package.trainers.BpeTrainer(
                initial_alphabet=package.pre_tokenizers.ByteLevel.alphabet(), min_frequency=frequency, **options
            )
        if kind != "wordpiece":
            pieces.train_from_iterator(texts, trainer)
        first, last = ("class", "separator") if kind == "wordpiece" else ("start", "end")
        if framed:
            before = None if framed == "end" else special[first]
            _put_around(pieces, before, special[last], types=kind == "wordpiece")
        return cls(pieces, special, length=length)

    @classmethod
    def from_folder(cls, folder: str | Path) -> "PieceTokenizer":
        """Read ``tokenizer.json``, or ``vocab.json`` and ``merges.txt``, or ``vocab.txt``, and what stands beside.

        Args:
            folder: Folder of a tokenizer of transformers.

        Raises:
            WeightsError: A file is missing, damaged or of another kind.
            DependencyError: The package ``tokenizers`` is missing.
        """
        folder, package = Path(folder), _package()
        config = {**read_json(folder / "special_tokens_map.json"), **read_json(folder / CONFIG)}
        given = {role: text_of(config[key]) for role, key in ROLES.items() if config.get(key)}
        kind = config.get("tokenizer_class", "PreTrainedTokenizerFast")
        try:
            if (folder / FILE).is_file():
                pieces = package.Tokenizer.from_file(str(folder / FILE))
            elif (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file():
                pieces, given = _byte_pairs(folder, config, given, kind)
            elif (folder / "vocab.txt").is_file():
                pieces, given = _word_pieces(folder, config, given)
            else:
                raise WeightsError(
                    f"{folder}: there is no tokenizer.json, no vocab.json with merges.txt, no vocab.txt. Fetch them."
                )
        except WeightsError:
            raise
        except Exception as error:  # the package raises bare Exceptions
            raise WeightsError(
                f"{folder}: the tokenizer's files cannot be read ({error}). Fetch them again."
            ) from error
        given = {role: token for role, token in given.items() if pieces.token_to_id(token) is not None}
        return cls(pieces, given, length=length_of(config), kind=kind)

    def __len__(self) -> int:
        """Return how many tokens there are."""
        return self.pieces.get_vocab_size()

    def locate(self, text: str) -> tuple[list[int], Offsets]:
        """Return the tokens of a text, and where in it each of them begins and ends."""
        found = self.pieces.encode(text, add_special_tokens=False)
        return found.ids, found.offsets

    def decode(self, ids: Sequence[int], *, special: bool = False) -> str:
        """Return the text of tokens."""
        return self.pieces.decode([int(number) for number in ids], skip_special_tokens=not special)

    def frame(self, ids: Sequence[int], pair: Sequence[int] | None = None) -> tuple[list[int], list[int]]:
        """Put special tokens around, as the file says."""
        found: list[int] = []
        types: list[int] = []
        texts = (ids, pair or [])
        paired = pair is not None
        if paired not in self._templates:
            self._templates[paired] = self._template(paired)
        for token, text, kind in self._templates[paired]:
            piece = list(texts[text]) if token is None else [token]
            found += piece
            types += [kind] * len(piece)
        return found, types

    def write(self, folder: str | Path) -> Path:
        """Write ``tokenizer.json`` and ``tokenizer_config.json``."""
        fields: dict[str, Any] = {"tokenizer_class": self.kind}
        fields |= {ROLES[role]: token for role, token in self.texts.items()}
        if self.length is not None:
            fields["model_max_length"] = self.length
        folder = write_config(folder, fields)
        self.pieces.save(str(folder / FILE))
        return folder

    def _template(self, pair: bool) -> list[tuple[int | None, int, int]]:
        """Return special tokens, and None where a text goes, with the number of that text, and what they count to."""
        probe = self._probe()
        texts = (probe, probe) if pair else (probe,)
        found = self.pieces.encode(*texts)
        template: list[tuple[int | None, int, int]] = []
        before = None
        for token, kind, text in zip(found.ids, found.type_ids, found.sequence_ids, strict=True):
            if text is None:
                template.append((token, 0, kind))
            elif text != before:
                template.append((None, text, kind))
            before = text
        return template

    def _probe(self) -> str:
        """Return a text that has tokens."""
        candidates = ("a", "e", "0", *(self.pieces.id_to_token(number) or "" for number in range(len(self))))
        known = set(self.texts.values())
        found = next((text for text in candidates if text not in known and self.encode(text)), None)
        if found is None:
            raise WeightsError("The tokenizer has no token that a text becomes. Fetch its files again.")
        return found


def _package() -> Any:
    try:
        import tokenizers
    except ImportError as error:
        raise DependencyError("This tokenizer needs the package tokenizers: pip install 'kerasarch[text]'.") from error
    return tokenizers


def read_json(path: Path) -> dict[str, Any]:
    """Return what a file holds, nothing where there is none.

    Raises:
        WeightsError: It is damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (ValueError, OSError) as error:
        raise WeightsError(f"{path} cannot be read ({error}). Fetch it again.") from error


def text_of(token: Any) -> str:
    """Return the text of a special token, which files give alone or with marks."""
    return token["content"] if isinstance(token, Mapping) else str(token)


def length_of(config: Mapping[str, Any]) -> int | None:
    """Return the longest text in tokens; transformers writes a number beyond all bounds where there is no limit."""
    found = config.get("model_max_length")
    return int(found) if found and found < 1_000_000 else None


def _normalizer(first: Any, lower: bool) -> Any:
    parts = _package().normalizers
    return parts.Sequence([first, parts.Lowercase()]) if lower else first


def _like_gpt2(pieces: Any, *, prefix_space: bool) -> None:
    package = _package()
    pieces.pre_tokenizer = package.pre_tokenizers.ByteLevel(add_prefix_space=prefix_space)
    pieces.decoder = package.decoders.ByteLevel()


def _like_bert(pieces: Any, *, lower: bool, accents: bool | None = None, chinese: bool = True) -> None:
    package = _package()
    pieces.normalizer = package.normalizers.BertNormalizer(
        lowercase=lower, strip_accents=accents, handle_chinese_chars=chinese
    )
    pieces.pre_tokenizer = package.pre_tokenizers.BertPreTokenizer()
    pieces.decoder = package.decoders.WordPiece()


def _put_around(pieces: Any, first: str | None, last: str, *, types: bool, twice: bool = False) -> None:
    """Set the template of special tokens.

    Args:
        pieces: The tokenizer.
        first: Token before the first text, or None.
        last: Token behind each text.
        types: Whether tokens of a second text count as 1.
        twice: Whether there are two between the texts, as RoBERTa has it.
    """
    second = ":1" if types else ":0"
    between = f"{last}:0 {last}:0" if twice else f"{last}:0"
    before = "" if first is None else f"{first}:0 "
    pieces.post_processor = _package().processors.TemplateProcessing(
        single=f"{before}$A:0 {last}:0",
        pair=f"{before}$A:0 {between} $B{second} {last}{second}",
        special_tokens=[(token, pieces.token_to_id(token)) for token in dict.fromkeys((first, last)) if token],
    )


def _byte_pairs(
    folder: Path, config: Mapping[str, Any], given: dict[str, str], kind: str
) -> tuple[Any, dict[str, str]]:
    """Read GPT-2's or RoBERTa's files."""
    package = _package()
    model = package.models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt"))
    pieces = package.Tokenizer(model)
    _like_gpt2(pieces, prefix_space=bool(config.get("add_prefix_space", False)))
    framed = not kind.startswith("GPT2")
    if framed:
        given = {
            **{"start": "<s>", "end": "</s>", "class": "<s>", "separator": "</s>"},
            **{"unknown": "<unk>", "padding": "<pad>", "mask": "<mask>"},
            **given,
        }
    else:
        given = {**dict.fromkeys(("start", "end", "unknown"), "<|endoftext|>"), **given}
    _mark(pieces, given, stripped="mask")
    if framed:
        _put_around(pieces, given["class"], given["separator"], types=False, twice=True)
    return pieces, given


def _word_pieces(folder: Path, config: Mapping[str, Any], given: dict[str, str]) -> tuple[Any, dict[str, str]]:
    """Read BERT's files."""
    package = _package()
    given = {**_SQUARE, **given}
    model = package.models.WordPiece.from_file(str(folder / "vocab.txt"), unk_token=given["unknown"])
    pieces = package.Tokenizer(model)
    _like_bert(
        pieces,
        lower=config.get("do_lower_case", True),
        accents=config.get("strip_accents"),
        chinese=config.get("tokenize_chinese_chars", True),
    )
    _mark(pieces, given)
    _put_around(pieces, given["class"], given["separator"], types=True)
    return pieces, given


def _mark(pieces: Any, special: Mapping[str, str], stripped: str | None = None) -> None:
    """Have the special tokens found in texts; the one with the role ``stripped`` takes the space before it."""
    token = _package().AddedToken
    pieces.add_special_tokens(
        [
            token(text, lstrip=role == stripped, normalized=False, special=True)
            for text, role in {text: role for role, text in special.items()}.items()
        ]
    )
