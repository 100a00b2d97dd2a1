"""From texts to the token numbers of CLIP.

The byte pairs are merged by the package ``tokenizers``; the rest (files, special tokens, length) is here. It stands
beside the models, as ``Preprocessing`` does, because reading a folder of weights makes one.
"""

import dataclasses
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerasarch.errors import DependencyError, UsageError, WeightsError

logger = logging.getLogger("kerasarch")

START, END = "<|startoftext|>", "<|endoftext|>"
SUFFIX = "</w>"  # marks the last piece of a word
LENGTH = 77  # tokens; where the files do not say
_ANY = 1_000_000  # what transformers writes for an unknown length is far above this
# Radford et al.'s pieces: the special tokens, English endings, runs of letters, single digits, runs of anything else
_PIECES = (
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d"
    r"|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
)
_ROLES = {"start": "bos_token", "end": "eos_token", "padding": "pad_token", "unknown": "unk_token"}
_FLAGS = ("single_word", "lstrip", "rstrip", "normalized")


@dataclasses.dataclass(frozen=True)
class SpecialToken:
    """A token that is found in the text before anything else.

    Attributes:
        content: Its text.
        normalized: Whether it is looked for in the text after lowering and joining of spaces, rather than before.
        single_word: Whether it counts only where it is no part of a word.
        lstrip: Whether it takes the spaces before it.
        rstrip: Whether it takes the spaces behind it.
    """

    content: str
    normalized: bool = False
    single_word: bool = False
    lstrip: bool = False
    rstrip: bool = False


class CLIPTokenizer:
    """Byte pairs over lowered text: Radford et al., 2021, section 2.4 (https://arxiv.org/abs/2103.00020).

    A text becomes the start token, its byte pairs, the end token, and padding up to the length.

    Args:
        vocabulary: Token to number.
        merges: Pairs of tokens that are merged, the first ones first.
        length: Tokens of a text, start and end included.
        start: Token at the start.
        end: Token behind the text.
        padding: Token that fills up; Stable Diffusion 1 takes the end token, 2 an exclamation mark.
        unknown: Token for what the vocabulary lacks.
        added: Further tokens, whose numbers follow the vocabulary.

    Raises:
        DependencyError: The package ``tokenizers`` is missing.
        UsageError: A special token is not in the vocabulary, or there is no room for text.
    """

    def __init__(
        self,
        vocabulary: Mapping[str, int],
        merges: Sequence[tuple[str, str]],
        *,
        length: int = LENGTH,
        start: str | SpecialToken = START,
        end: str | SpecialToken = END,
        padding: str | SpecialToken = END,
        unknown: str | SpecialToken = END,
        added: Sequence[SpecialToken] = (),
    ):
        if length < 3:
            raise UsageError(
                f"A text of CLIP has at least 3 tokens: start, one of text, end. Received length={length}."
            )
        self.vocabulary, self.merges, self.length = (
            dict(vocabulary),
            [(first, second) for first, second in merges],
            length,
        )
        given = {"start": start, "end": end, "unknown": unknown, "padding": padding}
        self.special = {role: SpecialToken(token) if isinstance(token, str) else token for role, token in given.items()}
        self.added = tuple(added)
        known = {*self.vocabulary, *(token.content for token in self.added)}
        missing = sorted({token.content for token in self.special.values()} - known)
        if missing:
            raise UsageError(f"Special tokens that the vocabulary lacks: {', '.join(missing)}. Add them.")
        self._tokenizer = _assemble(self.vocabulary, self.merges, self.special, self.added)
        numbers = {role: self._tokenizer.token_to_id(token.content) for role, token in self.special.items()}
        self.start, self.end, self.padding = numbers["start"], numbers["end"], numbers["padding"]

    def __len__(self) -> int:
        """Return how many tokens there are."""
        return self._tokenizer.get_vocab_size()

    def __call__(self, texts: str | Sequence[str], *, length: int | None = None) -> dict[str, np.ndarray]:
        """Return ``input_ids`` and ``attention_mask``, ``(B, length)`` int32 each.

        What is too long is cut, and said in the log.

        Args:
            texts: One text or several.
            length: In the place of the tokenizer's.
        """
        length = length or self.length
        texts = [texts] if isinstance(texts, str) else list(texts)
        rows = np.full((len(texts), length), self.padding, "int32")
        mask = np.zeros((len(texts), length), "int32")
        for row, text in enumerate(texts):
            numbers = self._tokenizer.encode(text, add_special_tokens=False).ids
            if len(numbers) > length - 2:
                logger.warning(
                    "A text has %d tokens, %d fit; this was left out: %r", len(numbers), length - 2,
                    self.decode(numbers[length - 2 :]),
                )  # fmt: skip
            numbers = [self.start, *numbers[: length - 2], self.end]
            rows[row, : len(numbers)] = numbers
            mask[row, : len(numbers)] = 1
        return {"input_ids": rows, "attention_mask": mask}

    def decode(self, numbers: Sequence[int]) -> str:
        """Return the text of token numbers, without start, end and padding."""
        numbers = [int(number) for number in numbers]
        return self._tokenizer.decode(numbers, skip_special_tokens=True).replace(SUFFIX, " ").strip()

    @classmethod
    def learn(cls, texts: Iterable[str], *, size: int = 1024, length: int | None = None) -> "CLIPTokenizer":
        """Learn which byte pairs to merge from texts: Sennrich et al., 2015 (https://arxiv.org/abs/1508.07909).

        The vocabulary is laid out as CLIP's: all bytes, all bytes at the end of a word, the merged pairs, start and
        end. So no text has unknown tokens.

        Args:
            texts: What to learn from.
            size: Tokens at most, beyond the 514 that are always there the pairs that occur more than once.
            length: Tokens of a text, start and end included; None for as many as the longest text has, at most 77.

        Raises:
            DependencyError: The package ``tokenizers`` is missing.
            UsageError: There is no room for all bytes.
        """
        letters = byte_letters()
        vocabulary = [*letters, *(letter + SUFFIX for letter in letters)]
        if size < len(vocabulary) + 2:
            raise UsageError(f"size={size}: the bytes, start and end alone are {len(vocabulary) + 2} tokens.")
        texts = list(texts)
        plain = cls({token: number for number, token in enumerate([*vocabulary, START, END])}, [])
        merges = plain._merges(texts, size)
        tokens = [*vocabulary, *(first + second for first, second in merges), START, END]
        made = cls({token: number for number, token in enumerate(tokens)}, merges, length=length or LENGTH)
        if length is None:
            used = made(texts)["attention_mask"].sum(axis=1) if texts else np.array([LENGTH])
            made.length = max(int(used.max()), 3)
        return made

    def _merges(self, texts: list[str], size: int) -> list[tuple[str, str]]:
        """Let the package ``tokenizers`` count pairs, over texts that are cut into words as here."""
        import tokenizers

        counted = tokenizers.Tokenizer(tokenizers.models.BPE(end_of_word_suffix=SUFFIX))
        counted.normalizer, counted.pre_tokenizer = self._tokenizer.normalizer, self._tokenizer.pre_tokenizer
        letters = byte_letters()
        trainer = tokenizers.trainers.BpeTrainer(
            vocab_size=size - 2, min_frequency=2, initial_alphabet=letters, end_of_word_suffix=SUFFIX,
            show_progress=False,
        )  # fmt: skip
        counted.train_from_iterator(texts, trainer)
        merges = json.loads(counted.to_str())["model"]["merges"]
        pairs = [pair.split() if isinstance(pair, str) else pair for pair in merges]
        return [(first, second) for first, second in pairs][: size - 2 * len(letters) - 2]

    @classmethod
    def from_folder(cls, folder: str | Path) -> "CLIPTokenizer":
        """Read ``vocab.json`` and ``merges.txt``, or ``tokenizer.json``, with ``tokenizer_config.json`` beside them.

        Args:
            folder: Folder of a CLIP tokenizer of transformers.

        Raises:
            WeightsError: A file is missing, damaged, or of another tokenizer.
            DependencyError: The package ``tokenizers`` is missing.
        """
        folder = Path(folder)
        config = _json(folder / "tokenizer_config.json", {})
        if not config.get("do_lower_case", True):
            raise WeightsError(f"{folder}: do_lower_case false is not built here; CLIP's texts are lowered.")
        found = {**_json(folder / "special_tokens_map.json", {}), **config}
        vocabulary, merges, added = _pairs(folder, config)
        marked = {_token(token).content: token for token in added.values()}
        special = {
            role: _token(marked.get(found[key], found[key]) if isinstance(found[key], str) else found[key])
            for role, key in _ROLES.items()
            if found.get(key) is not None
        }
        length = config.get("model_max_length") or LENGTH
        length = LENGTH if length > _ANY else int(length)
        extra = [_token(token) for _, token in sorted(added.items()) if _token(token).content not in vocabulary]
        tokenizer = cls(vocabulary, merges, length=length, added=extra, **special)
        for number, token in added.items():
            if tokenizer._tokenizer.token_to_id(_token(token).content) != number:
                raise WeightsError(
                    f"{folder}: the added token {_token(token).content!r} has number {number}, which does not follow "
                    f"the {len(vocabulary)} of the vocabulary."
                )
        return tokenizer

    def write(self, folder: str | Path) -> Path:
        """Write the files that ``from_folder`` and transformers read.

        Args:
            folder: Made if missing.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        special = {key: dataclasses.asdict(self.special[role]) for role, key in _ROLES.items()}
        config: dict[str, Any] = {
            "tokenizer_class": "CLIPTokenizer", "do_lower_case": True, "model_max_length": self.length,
            **{key: {"__type": "AddedToken", **token} for key, token in special.items()},
        }  # fmt: skip
        if self.added:
            config["added_tokens_decoder"] = {
                str(self._tokenizer.token_to_id(token.content)): {**dataclasses.asdict(token), "special": False}
                for token in self.added
            }
        lines = ["#version: 0.2", *(" ".join(pair) for pair in self.merges)]
        (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        for name, content in {
            "vocab.json": self.vocabulary,
            "tokenizer_config.json": config,
            "special_tokens_map.json": special,
        }.items():
            (folder / name).write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        return folder


def byte_letters() -> list[str]:
    """Return the 256 characters that stand for bytes, in CLIP's order: printable ones for themselves, then the rest."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    return [*map(chr, printable), *map(chr, range(256, 256 + 256 - len(printable)))]


def _assemble(
    vocabulary: dict[str, int],
    merges: list[tuple[str, str]],
    special: Mapping[str, SpecialToken],
    added: Sequence[SpecialToken],
) -> Any:
    try:
        import tokenizers
    except ImportError as error:
        raise DependencyError("CLIP's tokenizer needs the package tokenizers: pip install 'kerasarch[hub]'.") from error
    model = tokenizers.models.BPE(
        vocabulary, merges, end_of_word_suffix=SUFFIX, unk_token=special["unknown"].content, fuse_unk=False
    )
    tokenizer = tokenizers.Tokenizer(model)
    normalizers, splits = tokenizers.normalizers, tokenizers.pre_tokenizers
    joined = normalizers.Replace(tokenizers.Regex(r"\s+"), " ")
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), joined, normalizers.Lowercase()])
    pieces = splits.Split(tokenizers.Regex(_PIECES), "removed", invert=True)
    tokenizer.pre_tokenizer = splits.Sequence([pieces, splits.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    # Where two roles have one token, the last one's marks hold, as in transformers: those of the padding.
    distinct = {token.content: token for token in special.values()}
    tokenizer.add_tokens([tokenizers.AddedToken(**dataclasses.asdict(token)) for token in added])
    tokenizer.add_special_tokens(
        [tokenizers.AddedToken(**dataclasses.asdict(token), special=True) for token in distinct.values()]
    )
    return tokenizer


def _pairs(folder: Path, config: Mapping[str, Any]) -> tuple[dict[str, int], list[tuple[str, str]], dict[int, Any]]:
    """Return vocabulary, merges, and the added tokens by number."""
    added = {int(number): token for number, token in config.get("added_tokens_decoder", {}).items()}
    if (folder / "vocab.json").is_file():
        vocabulary = _json(folder / "vocab.json")
        try:
            lines = (folder / "merges.txt").read_text(encoding="utf-8").split("\n")
        except OSError as error:
            raise WeightsError(f"{folder / 'merges.txt'}: no such file. It belongs beside vocab.json.") from error
        pairs: list[Any] = [line.split() for line in lines if line.strip() and not line.startswith("#version")]
        listed = _json(folder / "added_tokens.json", {})
        added = {**{number: token for token, number in listed.items()}, **added}
    else:
        whole = _json(folder / "tokenizer.json")
        model = whole.get("model", {})
        if model.get("type") != "BPE" or model.get("end_of_word_suffix") != SUFFIX:
            raise WeightsError(f"{folder / 'tokenizer.json'}: expected CLIP's byte pairs (BPE with {SUFFIX}).")
        vocabulary = model["vocab"]
        pairs = [pair.split() if isinstance(pair, str) else pair for pair in model["merges"]]
        added = {**{token["id"]: token for token in whole.get("added_tokens", [])}, **added}
    if any(len(pair) != 2 for pair in pairs):
        raise WeightsError(f"{folder}: a merge joins two tokens. Fetch merges.txt or tokenizer.json again.")
    return vocabulary, [(first, second) for first, second in pairs], added


def _token(given: str | Mapping[str, Any]) -> SpecialToken:
    if isinstance(given, str):
        return SpecialToken(given)
    return SpecialToken(given["content"], **{flag: given[flag] for flag in _FLAGS if flag in given})


def _json(path: Path, default: Any = None) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        if default is not None:
            return default
        raise WeightsError(f"{path}: no such file. Expected the folder of a CLIP tokenizer.") from error
    except ValueError as error:
        raise WeightsError(f"{path}: not readable as JSON ({error}). Fetch it again.") from error
