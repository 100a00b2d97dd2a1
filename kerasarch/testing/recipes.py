"""Checks of a recipe: what its source declares, and how its runs end on each backend. Imports no Keras."""

import dataclasses
import functools
import inspect
import math
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kerasarch.recipe import Recipe, meets
from kerasarch.registry import entries, load_recipe
from kerasarch.runs.folder import RunFolder, list_runs
from kerasarch.testing.findings import Check, ConformanceError, Finding, NotApplicable, Violation, failed
from kerasarch.testing.processes import Report, environment

SMOKE_SECONDS = 60
SUMMARY_COLUMNS = 80
MEASURED = re.compile(r"second|time|speed|throughput|memory|byte|_mib|_mb$")
"""Names of results that depend on the machine; they may differ between two runs of one seed."""


@dataclasses.dataclass
class Trial:
    """A recipe on one backend, with a folder for its runs.

    Args:
        name: What ``kerasarch run`` takes: a name or a file.
        recipe: The recipe.
        backend: The backend, or None for the one that the environment chooses.
        folder: Where the runs go.
        arguments: Further words for the command line, such as ``("--epochs", "1")``.
    """

    name: str
    recipe: Recipe
    backend: str | None
    folder: Path
    arguments: Sequence[str] = ()

    def command(self, *words: str, out: str) -> list[str]:
        """Return the command line of a run."""
        backend = ["--backend", self.backend] if self.backend else []
        return [
            *_PROGRAM,
            "run",
            self.name,
            *backend,
            "--seed",
            "0",
            "--out",
            str(self.folder / out),
            *words,
            *self.arguments,
        ]

    def run(self, *words: str, out: str) -> tuple[RunFolder, float]:
        """Run the recipe to its end.

        Args:
            words: Options of the runner.
            out: Name of the folder for this run.

        Returns:
            The run's folder and how many seconds the process took.

        Raises:
            Violation: It did not end with exit code 0, or left no folder.
        """
        start = time.perf_counter()
        _demand_success(self.command(*words, out=out), environment(self.backend))
        return self.only_run(out), time.perf_counter() - start

    def only_run(self, out: str) -> RunFolder:
        """Return the one run in a folder of runs.

        Raises:
            Violation: There is none, or several.
        """
        runs = list_runs(self.folder / out)
        if len(runs) != 1:
            raise Violation(f"{len(runs)} run folders were left, expected 1.")
        return runs[0]

    @functools.cached_property
    def smoke(self) -> tuple[RunFolder, float]:
        """The first trial run, made once."""
        return self.run("--smoke", out="smoke")


def summary(recipe: Recipe) -> str:
    """The docstring's first line fits a line of ``kerasarch list``."""
    if not recipe.summary:
        raise Violation("the recipe's function has no docstring.")
    if len(recipe.summary) > SUMMARY_COLUMNS:
        raise Violation(f"the docstring's first line has {len(recipe.summary)} columns, expected <= {SUMMARY_COLUMNS}.")
    return f"{len(recipe.summary)} columns"


def texts(recipe: Recipe) -> str:
    """Every option has a text under ``Args:``."""
    bare = [option.flag for option in recipe.options.values() if not option.text]
    if bare:
        raise Violation(f"without text: {', '.join(bare)}.")
    return f"{len(recipe.options)} options"


def defaults(recipe: Recipe) -> None:
    """Every option has a default (that it accepts its own is asked when the recipe is loaded)."""
    for option in recipe.options.values():
        if option.required:
            raise Violation(f"{option.flag} has no default, so the recipe does not run from its name alone.")


def expectations(recipe: Recipe) -> str:
    """Every expectation is a comparison with a number."""
    if not recipe.expect:
        raise NotApplicable("it declares no expected figures")
    for text in recipe.expect.values():
        meets(0.0, text)
    return ", ".join(f"{name} {text}" for name, text in recipe.expect.items())


def check_only(trial: Trial) -> str:
    """``--check`` ends with success and trains nothing."""
    run, seconds = trial.run("--check", out="check")
    if run.status != "checked":
        raise Violation(f"the run's status is {run.status}, expected checked: run.fit or run.ready() was not reached.")
    return f"{seconds:.0f} s"


def smoke_run(trial: Trial) -> str:
    """``--smoke`` ends with success in a minute and leaves a whole run folder."""
    run, seconds = trial.smoke
    if run.status != "finished":
        raise Violation(f"the run's status is {run.status}, expected finished.")
    absent = [part for part in ("config.json", "result.json", "recipe.py") if not (run.path / part).is_file()]
    if absent:
        raise Violation(f"the run folder lacks {', '.join(absent)}.")
    if seconds > SMOKE_SECONDS:
        raise Violation(f"it took {seconds:.0f} s, expected <= {SMOKE_SECONDS} s.")
    return f"{seconds:.0f} s"


def result(trial: Trial) -> str:
    """The result holds every expected figure, and its numbers are finite."""
    found = figures(trial.smoke[0])
    missing = [name for name in trial.recipe.expect if name not in found]
    if missing:
        raise Violation(f"the result has {', '.join(found) or 'no numbers'}; expected also {', '.join(missing)}.")
    wild = [f"{name}={number}" for name, number in found.items() if not math.isfinite(number)]
    if wild:
        raise Violation(f"not finite: {', '.join(wild)}.")
    return ", ".join(found)


def repetition(trial: Trial) -> str:
    """The same seed gives the same numbers."""
    first = figures(trial.smoke[0])
    return _demand_equal(figures(trial.run("--smoke", out="again")[0]), first, "a second run with the same seed")


def resumption(trial: Trial) -> str:
    """After SIGTERM and ``kerasarch resume`` the result is that of the uninterrupted run."""
    expected = figures(trial.smoke[0])
    process = subprocess.Popen(
        trial.command("--smoke", out="stopped"),
        env=environment(trial.backend),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while process.poll() is None and not any(
            file.stat().st_size for file in (trial.folder / "stopped").rglob("metrics.jsonl")
        ):
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        code = process.wait(SMOKE_SECONDS)
    finally:
        process.kill()
    run = trial.only_run("stopped")
    if code == 0 and run.status == "finished":
        raise NotApplicable("the run ended before the signal reached it")
    if code != 128 + signal.SIGTERM or run.status != "interrupted":
        raise Violation(f"SIGTERM gave exit code {code} and status {run.status}, expected 143 and interrupted.")
    _demand_success([*_PROGRAM, "resume", str(run.path)], environment(trial.backend))
    return _demand_equal(figures(trial.only_run("stopped")), expected, "the resumed run")


DECLARATION = (
    Check("summary", f"Give the function a docstring whose first line has at most {SUMMARY_COLUMNS} columns.", summary),
    Check("option texts", "Describe each option under Args: in the function's docstring.", texts),
    Check("defaults", "Give each option a default; data may default to a bundled name such as digits.", defaults),
    Check("expectations", "Write expected figures as {'accuracy': '>=0.9'}.", expectations),
)
RUNS = (
    Check("--check", "Reach run.fit or run.ready() as soon as data and models are there.", check_only),
    Check("--smoke", "Train through run.fit, or ask run.max_steps; keep the default data small.", smoke_run),
    Check("result", "Return every expected figure, as plain finite numbers.", result),
    Check("same seed", "Derive everything random from run.seed: splits, batches, layers with seeds.", repetition),
)
THOROUGH = (Check("resume", "Train through run.fit, or write run.checkpoint and read run.restore.", resumption),)


def check_recipe(
    recipe: str | Callable[..., Any],
    *,
    backend: str | None = None,
    arguments: Sequence[str] = (),
    thorough: bool = False,
) -> list[Finding]:
    """Check a recipe with the command line, in processes of their own.

    Args:
        recipe: The recipe's name, its file (``./my.py``), or its function.
        backend: Where to run it; by default where Keras would run here (``KERAS_BACKEND``).
        arguments: Further words for its command line, such as ``("--epochs", "1")``.
        thorough: Also stop a run with SIGTERM and resume it.

    Returns:
        What was found, all passed or skipped.

    Raises:
        ConformanceError: A check failed; its text is the report.
        UsageError: There is no such recipe.
        PluginError: It cannot be loaded.
    """
    backend = backend or os.environ.get("KERAS_BACKEND")
    findings = examine(recipe if isinstance(recipe, str) else _name_of(recipe), [backend], arguments, thorough)
    if failed(findings):
        raise ConformanceError(findings)
    return findings


def examine(
    name: str,
    backends: Sequence[str | None],
    arguments: Sequence[str] = (),
    thorough: bool = False,
    report: Report = lambda findings: None,
) -> list[Finding]:
    """Check a recipe's declaration once and its runs on each backend; return what was found, failures too.

    Args:
        name: Name or file.
        backends: Where to run it; None for the one that the environment chooses.
        arguments: Further words for its command line.
        thorough: Also stop a run with SIGTERM and resume it.
        report: Called with the findings of each backend as they come.
    """
    recipe = load_recipe(name)
    findings = [_module_without_keras(name)]
    findings += [check.examine(recipe, title=name, backend="") for check in DECLARATION]
    report(findings)
    for backend in backends:
        with tempfile.TemporaryDirectory() as folder:
            trial = Trial(name, recipe, backend, Path(folder), arguments)
            found = [
                check.examine(trial, title=name, backend=backend or "default backend")
                for check in (*RUNS, *(THOROUGH if thorough else ()))
            ]
        report(found)
        findings += found
    return findings


def figures(run: RunFolder) -> dict[str, float]:
    """Return the numbers of a run's result."""
    found: Mapping[str, Any] = run.result.get("result", {})
    return {name: float(value) for name, value in found.items() if isinstance(value, (int, float))}


def _module_without_keras(name: str) -> Finding:
    """Load the recipe in a fresh process: here Keras may be imported already, which hides its import."""

    def load(name: str) -> None:
        _demand_success([sys.executable, "-c", _LOAD, name], dict(os.environ))

    remedy = "Move imports of Keras, and of modules that import it, into the recipe's function."
    return Check("no Keras at module level", remedy, load).examine(name, title=name, backend="")


def _demand_success(command: Sequence[str], environment: Mapping[str, str]) -> None:
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        said = [line.strip() for line in (ended.stderr or ended.stdout).splitlines() if line.strip()]
        last = next((line for line in reversed(said) if "Error" in line), said[-1] if said else "it said nothing")
        raise Violation(f"exit code {ended.returncode}, expected 0. {last}")


def _demand_equal(received: Mapping[str, float], expected: Mapping[str, float], what: str) -> str:
    same = [name for name in expected if not MEASURED.search(name)]
    for name in same:
        if received.get(name) != expected[name]:
            raise Violation(f"{what} gives {name}={received.get(name)}, the first one {expected[name]}.")
    return ", ".join(same) or "no figures to compare"


def _name_of(function: Callable[..., Any]) -> str:
    value = f"{function.__module__}:{function.__qualname__}"
    for entry in entries("recipes"):
        if entry.value == value:
            return entry.qualified
    return f"{inspect.getsourcefile(function)}:{function.__name__}"


_PROGRAM = (sys.executable, "-m", "kerasarch")
_LOAD = "import sys; from kerasarch.registry import load_recipe; load_recipe(sys.argv[1])"
