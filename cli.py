"""The command line from a checkout, installed or not: ``python cli.py list``."""

import sys
from pathlib import Path

root = Path(__file__).resolve().parent
sys.path.insert(0, str(root))

import kerasarch  # noqa: E402 - the line above makes it importable

if "kerasarch.recipes" not in sys.modules:
    kerasarch.__path__.append(str(root))  # makes the folder recipes/ the package kerasarch.recipes

from kerasarch.commands import main  # noqa: E402

if __name__ == "__main__":
    main()
