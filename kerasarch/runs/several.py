"""One recipe several times: on every backend, or with several seeds, each in a process of its own.

Their progress goes to stderr as that of a single run does; their results come back as JSON.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

from kerasarch.runs.active import MONITOR
from kerasarch.runs.environment import installed_backends
from kerasarch.runs.execute import Request
from kerasarch.runs.folder import RunFolder

PROGRESS = "KERASARCH_PROGRESS"
"""Environment variable: a run that answers in JSON tells its progress all the same."""


def run_backends(request: Request, backends: Iterable[str]) -> list[dict[str, Any]]:
    """Run on every backend that is installed, one after the other.

    Returns:
        For each backend: ``backend``, ``status``, ``exit_code``, ``result``, ``seconds``, ``memory`` (bytes at most),
        ``error`` and ``folder``. One that is not installed has the status ``not installed`` and the exit code 0.
    """
    rows = []
    installed = installed_backends()
    for backend in backends:
        if backend in installed:
            _announce(request, f"{request.name} on {backend}, seed {request.seed}{request.kind}")
            rows.append({"backend": backend, **_run(request, backend, request.seed)})
        else:
            rows.append({"backend": backend, **_row("not installed", 0)})
    return rows


def run_seeds(request: Request, count: int) -> list[dict[str, Any]]:
    """Run with ``count`` seeds, from the request's on.

    Returns:
        For each seed the same as `run_backends`, with ``seed``.
    """
    rows = []
    for number, seed in enumerate(range(request.seed, request.seed + count), start=1):
        _announce(request, f"{request.name}, seed {seed} ({number} of {count}){request.kind}")
        rows.append({"seed": seed, **_run(request, request.backend, seed)})
    return rows


def _announce(request: Request, text: str) -> None:
    if not request.quiet:
        print(text, file=sys.stderr, flush=True)


def _row(status: str, exit_code: int, **more: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {"result": {}, "seconds": None, "memory": None, "error": None, "folder": None}
    return {"status": status, "exit_code": exit_code, **empty, **more}


def _run(request: Request, backend: str | None, seed: int) -> dict[str, Any]:
    environment = os.environ if request.quiet else os.environ | {PROGRESS: "1"}
    done = subprocess.run(command(request, backend, seed), stdout=subprocess.PIPE, text=True, env=environment)
    try:
        answer = json.loads(done.stdout)
        folder = RunFolder(answer["folder"])
    except (ValueError, KeyError, TypeError):
        last = done.stdout.strip().splitlines()[-1:] or [f"it ended with exit code {done.returncode}"]
        return _row("failed", done.returncode or 1, error=last[0])
    run = folder.run
    return _row(
        answer["status"], done.returncode, result=answer["result"], seconds=run.get("seconds"),
        memory=run.get("memory_peak"), error=answer.get("error"), folder=str(folder.path),
    )  # fmt: skip


def command(request: Request, backend: str | None, seed: int) -> list[str]:
    """Return the command line of one of the runs."""
    options = request.recipe.options
    words = [sys.executable, "-m", "kerasarch", "run", request.name, "--json", "--seed", str(seed)]
    words += ["--out", str(request.out)]
    words += ["--backend", backend] if backend else []
    words += ["--devices", request.devices] if request.devices else []
    words += ["--monitor", str(request.monitor)] if request.monitor != MONITOR else []
    for flag in ("smoke", "check", "offline", "tensorboard"):
        words += [f"--{flag}"] if getattr(request, flag) else []
    for name, value in request.values.items():
        flag = options[name].flag
        if isinstance(value, bool):
            words.append(flag if value else f"--no-{flag[2:]}")
        elif isinstance(value, (list, tuple)):
            words += [flag, ",".join(str(item) for item in value)]
        else:
            words += [flag, "none" if value is None else str(value)]
    return words
