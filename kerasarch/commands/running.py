"""What ``run`` and ``resume`` share: they start the work and say how it went."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from kerasarch.commands import console
from kerasarch.errors import UsageError
from kerasarch.recipe import Recipe
from kerasarch.typing import BACKENDS


def start(
    ctx: click.Context,
    name: str,
    recipe: Recipe,
    values: Mapping[str, Any],
    origins: Mapping[str, str],
    runner: Mapping[str, Any],
) -> int:
    """Run a recipe, once or several times, and print the result.

    Args:
        ctx: The context of the command.
        name: What the recipe was called on the command line.
        recipe: The recipe.
        values: What was given for its options.
        origins: Where each of these values came from.
        runner: The values of the runner's own options.

    Returns:
        The exit code.
    """
    from kerasarch.runs.execute import Request, execute

    several = runner["backend"] == "all"
    request = Request(
        recipe=recipe,
        name=name,
        values=dict(values),
        origins=dict(origins),
        backend=None if several else runner["backend"],
        seed=runner["seed"],
        out=runner["out"],
        smoke=runner["smoke"],
        check=runner["check"],
        offline=runner["offline"],
        devices=runner["devices"],
        tensorboard=runner["tensorboard"],
        argv=list(sys.argv),
        traceback=ctx.find_root().obj["traceback"],
    )
    if several:
        from kerasarch.runs.several import run_backends

        return _say_several("backend", run_backends(request, BACKENDS), runner["as_json"])
    if runner["seeds"]:
        from kerasarch.runs.several import run_seeds

        return _say_several("seed", run_seeds(request, runner["seeds"]), runner["as_json"])
    return say_outcome(execute(request), runner["as_json"])


def say_outcome(outcome: Any, as_json: bool) -> int:
    """Print how a run went and return its exit code."""
    if as_json:
        console.say_json(
            {
                "status": outcome.status,
                "exit_code": outcome.exit_code,
                "folder": str(outcome.folder),
                "result": outcome.result,
                "expected": {
                    metric: {"expected": expected, "observed": observed, "met": met}
                    for metric, (expected, observed, met) in outcome.verdicts.items()
                },
                "error": outcome.error,
            }
        )
    return outcome.exit_code
