"""What the recipes that turn pictures into pictures share: pairs to learn from, training, comparisons."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerasarch.errors import DataError, UsageError
from kerasarch.recipe import Run
from kerasarch.runs.drawing import SMALL
from kerasarch.training.generative_options import TranslationOptions

USUAL = 64
"""Pixels of pictures that are not bundled, unless asked for."""
SHOWN, SMOKE_SHOWN = 500, 32
"""Held-out pictures that are translated for the report, at most; in a quick trial."""
GRID = 16
"""Held-out pictures that are translated again and again over training."""


@dataclasses.dataclass(frozen=True)
class Shape:
    """The pictures' form.

    Attributes:
        size: Height and width in pixels.
        channels: 1 or 3.
    """

    size: int
    channels: int

    @property
    def area(self) -> tuple[int, int]:
        """Height and width."""
        return self.size, self.size


def shape_of(options: TranslationOptions, picture: np.ndarray, *, channels: int | None = None) -> Shape:
    """Return the form that pictures are brought to.

    Args:
        options: What was asked for.
        picture: One of the pictures, uint8.
        channels: How many unless asked for; None for what the picture has.
    """
    from kerasarch.data.load import BUNDLED

    size = options.image_size or (SMALL if options.data in BUNDLED else USUAL)
    return Shape(size, options.channels or channels or (1 if picture.shape[-1] == 1 else 3))


def is_folder(options: TranslationOptions) -> bool:
    """Whether the data are a folder."""
    return Path(options.data).expanduser().is_dir()


def pictures_of(run: Run, options: TranslationOptions) -> tuple[Any, Any]:
    """Load single pictures: those to learn from, and others."""
    from kerasarch.data import read_pictures

    return read_pictures(
        options.data, seed=run.seed, held_out=options.held_out, strict=options.strict, offline=run.offline
    )


def some_pairs(run: Run, pairs: Any, shape: Shape, first: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the first pairs of a source in memory, prepared.

    Args:
        run: The run; a quick trial gets few.
        pairs: A `kerasarch.data.PairSource`.
        shape: Form of the second pictures.
        first: Height and width of the first ones, where they differ.

    Returns:
        Two uint8 arrays ``(N, H, W, C)``.
    """
    from kerasarch.data.pair_sources import PreparePair, stack_pairs

    prepare = PreparePair(((first or shape.size,) * 2, shape.area), shape.channels)
    return stack_pairs([prepare(pairs[index]) for index in range(_count(run, pairs))])


def some_pictures(run: Run, source: Any, shape: Shape) -> np.ndarray:
    """Return the first pictures of a source in memory, prepared: uint8 ``(N, H, W, C)``; few in a quick trial."""
    from kerasarch.data.pipeline import Prepare

    prepare = Prepare(shape.area, shape.channels)
    return np.stack([prepare(source[index])[0] for index in range(_count(run, source))])


def _count(run: Run, source: Any) -> int:
    return min(len(source), SMOKE_SHOWN if run.smoke else SHOWN)


def paired_batches(pairs: Any, options: TranslationOptions, shape: Shape, seed: int, first: int | None = None) -> Any:
    """Return batches of pairs to train on, in [-1, 1]; smaller ones where there are few."""
    from kerasarch.data import pair_batches

    return pair_batches(
        pairs, batch=min(options.batch, len(pairs)), size=shape.area, first_size=(first or shape.size,) * 2,
        channels=shape.channels, flip=options.flip, seed=seed, drop_remainder=True, workers=options.workers,
    )  # fmt: skip


def held_out_batches(pairs: Any, options: TranslationOptions, shape: Shape, first: int | None = None) -> Any:
    """Return batches of pairs to judge on, in [-1, 1] and the order of their source."""
    from kerasarch.data import pair_batches

    return pair_batches(
        pairs, batch=min(max(options.batch, 32), len(pairs)), size=shape.area, first_size=(first or shape.size,) * 2,
        channels=shape.channels, shuffle=False, workers=options.workers,
    )  # fmt: skip


def adam(rate: float, options: TranslationOptions) -> Any:
    """Return an optimizer."""
    import keras

    return keras.optimizers.Adam(rate, beta_1=options.beta_1)


def fit_translator(
    run: Run, learner: Any, data: Any, options: TranslationOptions, translator: Any, shown: np.ndarray, **keywords: Any
) -> dict[str, float]:
    """Train an adversarial learner and show how translations change over training.

    Args:
        run: The run.
        learner: Compiled.
        data: Batches.
        options: The options.
        translator: A `kerasarch.models.Translator` on the networks that are trained.
        shown: uint8 pictures that it translates.
        **keywords: For ``run.fit``.

    Returns:
        The last epoch's losses of both sides.
    """
    from kerasarch.runs.sample_grids import SampleGrids

    grids = SampleGrids(
        run, lambda: translated(translator, shown[:GRID]), caption="Held-out pictures, translated over training"
    )
    history = run.fit("adversarial", learner, data, epochs=options.epochs, callbacks=[grids], **keywords)
    return {name: float(history[name][-1]) for name in ("discriminator_loss", "generator_loss") if history.get(name)}


def translated(translator: Any, pictures: Sequence[np.ndarray] | np.ndarray, *, reverse: bool = False) -> np.ndarray:
    """Translate uint8 pictures of one size: ``(N, H, W, C)``."""
    return np.stack(translator.translate(list(pictures), reverse=reverse))


def agreement(pictures: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """Compare 8-bit pictures with their targets.

    Returns:
        ``psnr`` in decibels, ``ssim``, and the mean absolute difference ``l1`` in pixels of [-1, 1].
    """
    from kerasarch import metrics

    ratios = np.minimum(metrics.psnr(targets, pictures), 100.0)  # a perfect picture would make the mean infinite
    distance = np.abs(pictures.astype(np.float64) - targets).mean() / 127.5
    return {"psnr": float(ratios.mean()), "ssim": float(metrics.ssim(targets, pictures).mean()), "l1": float(distance)}


def prefixed(figures: dict[str, float], prefix: str) -> dict[str, float]:
    """Put a word before the names of figures."""
    return {f"{prefix}_{name}": value for name, value in figures.items()}


def fitting_field(size: int, wanted: int | None) -> int:
    """Return the discriminator's receptive field: what was asked for, else the largest up to 70 that leaves patches.

    Raises:
        UsageError: There is none.
    """
    from kerasarch.models.pix2pix import RECEPTIVE_FIELDS

    if wanted is not None:
        return wanted
    fitting = [field for field, strides in RECEPTIVE_FIELDS.items() if field <= 70 and size // 2**strides >= 4]
    if not fitting:
        raise UsageError(f"No receptive field fits pictures of {size} pixels. Expected --image-size 8 or more.")
    return max(fitting)


def unpaired(first: Any, second: Any, options: TranslationOptions, shape: Shape, seed: int) -> Any:
    """Return batches of two domains to train on, in [-1, 1]; smaller ones where there are few pictures."""
    from kerasarch.data import unpaired_batches

    return unpaired_batches(
        first, second, batch=min(options.batch, max(len(first), len(second))), size=shape.area,
        channels=shape.channels, flip=options.flip, seed=seed, workers=options.workers,
    )  # fmt: skip


def halves(pairs: Any, seed: int) -> tuple[Any, Any]:
    """Make two domains of pairs: the first pictures of one half, the second ones of the other half.

    Raises:
        DataError: There are fewer than two pairs.
    """
    from kerasarch.data.pair_sources import OneOfPairs

    if len(pairs) < 2:
        raise DataError(f"Two domains need two pictures at least. Received {len(pairs)}.")
    order = np.random.default_rng([seed, 0xAB]).permutation(len(pairs))
    middle = len(order) // 2
    some, others = np.sort(order[:middle]), np.sort(order[middle:])
    return OneOfPairs(pairs.subset(some), 0), OneOfPairs(pairs.subset(others), 1)


def show_cycles(run: Run, translator: Any, pictures: Sequence[np.ndarray], *, paired: bool) -> dict[str, float]:
    """Put held-out pictures, their translations and the way back into the report, for both directions.

    Args:
        run: The run.
        translator: Of both directions.
        pictures: uint8 pictures of either domain.
        paired: Whether they are pairs: then a translation is held against the true partner.

    Returns:
        ``cycle_l1_a`` and ``cycle_l1_b``, the mean absolute difference after the way there and back in pixels of
        [-1, 1], ``cycle_psnr_a`` and ``_b``; with pairs ``a_to_b_psnr``, ``_ssim`` and ``_l1``, and ``b_to_a_...``.
    """
    from kerasarch.runs.generative_figures import show_pairs

    figures: dict[str, float] = {}
    names = [name.lower() for name in translator.domains]
    for place, here in enumerate(names):
        there = names[1 - place]
        made = translated(translator, pictures[place], reverse=bool(place))
        back = translated(translator, made, reverse=not place)
        rows = [(here.upper(), pictures[place]), (f"as {there.upper()}", made), ("and back", back)]
        if paired:
            rows.insert(2, (f"true {there.upper()}", pictures[1 - place]))
            figures |= prefixed(agreement(made, pictures[1 - place]), f"{here}_to_{there}")
        show_pairs(run, f"from {here} to {there}", rows, caption="Held-out pictures, translated there and back")
        cycle = agreement(back, pictures[place])
        figures |= {f"cycle_l1_{here}": cycle["l1"], f"cycle_psnr_{here}": cycle["psnr"]}
    return figures


def divided(size: int, factor: int) -> int:
    """Return the size of a shrunken picture.

    Raises:
        UsageError: It is no whole number.
    """
    if size % factor:
        raise UsageError(f"--image-size: received {size}, expected a multiple of --factor {factor}.")
    return size // factor


def enlarged(pictures: np.ndarray, shape: Shape) -> np.ndarray:
    """Enlarge uint8 pictures by bicubic interpolation."""
    from kerasarch.data.pair_sources import bicubic

    return np.stack([bicubic(picture, shape.area) for picture in pictures])


def compare(run: Run, kinds: dict[str, np.ndarray], targets: np.ndarray) -> dict[str, float]:
    """Put a table of PSNR and SSIM of several kinds of pictures into the report.

    Args:
        run: The run.
        kinds: uint8 pictures by name.
        targets: What they should be.

    Returns:
        ``<name>_psnr`` and ``<name>_ssim`` of each.
    """
    rows: list[dict[str, object]] = []
    figures: dict[str, float] = {}
    for name, pictures in kinds.items():
        found = agreement(pictures, targets)
        rows.append({"pictures": name, "PSNR (dB)": round(found["psnr"], 2), "SSIM": round(found["ssim"], 4)})
        figures |= {f"{name}_psnr": found["psnr"], f"{name}_ssim": found["ssim"]}
    run.table("agreement", rows, caption="Held-out pictures, held against the true ones")
    return figures
