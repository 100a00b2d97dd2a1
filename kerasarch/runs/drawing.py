"""What the generative recipes share at their beginning and end: pictures to learn from, samplers, scores, figures."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from kerasarch.errors import DataError, UsageError
from kerasarch.recipe import Run
from kerasarch.training.generative_options import GenerativeOptions, TranslationOptions

Options = TypeVar("Options", bound=GenerativeOptions | TranslationOptions)

SMOKE_BATCH = 8
SMALL, USUAL = 16, 32
"""Pixels: of the bundled pictures, and of others unless asked for."""
LEARNABLE = 20
"""Pictures of a caption from which a classifier can learn it."""
LEAST_SCORED = 6
"""Pictures of a kind that the scores need."""
SHOWN_CAPTIONS = 10
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclasses.dataclass(frozen=True)
class Pictures:
    """What a generator learns from.

    Attributes:
        images: The pictures: a part to learn from, others that are kept from training.
        size: Height and width in pixels.
        channels: 1 or 3.
        options: What was asked for.
        seed: The run's.
        captions: What each class is called in words, where captions are learned from.
        trial: Whether all batches are of one size, the held-out ones too, so that less has to be compiled.
    """

    images: Any
    size: int
    channels: int
    options: GenerativeOptions
    seed: int
    captions: tuple[str, ...] | None = None
    trial: bool = False

    @property
    def train(self) -> Any:
        """The pictures to learn from."""
        return self.images.train

    @property
    def held_out(self) -> Any:
        """Pictures that were kept from training: the test part where there is one."""
        return self.images.test or self.images.validation

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.train.classes

    @property
    def judged(self) -> bool:
        """Whether a classifier can learn the classes: captions that hardly ever occur twice are none."""
        if self.captions is None:
            return len(self.classes) > 1
        counts = np.bincount(self.train.labels, minlength=len(self.classes))
        return len(counts) > 1 and int(counts.min()) >= LEARNABLE

    def asked_classes(self, conditional: bool) -> int | None:
        """Return how many classes a generator learns to be asked for, None for none.

        Args:
            conditional: Whether it learns from the labels.

        Raises:
            UsageError: It should, and there are no classes.
        """
        if conditional and len(self.classes) < 2:
            raise UsageError(
                f"--data: {self.images.name} has no classes that could be asked for. Put the pictures of each class "
                "into a folder named after it, or learn without labels."
            )
        return len(self.classes) if conditional else None

    @property
    def shown(self) -> tuple[str, ...]:
        """Captions, or names of classes, that the report draws pictures of."""
        if self.captions is None:
            return self.classes
        if self.judged:
            return self.captions
        return tuple(dict.fromkeys(self.captions[label] for label in self.held_out.labels))[:SHOWN_CAPTIONS]

    def batches(self, *, times: int = 1, pixels: tuple[float, float] = (-1.0, 1.0)) -> Any:
        """Return whole batches to train on, from -1 (black) to 1 (white), with their labels.

        Args:
            times: How many times as many pictures as the options say are a batch, which can be divided by it. Fewer
                pictures where there are not as many.
            pixels: What black and white become.

        Raises:
            DataError: There are not even that many pictures.
        """
        from kerasarch.data import batches

        wanted = min(self.options.batch * times, len(self.train) // times * times)
        if not wanted:
            raise DataError(
                f"{self.images.name} has {len(self.train)} pictures to learn from. Expected {times} or more: as many "
                "steps are taken with parts of one batch."
            )
        return batches(
            self.train, batch=wanted, size=(self.size, self.size), channels=self.channels, seed=self.seed,
            drop_remainder=True, workers=self.options.workers, pixels=pixels,
        )  # fmt: skip

    def held_out_batches(self, *, pixels: tuple[float, float] = (-1.0, 1.0)) -> Any:
        """Return batches of the held-out pictures, in the order of their source.

        Args:
            pixels: What black and white become.
        """
        from kerasarch.data import batches

        return batches(
            self.held_out, batch=min(self.options.batch, len(self.held_out)), size=(self.size, self.size),
            channels=self.channels, shuffle=False, workers=self.options.workers, pixels=pixels,
            drop_remainder=self.trial,
        )  # fmt: skip

    def judge(self, run: Run) -> Any:
        """Return the classifier that scores pictures of this data; see `kerasarch.runs.generative.train_judge`."""
        from kerasarch.runs.generative import pictures_of, train_judge

        rest = [part for part in (self.images.validation, self.images.test) if part is not None]
        shape = (self.size, self.size, self.channels)
        return train_judge(run, pictures_of([self.train], shape), pictures_of(rest, shape))

    def known(self, held_out: bool = False) -> Any:
        """Return pictures in memory, in the generator's size: those learned from, or those held out."""
        from kerasarch.runs.generative import pictures_of

        return pictures_of([self.held_out if held_out else self.train], (self.size, self.size, self.channels))


def load_pictures(run: Run, options: GenerativeOptions, *, captions: bool = False) -> Pictures:
    """Load the pictures that the options name and hold some out; a quick trial has small batches of small pictures.

    Args:
        run: The run.
        options: The options.
        captions: Learn from captions: those of a folder that has some, else the names of the classes.

    Raises:
        UsageError: The data are neither a known name nor a file or folder.
        DataError: They are missing or damaged.
    """
    from kerasarch.data import load_images
    from kerasarch.data.captions import has_captions, split_captioned
    from kerasarch.data.folder import has_classes
    from kerasarch.data.load import BUNDLED

    part: dict[str, Any] = {"seed": run.seed, "validation": options.held_out, "strict": options.strict}
    folder = Path(options.data).expanduser()
    captioned = captions and folder.is_dir() and has_captions(options.data)
    if captioned:
        images = split_captioned(options.data, **part)
    elif folder.is_dir() and not has_classes(folder):
        images = without_classes(run, options)
    else:
        images = load_images(options.data, **part, offline=run.offline)
    _check_counts(images)
    size = options.image_size or (SMALL if options.data in BUNDLED else USUAL) // (2 if run.smoke else 1)
    channels = options.channels or (1 if images.train.image(0).shape[-1] == 1 else 3)
    texts = images.classes if captioned else in_words(options.data, images.classes)
    options = within_a_trial(run, options)
    return Pictures(images, size, channels, options, run.seed, texts if captions else None, run.smoke)


def without_classes(run: Run, options: GenerativeOptions) -> Any:
    """Load the pictures of a folder without class folders, as one class.

    Args:
        run: The run.
        options: The options.

    Raises:
        DataError: There are none.
    """
    from kerasarch.data import ImageSplits, read_pictures

    train, rest = read_pictures(options.data, seed=run.seed, held_out=options.held_out, strict=options.strict)
    return ImageSplits(Path(options.data).expanduser().resolve().name, train.classes, train, rest)


def _check_counts(images: Any) -> None:
    """Refuse at the start what the scores at the end would fail on."""
    for part, source in (("to learn from", images.train), ("to hold out", images.test or images.validation)):
        if len(source) < LEAST_SCORED:
            raise DataError(
                f"{images.name}: {len(source)} pictures {part}. Expected {LEAST_SCORED} or more; add pictures, or "
                "change --held-out."
            )


def within_a_trial(run: Run, options: Options) -> Options:
    """Return the options with small batches if the run is a quick trial: it compiles without optimising, which is slow.

    Args:
        run: The run.
        options: Those of a recipe, with ``batch`` among them.
    """
    return dataclasses.replace(options, batch=min(options.batch, SMOKE_BATCH)) if run.smoke else options


def in_words(data: str, classes: Sequence[str]) -> tuple[str, ...]:
    """Make a caption of each class's name."""
    if data == "digits":
        return tuple(f"a handwritten {DIGITS[int(name)]}" for name in classes)
    return tuple(name.replace("_", " ").replace("-", " ").strip() for name in classes)


def compare_without_judge(run: Run, sampler: Any, pictures: Pictures, inception: Any) -> dict[str, Any]:
    """Score pictures whose classes or captions no classifier can learn: on Inception's features, if these are there.

    Args:
        run: The run.
        sampler: A `kerasarch.models.Sampler`.
        pictures: What it learned from.
        inception: `kerasarch.training.inception_features(...)`, or None.

    Returns:
        ``inception_frechet_distance``, None without Inception; ``frechet_distance`` and ``classes_covered``, None.
    """
    from kerasarch import metrics

    distance = None
    if inception is None:
        why = "the pictures have no classes" if pictures.captions is None else "too few pictures of each caption"
        run.say(f"no scores: {why} for a classifier to learn; --inception gives distances")
    else:
        known = pictures.known().images
        drawn = sampler.sample(pictures.options.score_count or len(known), run.seed)
        distance = metrics.frechet_distance(inception(known), inception(drawn))
    return {"frechet_distance": None, "classes_covered": None, "inception_frechet_distance": distance}


def asked_inception(run: Run, asked: str | None) -> Any:
    """Return what describes pictures by Inception's features, or None.

    Args:
        run: The run; a quick trial asks Inception only where its weights are named.
        asked: ``"auto"``, ``"imagenet"``, a file, or None.

    Raises:
        DependencyError: The weights cannot be had.
        WeightsError: The file does not fit.
    """
    from kerasarch.training.inception_features import cached_inception, inception_features

    if asked is None or (asked == "auto" and (run.smoke or cached_inception() is None)):
        return None
    return inception_features(None if asked in ("auto", "imagenet") else asked, offline=run.offline)


def finish_generator(
    run: Run,
    sampler: Any,
    pictures: Pictures,
    untrained: np.ndarray,
    *,
    truncations: tuple[float, ...] = (),
    judge: Any = None,
) -> dict[str, Any]:
    """Save the sampler, show what it draws, and score it.

    Args:
        run: The run.
        sampler: A `kerasarch.models.Sampler`.
        pictures: What it learned from.
        untrained: Pictures that it drew before training, for comparison.
        truncations: Below 1: further grids of samples with these truncations.
        judge: The classifier that scores, where the recipe has it already.

    Returns:
        The scores, as `kerasarch.runs.generative.evaluate_generator` gives them.
    """
    from kerasarch.runs.generative import evaluate_generator
    from kerasarch.runs.generative_figures import show_interpolations, show_samples

    run.save(sampler)
    show_samples(run, sampler)
    for truncation in truncations:
        show_samples(run, sampler, truncation=truncation)
    if hasattr(sampler, "interpolate"):
        show_interpolations(run, sampler)
    inception = asked_inception(run, pictures.options.inception)
    if not pictures.judged:
        return compare_without_judge(run, sampler, pictures, inception)
    return evaluate_generator(
        run, sampler, pictures.images, untrained=untrained,
        count=None if run.smoke else pictures.options.score_count, inception=inception, judge=judge,
    )  # fmt: skip
