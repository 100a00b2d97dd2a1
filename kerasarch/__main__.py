"""``python -m kerasarch`` is the command line."""

from kerasarch.commands import main

if __name__ == "__main__":
    main()
