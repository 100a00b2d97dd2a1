"""The runner's own options, the same for every recipe, and what is made of them."""

from pathlib import Path
from typing import Any

import click

from kerasarch.errors import UsageError
from kerasarch.options import did_you_mean
from kerasarch.recipe import RESERVED, Recipe
from kerasarch.typing import BACKENDS

BACKEND = (
    "Keras backend: jax, tensorflow or torch; all runs each of them in a process of its own and compares them. "
    "[default: KERAS_BACKEND, else the first that is installed]"
)


class RunnerOption(click.Option):
    """An option of the runner, written in the help as a recipe's options are."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str]:
        """Return the two columns of the help."""
        return " ".join(filter(None, (self.opts[0], self.metavar))), self.help or ""


def parameters(resuming: bool = False) -> list[click.Parameter]:
    """Return click's parameters for the options of ``run``.

    Args:
        resuming: Whether they are for a run that has begun, and has its backend.
    """
    folder = click.Path(path_type=Path, file_okay=False)

    def switch(flag: str, text: str, *names: str) -> click.Option:
        return RunnerOption([flag, *names], is_flag=True, help=text)

    return [
        RunnerOption(
            ["--backend"],
            type=click.Choice([*BACKENDS, "all"]),
            metavar="NAME",
            help="Keras backend: jax, tensorflow or torch. [default: the run's own]" if resuming else BACKEND,
        ),
        RunnerOption(
            ["--seed"],
            type=click.IntRange(0),
            default=0,
            metavar="INTEGER",
            help="Seed that everything random descends from. [a whole number >= 0; default: 0]",
        ),
        RunnerOption(
            ["--seeds"],
            type=click.IntRange(2),
            metavar="N",
            help="Run with N seeds, for mean and deviation. [a whole number >= 2]",
        ),
        RunnerOption(
            ["--out"], type=folder, default=Path("runs"), metavar="FOLDER", help="Where runs are kept. [default: runs]"
        ),
        RunnerOption(
            ["--config"],
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="TOML or JSON file with values for the recipe's options; the command line wins. The config.json of "
            "an earlier run is one.",
        ),
        switch("--smoke", "A quick trial: everything runs, little of it."),
        switch("--check", "Check options, data, dependencies and disk; train nothing."),
        switch("--offline", "Fetch nothing from the network."),
        RunnerOption(
            ["--devices"], metavar="DEVICES", help="cpu, gpu, gpu:0 or gpu:0,1. [default: what the backend finds]"
        ),
        RunnerOption(["--resume"], metavar="RUN", help="Go on with this run, as the command resume does."),
        switch("--tensorboard", "Write TensorBoard logs into the run's folder too."),
        RunnerOption(
            ["--monitor"],
            type=click.IntRange(0),
            default=50,
            metavar="N",
            help="Look at gradients and weights at least every N steps; 0: never. [a whole number >= 0; default: 50]",
        ),
        switch("--json", "Print one JSON object on stdout, and nothing else there.", "as_json"),
    ]


def takes_value(token: str, parameters: list[click.Parameter]) -> bool:
    """Whether an option, as typed before the recipe's name, has its value in the next word.

    Raises:
        UsageError: It is no option of the runner; the recipe's own ones follow its name.
    """
    flag, has_value, _ = token.partition("=")
    for parameter in parameters:
        if flag in parameter.opts and isinstance(parameter, click.Option):
            return not parameter.is_flag and not has_value
    known = [option for parameter in parameters for option in parameter.opts]
    hint = did_you_mean(flag, known)
    raise UsageError(
        f"no such option before the recipe's name: {flag}.{hint} The recipe's own options follow its name: "
        "kerasarch run NAME [OPTIONS]"
    )


def read_devices(text: str | None) -> str | None:
    """Read ``--devices``: ``cpu``, ``gpu``, ``gpu:0``, ``gpu:0,1`` or ``0,1``.

    Returns:
        ``cpu``, ``gpu`` for all GPUs that there are, the numbers of those that may be seen, or None for everything.

    Raises:
        UsageError: It is none of these.
    """
    if text is None:
        return None
    word = text.lower().removeprefix("gpu:").replace(" ", "")
    if word in ("cpu", "gpu") or all(part.isdigit() for part in word.split(",")):
        return word
    raise UsageError(f"--devices: received {text}, expected cpu, gpu, gpu:0, or several as in gpu:0,1.")


def read_config(path: Path, recipe: Recipe) -> dict[str, Any]:
    """Read values for a recipe's options from a TOML or JSON file.

    The ``config.json`` of an earlier run is such a file too: there each option is a table with its ``value``.

    Raises:
        UsageError: The file is missing, cannot be read, or names what is no option of the recipe.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        cause = "it does not exist" if isinstance(error, FileNotFoundError) else f"{type(error).__name__}: {error}"
        raise UsageError(f"--config: {path} cannot be read: {cause}. Give a TOML or JSON file.") from error
    found = _parse(path, text)
    if not isinstance(found, dict):
        raise UsageError(f"--config: {path} holds a {type(found).__name__}, expected a table of option = value.")
    values = {}
    for key, value in found.items():
        name = str(key).replace("-", "_")
        if name not in recipe.options:
            if name in RESERVED:
                raise UsageError(f"--config: {path} sets {key}, an option of the runner. Give --{key} when you run.")
            raise UsageError(
                f"--config: {path} sets {key}, no option of the recipe.{did_you_mean(name, recipe.options)}"
            )
        values[name] = value["value"] if isinstance(value, dict) and "value" in value else value
    return values


def _parse(path: Path, text: str) -> Any:
    try:
        if path.suffix.lower() == ".json":
            import json

            return json.loads(text)
        if path.suffix.lower() == ".toml":
            import tomllib

            return tomllib.loads(text)
    except ValueError as error:
        raise UsageError(f"--config: {path} is no valid {path.suffix[1:].upper()}: {error}.") from error
    raise UsageError(f"--config: {path} ends in {path.suffix or 'nothing'!r}, expected .toml or .json.")
