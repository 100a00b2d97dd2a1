"""How long a person waits for the command line, beside ``python -c "import click"``: ``python benchmarks/startup.py``.

Each command is timed in processes of its own, the commands in turns so that all of them see the same machine. The
promise is a ratio of at most 3. ``--write FILE`` writes the table as JSON, ``--check`` makes a broken promise exit 1.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

PROMISE = 3.0
BASE = "python -c 'import click'"
COMMANDS = {
    BASE: ["-c", "import click"],
    "kerasarch --help": ["-m", "kerasarch", "--help"],
    "kerasarch list": ["-m", "kerasarch", "list"],
    "kerasarch show transfer-resnet": ["-m", "kerasarch", "show", "transfer-resnet"],
    "kerasarch run transfer-resnet --help": ["-m", "kerasarch", "run", "transfer-resnet", "--help"],
    "kerasarch models": ["-m", "kerasarch", "models"],
}


def once(arguments: list[str]) -> float:
    """Run Python once and return the seconds it took.

    Raises:
        subprocess.CalledProcessError: The command failed.
    """
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True, env=os.environ | {"COLUMNS": "80"})
    return time.perf_counter() - start


def measure(repeats: int) -> dict[str, float]:
    """Return the median seconds of each command.

    Args:
        repeats: Processes a command, after one that warms the disk.
    """
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for turn in range(repeats + 1):
        for name, arguments in COMMANDS.items():
            seconds = once(arguments)
            if turn:
                times[name].append(seconds)
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> int:
    """Measure, print the table, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--write", type=Path, metavar="FILE")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    medians = measure(options.repeats)
    ratios = {name: seconds / medians[BASE] for name, seconds in medians.items()}
    wide = max(len(name) for name in medians)
    print(f"{'command'.ljust(wide)}  median ms  ratio   ({options.repeats} runs, Python {platform.python_version()})")
    for name, seconds in medians.items():
        print(f"{name.ljust(wide)}  {seconds * 1000:9.1f}  {ratios[name]:5.2f}")
    worst = max(ratios.values())
    print(f"worst ratio {worst:.2f}, promised at most {PROMISE:.0f}")
    if options.write:
        rows = {
            name: {"ms": round(seconds * 1000, 1), "ratio": round(ratios[name], 2)} for name, seconds in medians.items()
        }
        options.write.write_text(json.dumps({"repeats": options.repeats, "commands": rows}, indent=2) + "\n")
    return 1 if options.check and worst > PROMISE else 0


if __name__ == "__main__":
    sys.exit(main())
