"""Plugins for tests of the command line: written as installed distributions into a folder on the path."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "plugins" / "kerasarch-example"


@dataclass
class Site:
    """A folder of installed distributions, and the command line with that folder on the path."""

    folder: Path

    def install(
        self, name: str, entry_points: Mapping[str, Mapping[str, str]], modules: Mapping[str, str], version: str = "1.0"
    ) -> None:
        """Write a distribution as pip would: its modules and its metadata."""
        for module, text in modules.items():
            file = self.folder / module
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(text))
        self.describe(name, entry_points, version)

    def describe(self, name: str, entry_points: Mapping[str, Mapping[str, str]], version: str = "1.0") -> None:
        """Write a distribution's metadata."""
        metadata = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        metadata.mkdir(parents=True)
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        lines = []
        for group, points in entry_points.items():
            lines += [f"[kerasarch.{group}]", *(f"{point} = {value}" for point, value in points.items())]
        (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")

    def kerasarch(
        self,
        *words: str,
        cwd: Path | None = None,
        environment: Mapping[str, str] | None = None,
        path: Sequence[Path] = (),
    ) -> subprocess.CompletedProcess:
        """Run the command line and return how it ended."""
        paths = [str(self.folder), *map(str, path), str(ROOT)]
        return subprocess.run(
            [sys.executable, "-m", "kerasarch", *words],
            cwd=cwd or self.folder,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths), "NO_COLOR": "1"} | dict(environment or {}),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )


@pytest.fixture
def site(tmp_path) -> Site:
    """An empty folder of distributions."""
    folder = tmp_path / "site"
    folder.mkdir()
    return Site(folder)


@pytest.fixture(scope="session")
def example_site(tmp_path_factory) -> Site:
    """The worked example, as an editable installation."""
    import tomllib

    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    found = Site(tmp_path_factory.mktemp("example"))
    points = {group.removeprefix("kerasarch."): values for group, values in project["entry-points"].items()}
    found.describe(project["name"], points, project["version"])
    (found.folder / "kerasarch_example").symlink_to(EXAMPLE / "src" / "kerasarch_example")
    return found
