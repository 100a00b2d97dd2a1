"""The folder of a run: made before Keras is imported, never used twice, readable whatever happened to the run."""

import datetime
import os
import secrets
import shutil
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kerasarch.errors import RunError, UsageError
from kerasarch.options import did_you_mean
from kerasarch.runs.atomic import disk_error, read_json, write_json

RUN, CONFIG, ENVIRONMENT, RESULT, METRICS = "run.json", "config.json", "env.json", "result.json", "metrics.jsonl"
LOG, MODEL, TOKENIZER, REPORT, SNAPSHOT = "log.txt", "model.keras", "tokenizer", "report.html", "recipe.py"
CHECKPOINTS, FIGURES, PARTS = "checkpoints", "figures", "parts"


class RunFolder:
    """One run's folder.

    Args:
        path: The folder; it exists.
    """

    def __init__(self, path: Path):
        self.path = Path(path)

    @classmethod
    def create(cls, root: Path, recipe: str, run: Mapping[str, Any], config: Mapping[str, Any]) -> "RunFolder":
        """Make a new folder ``root/recipe/timestamp-id`` with its ``run.json`` and ``config.json``.

        Args:
            root: Where runs are kept.
            recipe: Name of the recipe; signs that a path cannot hold become hyphens.
            run: Fields of ``run.json``; status and times are added.
            config: For each option its value and where it came from.

        Raises:
            RunError: The folder cannot be made.
        """
        name = "".join(sign if sign.isalnum() or sign in "-_." else "-" for sign in recipe)
        stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
        path = Path(root) / name / f"{stamp}-{secrets.token_hex(3)}"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.mkdir()
            (path / FIGURES).mkdir()
        except OSError as error:
            raise disk_error(path, error) from error
        folder = cls(path)
        write_json(path / CONFIG, dict(config))
        folder.update(**{**run, "recipe": recipe, "status": "created", "created": now(), **process()})
        return folder

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """Open an existing run's folder.

        Raises:
            RunError: It is no run folder.
        """
        if not isinstance(read_json(Path(path) / RUN), dict):
            raise RunError(f"{path} is no run folder: it has no readable {RUN}. See: kerasarch runs ls")
        return cls(Path(path).resolve())

    @property
    def id(self) -> str:
        """The short id, the last part of the folder's name."""
        return self.path.name.rpartition("-")[2]

    @property
    def run(self) -> dict[str, Any]:
        """What ``run.json`` says."""
        found = read_json(self.path / RUN)
        return found if isinstance(found, dict) else {}

    @property
    def config(self) -> dict[str, dict[str, Any]]:
        """What ``config.json`` says: for each option a dict with ``value`` and ``origin``."""
        found = read_json(self.path / CONFIG)
        return found if isinstance(found, dict) else {}

    @property
    def environment(self) -> dict[str, Any]:
        """What ``env.json`` says."""
        found = read_json(self.path / ENVIRONMENT)
        return found if isinstance(found, dict) else {}

    @property
    def result(self) -> dict[str, Any]:
        """What ``result.json`` says; empty while there is none."""
        found = read_json(self.path / RESULT)
        return found if isinstance(found, dict) else {}

    @property
    def recipe(self) -> str:
        """Name of the recipe."""
        return str(self.run.get("recipe", self.path.parent.name))

    @property
    def status(self) -> str:
        """created, running, interrupted, failed, finished, checked; or ``died``: it claims to run, but nobody does."""
        run = self.run
        status = str(run.get("status", "unknown"))
        return "died" if status in ("created", "running") and not _alive(run) else status

    def update(self, **fields: Any) -> None:
        """Change fields of ``run.json``."""
        write_json(self.path / RUN, {**self.run, **fields})

    def snapshot(self, source: Path | None) -> None:
        """Copy the recipe's source text into the folder."""
        if source is not None and source.is_file():
            try:
                shutil.copyfile(source, self.path / SNAPSHOT)
            except OSError as error:
                raise disk_error(self.path / SNAPSHOT, error) from error

    def summary(self) -> dict[str, Any]:
        """Return what a list of runs shows, as JSON values."""
        run = self.run
        return {
            "id": self.id,
            "recipe": self.recipe,
            "status": self.status,
            "backend": run.get("backend"),
            "seed": run.get("seed"),
            "created": run.get("created"),
            "seconds": run.get("seconds"),
            "result": self.result.get("result", {}),
            "path": str(self.path),
        }


def list_runs(root: Path, recipe: str | None = None) -> list[RunFolder]:
    """List the runs below a root, the newest first. Foreign and half-made folders are passed over.

    Args:
        root: Where runs are kept.
        recipe: Only runs of this recipe.
    """
    found = [folder for folder in _candidates(Path(root)) if recipe is None or folder.recipe == recipe]
    return sorted(found, key=lambda folder: (str(folder.run.get("created", "")), folder.path.name), reverse=True)


def find(name: str, root: Path = Path("runs")) -> RunFolder:
    """Find a run.

    Args:
        name: A path, a folder's name, the beginning of a short id, ``latest``, or ``<recipe>/latest``.
        root: Where runs are kept.

    Raises:
        UsageError: No run or several are called so; the message offers names.
    """
    path = Path(name)
    if (path / RUN).is_file():
        return RunFolder.open(path)
    if path.is_dir() and path.resolve() != Path(root).resolve() and (len(path.parts) > 1 or path.is_absolute()):
        raise UsageError(f"{name} is no run folder: it has no {RUN}. See: kerasarch runs ls")
    runs = list_runs(root)
    if not runs:
        raise UsageError(f"no run is called {name}: there are no runs in {root}. Choose another folder with --out.")
    recipe, slash, last = name.rpartition("/")
    if last == "latest":
        wanted = [run for run in runs if not slash or run.recipe == recipe]
        if wanted:
            return wanted[0]
    matching = [run for run in runs if name in (run.path.name, f"{run.path.parent.name}/{run.path.name}")]
    matching = matching or [run for run in runs if name and run.id.startswith(name)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        choices = ", ".join(run.id for run in matching[:5])
        raise UsageError(f"several runs are called {name}. Choose one: {choices}.")
    raise UsageError(
        f"no run in {root} is called {name}.{did_you_mean(name, [run.id for run in runs])} See: kerasarch runs ls"
    )


def now() -> str:
    """Return the time in ISO form, with the zone and to the microsecond, so that runs sort by it."""
    return datetime.datetime.now().astimezone().isoformat(timespec="microseconds")


def process() -> dict[str, Any]:
    """Return which process this is, so that others can tell whether it still lives."""
    return {"pid": os.getpid(), "host": socket.gethostname(), "process_start": _started(os.getpid())}


def _candidates(root: Path) -> Iterator[RunFolder]:
    if not root.is_dir():
        return
    for path in root.glob(f"*/*/{RUN}"):
        if isinstance(read_json(path), dict):
            yield RunFolder(path.parent)


def _alive(run: Mapping[str, Any]) -> bool:
    pid = run.get("pid")
    if run.get("host") != socket.gethostname() or not isinstance(pid, int):
        return run.get("host") is not None  # another machine's process cannot be asked: believe the file
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return run.get("process_start") in (None, _started(pid))


def _started(pid: int) -> str | None:
    """When a process started, in the kernel's clock, so that a reused process id is not taken for the run."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] == "Z" else fields[19]
