"""The command line from a checkout, installed or not: ``python cli.py list``."""

import os
import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parent)
sys.path[:] = [ROOT, *(folder for folder in sys.path if folder != ROOT)]
# Processes started from here, one a backend for instance, find the package too.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (ROOT, os.environ.get("PYTHONPATH", ""))))

from kerasarch.commands import main  # noqa: E402 - the lines above make it importable

if __name__ == "__main__":
    main()
