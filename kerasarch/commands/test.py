"""``kerasarch test NAME``: the conformance kit, over the installed backends."""

import dataclasses
import json
from collections.abc import Sequence

import click

from kerasarch.errors import UsageError
from kerasarch.options import did_you_mean
from kerasarch.registry import KINDS, Kind, entries, find, names
from kerasarch.testing import findings as told
from kerasarch.testing import processes, recipes
from kerasarch.typing import BACKENDS


@click.command(
    "test",
    short_help="Test a recipe, model or layer of a plugin on the backends",
    help=(
        "Run the conformance kit on a recipe, model or layer.\n\nNAME is what the entry point is called, or "
        "DISTRIBUTION:NAME, or a recipe's file such as ./my.py. Each backend gets processes of its own; the outputs of "
        "layers and models must agree between them. Exit code 1 when a check fails."
    ),
)
@click.argument("name")
@click.option(
    "--backend",
    type=click.Choice([*BACKENDS, "all"]),
    default="all",
    show_default=True,
    help="Where to test; all means those that are installed.",
)
@click.option("--kind", type=click.Choice(["recipe", "model", "layer"]), help="Needed where a name has several kinds.")
@click.option("--thorough", is_flag=True, help="Also stop a recipe's run with SIGTERM and resume it.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.pass_context
def command(ctx: click.Context, name: str, backend: str, kind: str | None, thorough: bool, as_json: bool) -> None:
    """Check one entry and tell what was found."""
    backends = processes.chosen(backend)

    def report(findings: Sequence[told.Finding]) -> None:
        if not as_json:
            for line in told.lines(findings):
                click.echo(_coloured(line))

    where = kind_of(name, kind)
    if where == "recipes":
        findings = recipes.examine(name, backends, thorough=thorough, report=report)
    else:
        findings = processes.check_definition(find(where, name), backends, report)
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(finding) for finding in findings], indent=2))
    else:
        click.echo(told.verdict(findings))
    ctx.exit(1 if told.failed(findings) else 0)


def kind_of(name: str, kind: str | None = None) -> Kind:
    """Tell whether a name is a recipe's, a model's or a layer's.

    Args:
        name: Name, ``distribution:name`` or file.
        kind: ``recipe``, ``model`` or ``layer``, where the user said so.

    Raises:
        UsageError: Nothing is called so, or things of several kinds are.
    """
    if name.endswith(".py") or ".py:" in name:
        return "recipes"
    if kind is not None:
        return next(known for known in KINDS if known == f"{kind}s")
    having = [known for known in KINDS if any(name in (entry.name, entry.qualified) for entry in entries(known))]
    if len(having) == 1:
        return having[0]
    if having:
        raise UsageError(f"{name} is a {' and a '.join(known[:-1] for known in having)}. Say which: --kind KIND")
    everything = [known_name for known in KINDS for known_name in names(known)]
    raise UsageError(
        f"no recipe, model or layer is called {name}.{did_you_mean(name, everything)} Is the plugin installed here? "
        "See: kerasarch doctor"
    )


def _coloured(line: str) -> str:
    if line.startswith(f"  {told.MARKS['failed']}"):
        return click.style(line, fg="red")
    return line if line.startswith(" ") else click.style(line, bold=True)
