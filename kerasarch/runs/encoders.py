"""The text encoder that a recipe trains, with its tokenizer: trained before, or a small one with fresh weights."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from kerasarch.data import PieceTokenizer, Tokenizer, load_tokenizer
from kerasarch.errors import UsageError
from kerasarch.recipe import Run
from kerasarch.runs.folder import TOKENIZER
from kerasarch.runs.text_model import run_of, tokenizer_folder
from kerasarch.runs.tokenizer_pair import TokenizerPair
from kerasarch.training.text_options import EncoderOptions


@dataclasses.dataclass(frozen=True)
class Encoder:
    """An encoder with a fresh head.

    Attributes:
        model: A `kerasarch.models.TextEncoder`.
        tokenizer: What reads its texts; its ``length`` is the longest.
        name: What it is, for people.
    """

    model: Any
    tokenizer: Tokenizer
    name: str

    @property
    def length(self) -> int:
        """The longest text in tokens."""
        return int(self.tokenizer.length or 0)


def open_encoder(
    run: Run, options: EncoderOptions, texts: Sequence[str], *, family: str, lower: bool, **head: Any
) -> Encoder:
    """Open or build an encoder.

    Args:
        run: The run; a relative name of ``weights`` may be that of a run beside it.
        options: Settled options.
        texts: What a tokenizer is learned from where there are no weights.
        family: Name of the family where there are no weights.
        lower: Whether a learned tokenizer makes letters small.
        **head: ``head`` and ``labels`` of the config.

    Raises:
        UsageError: There are no such weights, they are of no text encoder, or a size does not fit.
        WeightsError: A file is missing or damaged.
        DependencyError: The network or a package is missing.
    """
    if options.weights is None:
        return _fresh(run, options, texts, family, lower, head)
    from kerasarch.models import TextEncoder
    from kerasarch.weights import from_pretrained

    source = weights_folder(options.weights, run.dir.parent.parent)
    model = from_pretrained(source, dropout=options.dropout, **head)
    if not isinstance(model, TextEncoder):
        raise UsageError(f"--weights: {options.weights} holds a {type(model).__name__}, expected a text encoder.")
    tokenizer = load_tokenizer(tokenizer_folder(source))
    limits = (options.length, model.longest, tokenizer.length)
    tokenizer.length = min(limit for limit in limits if limit is not None)
    return Encoder(model, tokenizer, f"{model.family} of {options.weights}")


def weights_folder(source: str, runs: Path) -> str:
    """Return the folder in Hugging Face layout that is meant: itself, or the one in a run's folder.

    Args:
        source: A folder, ``hf:org/name``, or a run.
        runs: Where runs are kept.

    Raises:
        UsageError: There is no such folder or run, or the run holds no folder of weights.
    """
    run = run_of(source, runs)
    if run is None:
        return source
    found = sorted(file.parent for file in run.path.glob("*/config.json") if any(file.parent.glob("*.safetensors")))
    if not found:
        raise UsageError(
            f"--weights: run {run.id} of {run.recipe} ({run.status}) holds no folder of weights in Hugging Face layout."
        )
    return str(found[0])


def _fresh(
    run: Run, options: EncoderOptions, texts: Sequence[str], family: str, lower: bool, head: dict[str, Any]
) -> Encoder:
    if options.width % options.heads:
        raise UsageError(f"--width: received {options.width}, expected a multiple of the {options.heads} --heads.")
    if (run.dir / TOKENIZER).is_dir():  # a resumed run's: learning it again might number pieces in another way
        tokenizer = load_tokenizer(run.dir / TOKENIZER)
    else:
        tokenizer = PieceTokenizer.learn(
            texts, size=options.vocabulary, kind="wordpiece", lower=lower, length=options.length
        )
        TokenizerPair(tokenizer, tokenizer).write(run.dir / TOKENIZER)
    sizes: dict[str, Any] = {
        "vocabulary": len(tokenizer), "padding": tokenizer.padding, "positions": options.length,
        "width": options.width, "depth": options.depth, "heads": options.heads, "hidden": 4 * options.width,
        "dropout": options.dropout, **head,
    }  # fmt: skip
    return Encoder(_BUILDERS[family](sizes), tokenizer, f"{family} with fresh weights")


def _build(name: str, **usual: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    """Return what builds a family of these sizes and of others that follow from them."""

    def build(sizes: dict[str, Any]) -> Any:
        from kerasarch import models

        others = {field: value(sizes) for field, value in usual.items()}
        return getattr(models, name)(**{**sizes, **others})

    return build


_BUILDERS = {
    "bert": _build("bert"),
    "roberta": _build("roberta", positions=lambda sizes: sizes["positions"] + sizes["padding"] + 1),
    "distilbert": _build("distilbert"),
    "albert": _build("albert", embedding=lambda sizes: min(128, sizes["width"])),
    "deberta": _build("deberta"),
    "deberta_v2": _build("deberta_v2", buckets=lambda sizes: max(sizes["positions"] // 2, 2)),
}
