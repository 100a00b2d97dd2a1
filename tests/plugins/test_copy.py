"""``kerasarch copy``: the copy runs by its path, and nothing of the user's is overwritten."""

import pytest

from kerasarch.commands.copy import absolute

pytestmark = pytest.mark.backend_free

RECIPE = '''
    """A module."""
    from kerasarch.recipe import Run, recipe

    from . import words
    from .words import (
        WORD,
    )

    @recipe(task="testing")
    def greeting(run: Run, *, word: str = WORD):
        """Say a word.

        Args:
            word: What is said.
        """
        from .deep.deeper import depth
        return {"place": __file__, "depth": depth}
'''


@pytest.fixture
def packaged(site):
    modules = {
        "greetings/__init__.py": "",
        "greetings/words.py": "WORD = 'hello'\n",
        "greetings/deep/__init__.py": "",
        "greetings/deep/deeper.py": "depth = 2\n",
        "greetings/recipe.py": RECIPE,
    }
    site.install("greetings", {"recipes": {"say-it": "greetings.recipe:greeting"}}, modules)
    return site


def test_copy_is_a_recipe_by_path(packaged, tmp_path):
    ended = packaged.kerasarch("copy", "say-it", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    text = (tmp_path / "say_it.py").read_text()
    assert "from greetings import words\n" in text
    assert "from greetings.words import (\n" in text
    assert "    from greetings.deep.deeper import depth\n" in text
    assert "kerasarch run ./say_it.py" in ended.stdout
    assert "__file__ now means the copy" in ended.stdout
    shown = packaged.kerasarch("show", "./say_it.py", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "default: hello" in shown.stdout


def test_nothing_is_overwritten(packaged, tmp_path):
    mine = tmp_path / "mine.py"
    mine.write_text("precious")
    ended = packaged.kerasarch("copy", "say-it", "mine.py", cwd=tmp_path)
    assert ended.returncode == 2
    assert "mine.py exists" in ended.stderr
    assert mine.read_text() == "precious"
    assert packaged.kerasarch("copy", "say-it", "mine.py", "--force", cwd=tmp_path).returncode == 0
    assert "greetings" in mine.read_text()
    folder = tmp_path / "folder"
    folder.mkdir()
    assert packaged.kerasarch("copy", "say-it", str(folder)).returncode == 0
    assert (folder / "say_it.py").is_file()


@pytest.mark.parametrize(("dest", "says"), [("mine.txt", "nor a Python file"), ("./mine.py/x.py", "cannot be written")])
def test_wrong_destinations(packaged, tmp_path, dest, says):
    (tmp_path / "mine.py").write_text("precious")
    ended = packaged.kerasarch("copy", "say-it", dest, cwd=tmp_path)
    assert ended.returncode in (1, 2)
    assert says in ended.stderr


def test_a_file_is_no_recipe_to_copy(packaged):
    ended = packaged.kerasarch("copy", "./mine.py")
    assert ended.returncode == 2
    assert "a file of yours already" in ended.stderr


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("from . import a", "from package.inner import a"),
        ("from .. import a", "from package import a"),
        ("from ..b.c import a as d", "from package.b.c import a as d"),
        ("from.b import(a)", "from package.inner.b import(a)"),
        ("x = 'ä'; from .b import a", "x = 'ä'; from package.inner.b import a"),
        ("if x: from . b import a", "if x: from package.inner.b import a"),
        ("from a.b import c  # from .d import e", "from a.b import c  # from .d import e"),
    ],
)
def test_relative_imports(line, expected):
    assert absolute(line, "package.inner") == expected
