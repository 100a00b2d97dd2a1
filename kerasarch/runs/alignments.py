"""Pictures of what a translator looks at: the tokens that it reads below, those that it writes on the left."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasarch.data import Tokenizer
from kerasarch.recipe import Run
from kerasarch.runs.figures import INK
from kerasarch.runs.tokenizer_pair import TokenizerPair

LONGEST = 24
"""Tokens of a side that a picture has room for."""
UNKNOWN = "\N{WHITE SQUARE}"
"""What stands for characters that the font of the pictures lacks."""
_CAPTION = (
    "Attention: how much each written token (rows) looks at each token that is read (columns), the darker the more"
)


def show_alignments(
    run: Run, model: Any, pair: TokenizerPair, rows: Sequence[tuple[Sequence[int], Sequence[int]]], *, count: int = 4
) -> None:
    """Put pictures of attention into the report, of texts that are not too long to be read in a picture.

    Args:
        run: The run.
        model: A translator: it has ``attention_weights(inputs)`` and a config with ``start``.
        pair: Its tokenizers.
        rows: Tokens that are read, and those of their translations without start and end, of which a picture shows the
            first ones.
        count: Pictures at most.
    """
    short = [(read, written[: LONGEST - 1]) for read, written in rows if len(read) <= LONGEST][:count]
    if not short:
        return
    with run.figure("attention", caption=_CAPTION) as figure:
        columns = min(2, len(short))
        lines = -(-len(short) // columns)
        figure.set_size_inches(3.6 * columns, 3.6 * lines)
        figure.patch.set_alpha(0)
        grid = list(figure.subplots(lines, columns, squeeze=False).flat)
        for axes, (read, written) in zip(grid, short, strict=False):
            weights = alignment(model, read, written)
            last = "end" if len(written) < LONGEST - 1 else ""  # of one that was cut, any token may follow
            _draw(axes, weights, labels(pair.source, read), [*labels(pair.target, written), last])
        for axes in grid[len(short) :]:
            axes.set_visible(False)


def alignment(model: Any, read: Sequence[int], written: Sequence[int]) -> np.ndarray:
    """Return the attention of each written token and the end to the tokens that are read: ``(T + 1, S)``.

    Args:
        model: A translator. Of several layers and heads the mean is taken.
        read: Tokens that are read.
        written: Tokens of the translation, without start and end.
    """
    from keras import ops

    inputs = {
        "source_ids": np.array([read], "int32"),
        "source_mask": np.ones((1, len(read)), "int32"),
        "target_ids": np.array([[model.config.start, *written]], "int32"),
    }
    return np.asarray(ops.convert_to_numpy(model.attention_weights(inputs)), "float32")[0]


def labels(tokenizer: Tokenizer, ids: Sequence[int]) -> list[str]:
    """Return the text of each token, for an axis; a special one by the role that it has."""
    roles = {number: role for role, number in tokenizer.special.items()}
    return [roles.get(int(number)) or _drawable(tokenizer.decode([number]).strip()) or "_" for number in ids]


def _drawable(text: str) -> str:
    """Replace what the font lacks, and what matplotlib takes for mathematics."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    font = get_font(findfont(FontProperties()))
    known = "".join(letter if font.get_char_index(ord(letter)) else UNKNOWN for letter in text)
    return known.replace("$", r"\$")


def _draw(axes: Any, weights: np.ndarray, columns: Sequence[str], rows: Sequence[str]) -> None:
    axes.imshow(weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(columns)), columns, rotation=90, fontsize=6, color=INK)
    axes.set_yticks(range(len(rows)), rows, fontsize=6, color=INK)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
