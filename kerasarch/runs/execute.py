"""Running a recipe: the folder, the backend, the call, the verdict, and what is left behind whatever happens."""

import contextlib
import dataclasses
import os
import sys
import time
import traceback as tracebacks
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kerasarch.errors import KerasarchError, RunError, UsageError
from kerasarch.recipe import Recipe
from kerasarch.runs.active import MONITOR, ActiveRun
from kerasarch.runs.atomic import plain, write_json
from kerasarch.runs.environment import check_devices, choose_backend, compiled_programs, environment, set_backend
from kerasarch.runs.folder import ENVIRONMENT, RESULT, RunFolder, now, process
from kerasarch.runs.forwarding import logging_to, warnings_to
from kerasarch.runs.greeting import without_greeting
from kerasarch.runs.interruption import Checked, Interrupted


@dataclasses.dataclass(frozen=True)
class Request:
    """What is to be run.

    Args:
        recipe: The recipe.
        name: What the registry or the user calls it.
        values: Values for its options, as typed or as Python values.
        origins: Where each value came from, in words.
        backend: Keras backend, or None for whatever is there.
        seed: The seed that everything random descends from.
        out: Where runs are kept.
        smoke: A quick trial.
        check: End where training would begin.
        offline: Fetch nothing.
        devices: GPUs that may be seen, as ``CUDA_VISIBLE_DEVICES`` takes them; ``gpu`` for all, ``cpu`` for none; None
            for whatever there is.
        tensorboard: Write TensorBoard logs as well.
        monitor: Look at gradients and weights every so many steps; 0 for never.
        argv: The command.
        traceback: Let unexpected errors through instead of one line.
        quiet: Print nothing.
    """

    recipe: Recipe
    name: str
    values: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    origins: Mapping[str, str] = dataclasses.field(default_factory=dict)
    backend: str | None = None
    seed: int = 0
    out: Path = Path("runs")
    smoke: bool = False
    check: bool = False
    offline: bool = False
    devices: str | None = None
    tensorboard: bool = False
    monitor: int = MONITOR
    argv: list[str] = dataclasses.field(default_factory=list)
    traceback: bool = False
    quiet: bool = False

    @property
    def kind(self) -> str:
        """What is special about it, to be said behind its name."""
        return ", check only" if self.check else ", smoke" if self.smoke else ""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Args:
        folder: Its folder.
        status: finished, checked, interrupted or failed.
        exit_code: 0, 1, 2, 3, 4, 130 or 143.
        result: What the recipe returned.
        verdicts: For each expected figure: the expectation, the observed value, whether it holds.
        error: Why it failed, in one line.
    """

    folder: Path
    status: str
    exit_code: int
    result: dict[str, Any]
    verdicts: dict[str, tuple[str, Any, bool]]
    error: str | None = None


def run(
    recipe: str | Path | Callable[..., Any] | Recipe,
    *,
    backend: str | None = None,
    seed: int = 0,
    out: str | Path = "runs",
    smoke: bool = False,
    offline: bool = False,
    tensorboard: bool = False,
    monitor: int = MONITOR,
    quiet: bool = False,
    **options: Any,
) -> Outcome:
    """Run a recipe from Python: ``kerasarch.run("transfer-resnet", backend="jax", epochs=1)``.

    Args:
        recipe: A name, a Python file, or the decorated function itself.
        backend: Keras backend; it must be chosen before Keras is imported.
        seed: The seed that everything random descends from.
        out: Where runs are kept.
        smoke: A quick trial.
        offline: Fetch nothing.
        tensorboard: Write TensorBoard logs as well.
        monitor: Look at gradients and weights every so many steps; 0 for never.
        quiet: Print nothing.
        **options: The recipe's options.

    Returns:
        The outcome, with the run's folder and its result.

    Raises:
        KerasarchError: An option is wrong, a backend is missing, or the recipe failed with an error of this tree.
            Errors of other kinds come through as they are.
        KeyboardInterrupt: It was interrupted; ``kerasarch resume`` goes on with it.
    """
    from kerasarch.registry import load_recipe

    found: Any = getattr(recipe, "recipe", recipe)
    name = found.name if isinstance(found, Recipe) else str(recipe)
    if not isinstance(found, Recipe):
        found = load_recipe(name)
    request = Request(
        found, name, options, dict.fromkeys(options, "Python"), backend, seed, Path(out), smoke,
        offline=offline, tensorboard=tensorboard, monitor=monitor, quiet=quiet, traceback=True,
    )  # fmt: skip
    outcome = execute(request)
    if outcome.status == "interrupted":
        raise KeyboardInterrupt(f"go on with: kerasarch resume {outcome.folder}")
    return outcome


def execute(request: Request) -> Outcome:
    """Run a recipe in a new folder.

    Raises:
        UsageError: An option is wrong; no folder was made.
        RunError: The folder cannot be made.
        BackendError: The backend is missing or was chosen too late; no folder was made.
    """
    recipe = request.recipe
    values = recipe.bind(request.values)
    backend = choose_backend(request.backend)
    config = {
        name: {"value": plain(value), "origin": request.origins.get(name, "default")} for name, value in values.items()
    }
    source = recipe_source(recipe)
    facts = {
        "argv": request.argv or sys.argv,
        "backend": backend,
        "seed": request.seed,
        "smoke": request.smoke,
        "offline": request.offline,
        "devices": request.devices,
        "tensorboard": request.tensorboard,
        "monitor": request.monitor,
        "source": _address(request.name, source),
        "expect": dict(recipe.expect),
        "task": recipe.task,
        "resumed": [],
    }
    name = Path(request.name.partition(".py:")[0]).stem if ".py" in request.name else request.name
    folder = RunFolder.create(request.out, name, facts, config)
    folder.snapshot(source)
    write_json(folder.path / ENVIRONMENT, environment())
    return _carry_out(folder, recipe, values, backend, request, resume=False)


def resume(
    path: str | Path,
    *,
    changes: Mapping[str, Any] | None = None,
    backend: str | None = None,
    offline: bool | None = None,
    devices: str | None = None,
    argv: list[str] | None = None,
    traceback: bool = False,
    quiet: bool = False,
    recipe: Recipe | None = None,
) -> Outcome:
    """Go on with a run.

    Args:
        path: Its folder.
        changes: New values for options that the recipe declares resumable.
        backend: Another backend than before; the change is recorded.
        offline: Fetch nothing.
        devices: Devices that may be seen.
        argv: The command.
        traceback: Let unexpected errors through.
        quiet: Print nothing.
        recipe: The recipe, where the caller has it; otherwise the registry or the file it came from is asked.

    Raises:
        UsageError: An option may not change, or the recipe is not there any more.
        RunError: It is no run folder, or the run goes on in another process.
        CheckpointError: There are checkpoints, but no good one.
    """
    from kerasarch.registry import load_recipe

    folder = RunFolder.open(Path(path))
    facts, status = folder.run, folder.status
    if status in ("running", "created"):
        raise RunError(f"{folder.path} is running in process {facts.get('pid')}. Wait for it, or stop it first.")
    recipe = recipe or load_recipe(str(facts.get("source") or folder.recipe))
    changes = dict(changes or {})
    for name in changes:
        if name not in recipe.resumable:
            may = ", ".join(recipe.options[known].flag for known in recipe.resumable) or "none"
            raise UsageError(f"--{name.replace('_', '-')} may not change when a run is resumed. What may: {may}.")
    config = folder.config
    values = recipe.bind({name: entry["value"] for name, entry in config.items()} | changes)
    if status == "finished" and not any(values[name] != _read(recipe, name, config) for name in changes):
        raise UsageError(
            f"{folder.path} has finished. Change a resumable option to train on "
            f"({', '.join(recipe.options[name].flag for name in recipe.resumable) or 'this recipe has none'})."
        )
    chosen = choose_backend(backend or facts.get("backend"))
    for name in changes:
        config[name] = {"value": plain(values[name]), "origin": "resume"}
    folder_config = folder.path / "config.json"
    write_json(folder_config, config)
    history = [
        *facts.get("resumed", []),
        {
            "at": now(),
            "status_before": status,
            "backend": chosen,
            "argv": argv or sys.argv,
            "changes": plain({name: values[name] for name in changes}),
        },
    ]
    folder.update(resumed=history, backend=chosen, error=None, exit_code=None, ended=None, **process())
    write_json(folder.path / ENVIRONMENT, environment())
    request = Request(
        recipe, folder.recipe, values, {}, chosen, int(facts["seed"]), folder.path.parent.parent,
        bool(facts.get("smoke")), False, bool(facts.get("offline")) if not offline else True,
        devices or facts.get("devices"), bool(facts.get("tensorboard")), int(facts.get("monitor", MONITOR)),
        argv or sys.argv, traceback, quiet,
    )  # fmt: skip
    return _carry_out(folder, recipe, values, chosen, request, resume=True)


def recipe_source(recipe: Recipe) -> Path | None:
    """Find the file of a recipe."""
    code = getattr(recipe.function, "__code__", None)
    path = Path(code.co_filename) if code is not None else None
    return path if path is not None and path.is_file() else None


def _carry_out(
    folder: RunFolder, recipe: Recipe, values: Mapping[str, Any], backend: str, request: Request, resume: bool
) -> Outcome:
    began = time.monotonic()
    active: ActiveRun | None = None
    unexpected: Exception | None = None
    earlier = float(folder.run.get("seconds") or 0.0)
    folder.update(status="running", started=now())
    result: dict[str, Any] = {}
    status, code, error = "failed", 1, None
    try:
        active = ActiveRun(
            folder, seed=request.seed, smoke=request.smoke, check=request.check, offline=request.offline,
            tensorboard=request.tensorboard, monitor=request.monitor, resume=resume, quiet=request.quiet,
        )  # fmt: skip
        with active.watch.listening(), warnings_to(active), logging_to(active):
            _prepare(backend, request)
            with without_greeting():
                from kerasarch import backends
            from kerasarch.backends.seeding import set_random_seed

            backends.prepare(compiled_programs(), quick=request.smoke)
            check_devices(request.devices, backend, backends.device_names())
            set_random_seed(request.seed)
            result = dict(recipe.call(active, values))
            active.watch.stop_if_asked()
            status, code = "finished", 0
    except Checked:
        status, code = "checked", 0
    except (Interrupted, KeyboardInterrupt) as stop:
        status, code = "interrupted", getattr(stop, "exit_code", 130)
    except KerasarchError as failure:
        code, error = failure.exit_code, str(failure)
        unexpected = failure
    except Exception as failure:  # noqa: BLE001 - whatever a recipe raises ends as one line and a traceback in the log
        error, unexpected = f"{type(failure).__name__}: {failure}", failure
    verdicts = recipe.verdicts(result, values) if status == "finished" and not request.smoke else {}
    result = {name: value for name, value in result.items() if value is not None}
    if unexpected is not None and active is not None:
        active.note("".join(tracebacks.format_exception(unexpected)))
    seconds = round(earlier + time.monotonic() - began, 3)
    try:
        _finish(folder, active, recipe, status, code, error, result, verdicts, seconds)
    except RunError as failure:
        if not code:  # otherwise the first failure is the one to tell
            status, code, error, unexpected = "failed", failure.exit_code, str(failure), failure
        with contextlib.suppress(RunError):
            folder.update(status=status, exit_code=code, error=_one_line(error), ended=now(), seconds=seconds)
    if unexpected is not None and request.traceback:
        raise unexpected
    return Outcome(folder.path, status, code, plain(result), verdicts, _one_line(error))


def _finish(
    folder: RunFolder,
    active: ActiveRun | None,
    recipe: Recipe,
    status: str,
    code: int,
    error: str | None,
    result: Mapping[str, Any],
    verdicts: Mapping[str, tuple[str, Any, bool]],
    seconds: float,
) -> None:
    if status == "finished":
        expected = {
            name: {"expected": expected, "observed": plain(observed), "met": met}
            for name, (expected, observed, met) in verdicts.items()
        }
        write_json(folder.path / RESULT, {"result": dict(result), "expected": expected})
    folder.update(
        status=status, exit_code=code, error=_one_line(error), ended=now(), seconds=seconds, memory_peak=_memory_peak()
    )
    if active is None:
        return
    active.close()
    if status == "finished":
        active.tidy(keep_phases=bool(recipe.resumable))
    if status != "checked":
        from kerasarch.runs.report import write_report

        try:
            write_report(folder)
        except Exception as failure:  # noqa: BLE001 - a report that cannot be drawn must not spoil a run
            active.say(f"The report could not be written: {type(failure).__name__}: {failure}")


def _prepare(backend: str, request: Request) -> None:
    set_backend(backend)
    if request.devices is not None and "keras" not in sys.modules:
        if request.devices == "cpu":
            os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
            os.environ["JAX_PLATFORMS"] = "cpu"
        elif request.devices != "gpu":
            os.environ["CUDA_VISIBLE_DEVICES"] = request.devices
    if request.offline:
        os.environ["HF_HUB_OFFLINE"] = "1"


def _address(name: str, source: Path | None) -> str:
    """What the registry finds the recipe by when the run is resumed, from whatever folder."""
    _, mark, function = name.partition(".py")
    if mark and source is not None:
        return f"{source.resolve()}{function}"
    return name


def _read(recipe: Recipe, name: str, config: Mapping[str, Any]) -> Any:
    return recipe.options[name].read(config[name]["value"]) if name in config else None


def _one_line(text: str | None) -> str | None:
    return " ".join(text.split()) if text else None


def _memory_peak() -> int | None:
    """Bytes of memory that the process had at most."""
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
