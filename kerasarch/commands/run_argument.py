"""What the commands that read runs share: the argument RUN, the option ``--out``, and how a run is written down."""

import datetime
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from kerasarch.commands import console
from kerasarch.runs.folder import RunFolder, list_runs
from kerasarch.typing import BACKENDS

STYLES: dict[str, Callable[[str], str]] = {
    "finished": console.good,
    "checked": console.good,
    "failed": console.bad,
    "died": console.bad,
}


class RunName(click.ParamType):
    """A run: its folder's path, its short id or the beginning of it, ``latest``, or ``RECIPE/latest``."""

    name = "run"

    def shell_complete(self, ctx: click.Context, param: click.Parameter | None, incomplete: str) -> list[Any]:
        """Offer the runs below the folder that ``--out`` names."""
        from click.shell_completion import CompletionItem

        runs = list_runs(Path(ctx.params.get("out") or "runs"))
        offers = [("latest", "the newest run")] if runs else []
        offers += [(run.id, f"{run.recipe} {run.status}") for run in runs]
        return [CompletionItem(name, help=text) for name, text in offers if name.startswith(incomplete)]


def out_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option ``--out``."""
    return click.option(
        "--out",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path("runs"),
        show_default=True,
        help="Where runs are kept.",
    )(function)


def status(run: RunFolder) -> str:
    """Write a run's status, in colour on a terminal."""
    return STYLES.get(run.status, str)(run.status)


def age(created: str | None) -> str:
    """Write how long ago something was: ``5 min``, ``3 h``, ``12 d``."""
    if not created:
        return ""
    then = datetime.datetime.fromisoformat(created)
    now = datetime.datetime.now(then.tzinfo)
    passed = max(0.0, (now - then).total_seconds())
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if passed >= length:
            return f"{passed // length:.0f} {unit}"
    return f"{passed:.0f} s"


def headline(result: Mapping[str, Any]) -> str:
    """Write a result's first figure: ``accuracy 0.9132``."""
    for metric, value in result.items():
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return f"{metric} {console.number(value)}"
    return ""


def model_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options ``--backend`` and ``--runs`` of commands that open a run's model."""
    add_runs = click.option(
        "--runs",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path("runs"),
        show_default=True,
        help="Where runs are kept.",
    )
    add_backend = click.option(
        "--backend",
        type=click.Choice(BACKENDS),
        metavar="NAME",
        help="jax, tensorflow or torch. [default: the run's own]",
    )
    return add_backend(add_runs(function))
