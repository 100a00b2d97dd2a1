"""``kerasarch sample RUN``: pictures from the model of a generative run, on any backend."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from kerasarch.commands import console
from kerasarch.commands.opening import open_file, start
from kerasarch.commands.run_argument import RunName, model_options
from kerasarch.errors import UsageError
from kerasarch.runs.folder import MODEL, RunFolder, find

GRID_CELL = 64
"""Pixels that a picture in the grid measures at least, so that small ones can be looked at."""


@click.command(short_help="Draw pictures from the model of a generative run")
@click.argument("run", metavar="RUN", type=RunName())
@click.option("--n", "count", type=int, default=64, show_default=True, help="Pictures to draw.")
@click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same pictures.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("samples.png"),
    show_default=True,
    help="PNG file with all pictures side by side.",
)
@click.option("--labels", metavar="A,B,...", help="Classes to draw in turn, by number or name. [default: all]")
@click.option("--truncation", type=float, default=1.0, help="Above 0, at most 1: less is less varied. [default: 1]")
@click.option(
    "--prompt",
    "prompts",
    metavar="TEXT",
    multiple=True,
    help="Caption to draw, for a run that learned from captions; may be repeated.",
)
@click.option("--guidance", type=float, metavar="NUMBER", help="Weight of the class, for a diffusion run; 1 is none.")
@click.option("--steps", type=int, metavar="N", help="Questions to the network a picture, for a diffusion run.")
@click.option(
    "--separate",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Write each picture into this folder too, in its own size.",
)
@click.option(
    "--input",
    "source",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Picture, or folder of pictures, for a run that translates pictures. [default: held-out ones of the run]",
)
@click.option("--reverse", is_flag=True, help="Translate from the second domain to the first.")
@model_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON: what was written.")
def command(
    run: str,
    count: int,
    seed: int,
    out: Path,
    labels: str | None,
    truncation: float,
    prompts: tuple[str, ...],
    guidance: float | None,
    steps: int | None,
    separate: Path | None,
    source: Path | None,
    reverse: bool,
    backend: str | None,
    runs: Path,
    as_json: bool,
) -> None:
    """Draw pictures from the model that a generative run saved.

    RUN is the path of a run's folder, its short id or the beginning of it, `latest`, or `RECIPE/latest`.
    """
    if count < 1:
        raise UsageError(f"--n: received {count}, expected a whole number from 1 on.")
    if seed < 0:
        raise UsageError(f"--seed: received {seed}, expected a whole number from 0 on.")
    if not 0 < truncation <= 1:
        raise UsageError(f"--truncation: received {truncation:g}, expected a number above 0 and at most 1.")
    if steps is not None and steps < 1:
        raise UsageError(f"--steps: received {steps}, expected a whole number from 1 on.")
    if guidance is not None and guidance < 0:
        raise UsageError(f"--guidance: received {guidance:g}, expected a number from 0 on.")
    if out.suffix.lower() != ".png":
        raise UsageError(f"--out: received {out}, expected a file that ends in .png.")
    folder = find(run, runs)
    path = model_of(folder)
    given = read_pictures(source) if source is not None else None
    model = load_sampler(path, folder, backend)
    if given is None:
        given = kept_inputs(folder, reverse)
    diffusion = {name: value for name, value in (("guidance", guidance), ("steps", steps)) if value is not None}
    images = draw(model, count, seed, labels, truncation, given, reverse, diffusion, prompts)

    from kerasarch.runs.pictures import enlarged, tile, write_picture

    write_picture(out, tile([enlarged(image, GRID_CELL) for image in images]))
    files = []
    if separate is not None:
        wide = max(len(str(len(images) - 1)), 4)
        files = [separate / f"{number:0{wide}d}.png" for number in range(len(images))]
        for file, image in zip(files, images, strict=True):
            write_picture(file, image)
    if as_json:
        console.say_json({"grid": str(out), "pictures": [str(file) for file in files], "count": len(images)})
        return
    console.say(f"{len(images)} pictures of {folder.recipe} {folder.id}: {out}")
    if separate is not None:
        console.say(f"One by one: {separate}")


def model_of(folder: RunFolder) -> Path:
    """Return the file of a run's model.

    Raises:
        UsageError: There is none.
    """
    path = folder.path / MODEL
    if path.is_file():
        return path
    status = folder.status
    if status in ("interrupted", "died", "failed"):
        raise UsageError(
            f"run {folder.id} is {status} and has no {MODEL} yet. Go on with it: kerasarch resume {folder.path}"
        )
    if status in ("running", "created"):
        raise UsageError(f"run {folder.id} is still going on and has no {MODEL} yet. Wait for its end.")
    raise UsageError(f"run {folder.id} of {folder.recipe} ({status}) has no {MODEL}: nothing can be drawn from it.")


def load_sampler(path: Path, folder: RunFolder, backend: str | None) -> Any:
    """Choose the backend, import Keras and open a run's model.

    Raises:
        UsageError: The run is not a generative one.
        WeightsError: The file is damaged, or its classes are not to be found.
        BackendError: The backend is not there.
    """
    start(backend or folder.run.get("backend"))
    from kerasarch import models

    model = open_file(path)
    if not isinstance(model, models.Sampler):
        raise UsageError(
            f"run {folder.id} of {folder.recipe} is no generative run: its {MODEL} is a {type(model).__name__}, which "
            f"draws no pictures. See what it found: kerasarch runs show {folder.id}"
        )
    return model


def draw(
    model: Any,
    count: int,
    seed: int,
    labels: str | None,
    truncation: float,
    given: Sequence[Any] | None,
    reverse: bool,
    diffusion: Mapping[str, Any],
    prompts: Sequence[str] = (),
) -> list[Any]:
    """Draw or translate pictures.

    Raises:
        UsageError: An option does not fit the model.
    """
    from kerasarch.generation import CaptionSampler, DiffusionSampler
    from kerasarch.models import Translator

    if prompts and not isinstance(model, CaptionSampler):
        raise UsageError("--prompt is for runs that learned from captions; this one did not. See --labels.")
    if prompts and labels is not None:
        raise UsageError("--prompt and --labels exclude each other: give captions, or names of those it shows.")

    if diffusion and not isinstance(model, DiffusionSampler):
        raise UsageError(f"--{next(iter(diffusion))} is for diffusion runs, which draw in steps; this one does not.")
    if isinstance(model, Translator):
        if reverse and model.backward is None:
            raise UsageError("--reverse: this run knows one direction only. Leave it out.")
        if given is None:
            raise UsageError("this run translates pictures, and kept none: give some to begin with, --input PATH.")
        if labels is not None or truncation != 1:
            raise UsageError("--labels and --truncation do not apply to a run that translates pictures.")
        return list(model.translate(given[:count], seed=seed, reverse=reverse))
    if given is not None or reverse:
        raise UsageError("--input and --reverse are for runs that translate pictures; this one draws them from noise.")
    chosen = read_labels(labels, model.class_names)
    if not diffusion and not prompts:
        return list(model.sample(count, seed, chosen, truncation))
    if truncation != 1:
        raise UsageError("--truncation does not apply to diffusion runs; --guidance makes pictures more typical.")
    plan = model.plan(steps=diffusion.get("steps"))
    how = {"plan": plan, "guidance": diffusion.get("guidance"), **({"captions": prompts} if prompts else {})}
    return list(model.draw(count, seed, chosen, **how))


def read_labels(text: str | None, names: Sequence[str] | None) -> list[int] | None:
    """Read ``--labels``: numbers or names of classes, separated by commas.

    Raises:
        UsageError: The model has no classes, or not these.
    """
    if text is None:
        return None
    if names is None:
        raise UsageError("--labels: this run's model was trained without labels and cannot be asked for a class.")
    found = []
    for word in (word.strip() for word in text.split(",")):
        if word in names:
            found.append(list(names).index(word))
        elif word.isdecimal() and int(word) < len(names):
            found.append(int(word))
        else:
            shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
            raise UsageError(
                f"--labels: received {word!r}, expected numbers from 0 to {len(names) - 1} or names: {shown}."
            )
    return found


def kept_inputs(folder: RunFolder, reverse: bool) -> list[Any] | None:
    """Return the held-out pictures that a run which translates pictures kept for this, or None.

    Args:
        folder: The run's.
        reverse: Those of the second domain.
    """
    import numpy as np

    from kerasarch.runs.translation_scores import BACKWARD, FORWARD, INPUTS

    path = folder.path / INPUTS
    if not path.is_file():
        return None
    with np.load(path) as kept:
        name = BACKWARD if reverse else FORWARD
        return list(kept[name]) if name in kept else None


def read_pictures(source: Path) -> list[Any]:
    """Read a picture, or those of a folder in the order of their names.

    Raises:
        UsageError: There is nothing there.
        DataError: A file is no picture.
    """
    from kerasarch.data.decode import decode

    source = source.expanduser()
    if source.is_file():
        return [decode(source)]
    if not source.is_dir():
        raise UsageError(f"--input: there is no file or folder {source}.")
    files = sorted(path for path in source.iterdir() if path.is_file() and not path.name.startswith("."))
    if not files:
        raise UsageError(f"--input: the folder {source} holds no files.")
    return [decode(path) for path in files]
