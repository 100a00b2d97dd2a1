"""Plugin packages as tests need them: folders on the path with the metadata that an installer would have written."""

import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

RECIPE = '''
"""A module of one recipe."""
from typing import Annotated

from kerasarch.recipe import Ge, Run, recipe


@recipe(task="{task}", data="made up", expect={{"score": ">=1"}}, resumable=("epochs",), api={api})
def {name}(run: Run, *, epochs: Annotated[int, Ge(1)] = 2, data: str = "here"):
    """{summary}.

    A paragraph that says more.

    Args:
        epochs: Passes over the data.
        data: Where it is.
    """
    run.ready()
    return {{"score": 1.0}}
'''


_ZOO = ["good", "broken", "quitting", "slow", "colliding", "left", "right", "ancient", "future", "eager", "misspelt"]
ZOO = tuple(f"{name}_plugin" for name in (*_ZOO, "absent", "plain"))
"""The modules of the plugins that `install_zoo` installs."""


def forget() -> None:
    """Forget the zoo's modules, so that the next test meets them anew."""
    for name in ZOO:
        sys.modules.pop(name, None)


def install(
    folder: Path,
    name: str,
    points: Mapping[str, Mapping[str, str]],
    modules: Mapping[str, str],
    version: str = "0.1",
) -> None:
    """Put a package into a folder as if it had been installed there.

    Args:
        folder: A folder that is on ``sys.path`` or will be.
        name: The distribution.
        points: Entry points by group without its prefix: ``{"recipes": {"name": "module:function"}}``.
        modules: Source text by the module's name.
        version: The distribution's version.
    """
    for module, text in modules.items():
        file = folder / f"{module.replace('.', '/')}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))
    metadata = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nName: not this\n")
    lines = []
    for group, entries in points.items():
        lines += [f"[kerasarch.{group}]", *(f"{key} = {value}" for key, value in entries.items()), ""]
    (metadata / "entry_points.txt").write_text("\n".join(lines))


def recipe_source(name: str, summary: str = "Do something", task: str = "fake-task", api: int = 1) -> str:
    """Return a module with one recipe.

    Args:
        name: The function.
        summary: The docstring's first line, without its full stop.
        task: The kind of work.
        api: Version of the contract.
    """
    return RECIPE.format(name=name, summary=summary, task=task, api=api)


def install_zoo(folder: Path) -> None:
    """Install the plugins that a program meets sooner or later: a good one, and all kinds of bad ones."""
    install(
        folder,
        "good-plugin",
        {"recipes": {"good": "good_plugin:good"}, "models": {"tinynet": "good_net:tinynet"}},
        {
            "good_plugin": recipe_source("good", "Do good"),
            "good_net": '"""A tiny network."""\nVARIANTS = {"tinynet_1": 1, "tinynet_2": 2}\ndef tinynet(variant):\n'
            '    """Build one."""\n',
        },
    )
    install(
        folder,
        "broken-plugin",
        {"recipes": {"broken": "broken_plugin:broken"}},
        {"broken_plugin": recipe_source("broken", "Break") + "\nraise RuntimeError('I am\\nbroken')\n"},
    )
    install(
        folder,
        "quitting-plugin",
        {"recipes": {"quitting": "quitting_plugin:quitting"}},
        {"quitting_plugin": recipe_source("quitting", "Quit") + "\nraise SystemExit(0)\n"},
    )
    install(
        folder,
        "slow-plugin",
        {"recipes": {"slow": "slow_plugin:slow"}},
        {"slow_plugin": recipe_source("slow", "Take an hour to import") + "\nimport time\ntime.sleep(3600)\n"},
    )
    install(
        folder,
        "colliding-plugin",
        {"recipes": {"transfer-resnet": "colliding_plugin:taken"}},
        {"colliding_plugin": recipe_source("taken", "Want a built-in name")},
    )
    for side in ("left", "right"):
        install(
            folder,
            f"{side}-plugin",
            {"recipes": {"twin": f"{side}_plugin:twin"}},
            {f"{side}_plugin": recipe_source("twin", f"Be the {side} twin")},
        )
    for age, api in (("ancient", 0), ("future", 99)):
        install(
            folder,
            f"{age}-plugin",
            {"recipes": {age: f"{age}_plugin:{age}"}},
            {f"{age}_plugin": recipe_source(age, api=api)},
        )
    install(
        folder,
        "eager-plugin",
        {"recipes": {"eager": "eager_plugin:eager"}},
        {"eager_plugin": "import keras\n" + recipe_source("eager", "Import Keras too soon")},
    )
    install(folder, "absent-plugin", {"recipes": {"absent": "absent_plugin:absent"}}, {})
    install(
        folder,
        "misspelt-plugin",
        {"recipes": {"misspelt": "misspelt_plugin:misspelt"}},
        {"misspelt_plugin": "def misspelt(run:\n"},
    )
    install(
        folder,
        "plain-plugin",
        {"recipes": {"plain": "plain_plugin:plain"}},
        {"plain_plugin": 'def plain(run):\n    """Forget the decorator."""\n'},
    )
