"""``kerasarch explain RUN|MODEL PICTURE...``: pictures of what a classifier looks at."""

from pathlib import Path
from typing import Any

import click

from kerasarch.commands import console
from kerasarch.commands.opening import open_file, open_model, start
from kerasarch.commands.run_argument import RunName, model_options
from kerasarch.commands.sample import model_of, read_labels
from kerasarch.errors import UsageError
from kerasarch.runs.folder import RUN, RunFolder, find


@click.command(short_help="Draw what a classifier looks at in pictures")
@click.argument("model", metavar="RUN|MODEL", type=RunName())
@click.argument("pictures", metavar="PICTURE...", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option(
    "--method",
    "methods",
    type=click.Choice(("grad-cam", "attention", "occlusion", "features")),
    multiple=True,
    help="May be repeated.  [default: what suits the model]",
)
@click.option("--label", metavar="CLASS", help="Class to explain, by name or number.  [default: the most probable]")
@click.option("--layer", metavar="NAME", help="Layer to look at.  [default: the last maps; for features several]")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("explained"),
    show_default=True,
    help="Folder for a PNG file a picture.",
)
@model_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON: what was written.")
def command(
    model: str,
    pictures: tuple[Path, ...],
    methods: tuple[str, ...],
    label: str | None,
    layer: str | None,
    out: Path,
    backend: str | None,
    runs: Path,
    as_json: bool,
) -> None:
    """Draw what a classifier looks at in pictures, into one PNG file a picture.

    The first argument is a run of classification (its folder, its short id, latest, or RECIPE/latest), a .keras file, a
    checkpoint such as hf:microsoft/resnet-18, or a name that kerasarch models lists, which has fresh weights.

    grad-cam shows the places whose maps speak for the class (Selvaraju et al., 2017), attention the patches that a
    vision transformer's answer is made of (Abnar and Zuidema, 2020) and those that each head of the last block looks
    at, occlusion where covering lowers the probability (Zeiler and Fergus, 2013), features the strongest maps of some
    layers. --label is for grad-cam and occlusion, --layer for grad-cam and features.
    """
    folder = _run_of(model, runs)
    path = model_of(folder) if folder is not None else None
    start(backend or (folder.run.get("backend") if folder is not None else None))
    from kerasarch.runs.classifier import classifier_of, read_pictures
    from kerasarch.runs.explanations import check_used, explain, methods_for, write_sheet

    classifier = classifier_of(open_file(path) if path is not None else open_model(model), folder)
    chosen = read_labels(label, classifier.classes)
    if chosen is not None and len(chosen) != 1:
        raise UsageError(f"--label: received {label!r}, expected one class.")
    wanted = methods or methods_for(classifier)
    check_used(wanted, label, layer)
    written: list[dict[str, Any]] = []
    for file, raw in read_pictures(pictures, skipped=lambda why: console.note(f"Left out: {why}")):
        image = classifier.prepared(raw)
        chances = classifier.probabilities(image[None])[0]
        place = int(chances.argmax()) if chosen is None else chosen[0]
        name, chance = classifier.classes[place], float(chances[place])
        answers = [explain(classifier, image, method, place, layer) for method in wanted]
        target = out / f"{file.stem}.png"
        number = 1
        while str(target) in [row["figure"] for row in written]:
            number += 1
            target = out / f"{file.stem}-{number}.png"
        write_sheet(target, image, f"{name} {chance:.0%}", answers)
        written.append(
            {"file": str(file), "class": name, "probability": chance, "methods": list(wanted), "figure": str(target)}
        )
    if as_json:
        console.say_json(written)
        return
    rows = [(row["file"], row["class"], f"{row['probability']:.1%}", row["figure"]) for row in written]
    heads = ("picture", "class", "probability", "figure")
    console.say(console.table(heads, rows, right=("probability",), shrink="picture", keep_end=True))


def _run_of(text: str, runs: Path) -> RunFolder | None:
    """Return the run that is meant, or None where a file or a name is."""
    path = Path(text).expanduser()
    weights = path.is_dir() and not (path / RUN).is_file()
    if path.is_file() or weights or text.startswith(("hf:", "timm:", "keras:")) or _is_name(text):
        return None
    try:
        return find(text, runs)
    except UsageError as error:
        raise UsageError(f"{error} A model's name or file would do too. See: kerasarch models") from error


def _is_name(text: str) -> bool:
    """Whether ``kerasarch models`` lists a name."""
    from kerasarch.registry import names

    known = names("models")
    return text in known or any(text in entry.summary.variants for entry in known.values())
