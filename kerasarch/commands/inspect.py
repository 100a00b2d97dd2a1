"""``kerasarch inspect MODEL``: shapes, parameters, multiply-adds, memory and receptive fields, layer by layer."""

import dataclasses
from pathlib import Path
from typing import Any

import click

from kerasarch.commands import console
from kerasarch.commands.opening import open_model, read_size, start
from kerasarch.errors import ShapeError, UsageError
from kerasarch.typing import BACKENDS


@click.command(short_help="Show what each layer of a model is and costs")
@click.argument("model", metavar="MODEL|FILE")
@click.option(
    "--input", "size", metavar="HxWxC", help="Height, width and channels.  [default: what the model was built for]"
)
@click.option("--all", "every", is_flag=True, help="A row for each operation in the layers too.")
@click.option(
    "--figure",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Draw it into this PNG file too.",
)
@click.option("--backend", type=click.Choice(BACKENDS), metavar="NAME", help="jax, tensorflow or torch.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(model: str, size: str | None, every: bool, figure: Path | None, backend: str | None, as_json: bool) -> None:
    """Show what each layer of a model is and costs, for one picture.

    MODEL is a name that kerasarch models lists, such as resnet50; FILE a .keras file or a checkpoint. Nothing is
    computed. Where the size given does not fit a file's model, the message names the layer.

    Multiply-adds are those of convolutions, matrix products and attention. A unit's receptive field is the part of the
    picture that it depends on; "all" is the whole picture, as after a global average.
    """
    shape = read_size(size)
    if figure is not None and figure.suffix.lower() != ".png":
        raise UsageError(f"--figure: received {figure}, expected a file that ends in .png.")
    start(backend)
    from kerasarch.inspection import layer_costs

    try:
        cost = layer_costs(open_model(model, shape), shape, blocks=not every)
    except ShapeError as error:  # the size is the person's, or the file is
        raise UsageError(str(error)) from error
    if figure is not None:
        from kerasarch.runs.cost_plot import write_cost_plot

        write_cost_plot(cost, figure)
    if as_json:
        console.say_json(dataclasses.asdict(cost))
        return
    inputs = " and ".join(_size(shape) for shape in cost.inputs)
    console.say(f"{console.name(cost.name)}, input {inputs}")
    console.say()
    heads = ("layer", "output", "parameters", "mult-adds", "memory", "field", "stride")
    console.say(console.table(heads, [_row(row) for row in cost.layers], right=heads[2:], shrink="layer"))
    console.say()
    fixed = cost.parameters - cost.trainable
    console.say(f"  Parameters  {cost.parameters:,}" + (f", {fixed:,} of them not trained" if fixed else ""))
    least = "at least " if cost.unknown else ""
    console.say(f"  Mult-adds   {least}{_count(cost.multiply_adds)}")
    console.say(f"  Memory      {console.size(cost.activations)} for all outputs of one example, which training keeps")
    if cost.unknown:
        console.say(console.wrap(", ".join(cost.unknown), indent="              ", first="  Unknown     "))
    if figure is not None:
        console.say(f"  Figure      {figure}")


def _row(row: Any) -> tuple[str, ...]:
    field = row.receptive_field
    return (
        row.name,
        "" if row.output is None else _size(row.output),
        _count(row.parameters) if row.parameters else "",
        "?" if row.multiply_adds is None else _count(row.multiply_adds) if row.multiply_adds else "",
        console.size(row.activations),
        field if isinstance(field, str) else _equal(field),
        _equal(row.stride),
    )


def _size(shape: tuple[int | None, ...]) -> str:
    return "x".join("?" if size is None else str(size) for size in shape) or "1"


def _equal(values: tuple[float, ...] | None) -> str:
    """Write one number where both axes agree."""
    if values is None:
        return ""
    texts = [f"{value:g}" for value in values]
    return texts[0] if len(set(texts)) == 1 else "x".join(texts)


def _count(value: float) -> str:
    """Write a number with three digits: ``9.41 k``, ``118 M``, ``4.09 G``."""
    for unit in ("", "k", "M", "G", "T"):
        if value < 999.5 or unit == "T":
            break
        value /= 1000
    digits = f"{value:.0f}" if value >= 99.95 or not unit else f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"
    return f"{digits}{console.JOINED}{unit}" if unit else digits
