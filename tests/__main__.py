"""Run the tests over all three backends: ``python -m tests [PYTEST ARGUMENTS]``.

A process has one backend, so pytest runs once for what imports no Keras and once a backend for the rest (PyTorch's in
two parts), two at a time.
Each run's output is printed when it ends; the last line sums them up.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BACKENDS = ("jax", "tensorflow", "torch")
TIERS = "not slow and not network"
HALF = ("tests/backends", "tests/layers", "tests/models", "tests/training", "tests/weights")
"""More than a third of the work of a backend, most of its tests."""
# Two processes share two cores: threads of one that wait for the other's would only get in the way.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "NPROC", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1")


def run(backend: str, arguments: list[str], cache: Path) -> tuple[str, int, str, float]:
    """Run pytest for one backend, or for the tests that need none."""
    part = "backend_free" if backend == "none" else "not backend_free"
    tier = TIERS
    if "-m" in arguments:
        place = arguments.index("-m")
        tier, arguments = arguments[place + 1], arguments[:place] + arguments[place + 2 :]
    environment = ONE_THREAD | dict(os.environ)
    # Hundreds of the tests' processes compile the same few programs: JAX keeps them for the length of this command.
    environment |= {"JAX_COMPILATION_CACHE_DIR": str(cache), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    # What they compute is little: time spent on fast programs is lost.
    environment |= {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    environment |= {"KERAS_BACKEND": "jax" if backend == "none" else backend, "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "pytest", "-m", f"({tier}) and {part}", "-q", "--durations=8", *arguments]
    start = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return backend, done.returncode, done.stdout + done.stderr, time.monotonic() - start


def jobs(arguments: list[str]) -> list[tuple[str, list[str]]]:
    """Backends and the arguments of pytest, the longest first; PyTorch's by halves: two processors end together.

    Where somebody names files himself, or an option has a value, a backend is one job.
    """
    if any(not argument.startswith("-") for argument in arguments):
        return [(backend, arguments) for backend in (*BACKENDS, "none")]
    halves = [["tests", *(f"--ignore={folder}" for folder in HALF)], list(HALF)]
    whole = [(backend, arguments) for backend in BACKENDS if backend != "torch"]
    return [*whole, *(("torch", [*arguments, *half]) for half in halves), ("none", arguments)]


def counts(output: str, word: str) -> int:
    """Read one count off pytest's closing line."""
    found = re.findall(rf"(\d+) {word}", output.strip().splitlines()[-1] if output.strip() else "")
    return int(found[-1]) if found else 0


def main(arguments: list[str]) -> int:
    """Run everything; return 0 when all of it passed."""
    totals = dict.fromkeys(("passed", "failed", "skipped", "error"), 0)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(max_workers=2) as pool:
        for backend, code, output, seconds in pool.map(lambda job: run(*job, Path(folder)), jobs(arguments)):
            print(f"===== backend: {backend} ({seconds:.0f} s) =====\n{output}", flush=True)
            for word in totals:
                totals[word] += counts(output, word)
            if code not in (0, 1, 5):  # 1: tests failed, which is counted; 5: nothing was selected for this backend
                print(f"pytest itself ended with code {code} on {backend}", flush=True)
                totals["error"] += 1
    failed = totals["failed"] + totals["error"]
    print(f"{totals['passed']} passed, {failed} failed, {totals['skipped']} skipped")
    return 0 if totals["passed"] and not failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
