"""Discovery: what is listed without being imported, and what becomes of plugins that are broken or collide."""

import subprocess
import sys
import time

import pytest

from kerasarch import registry
from kerasarch.errors import PluginError, UsageError
from kerasarch.recipe import Recipe
from tests.fake_plugins import ZOO, forget, install, install_zoo, recipe_source

pytestmark = pytest.mark.backend_free


@pytest.fixture
def zoo(tmp_path, monkeypatch):
    install_zoo(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    forget()


def test_listing_imports_nothing_and_names_everything(zoo):
    start = time.perf_counter()
    known = registry.names("recipes")
    texts = {name: entry.summary.text for name, entry in known.items()}
    assert time.perf_counter() - start < 5
    assert texts["good"] == "Do good"
    assert texts["slow"] == "Take an hour to import"
    assert texts["broken"] == "Break"
    assert not set(ZOO) & set(sys.modules)


def test_static_summary_reads_the_literal_arguments_of_the_decorator(zoo):
    summary = registry.find("recipes", "good").summary
    assert (summary.task, summary.data, dict(summary.expect)) == ("fake-task", "made up", {"score": ">=1"})
    assert summary.problem == ""


def test_builtin_entries_come_first_and_keep_their_names(zoo):
    found = registry.entries("recipes")
    builtin = [entry.builtin for entry in found]
    assert builtin == sorted(builtin, reverse=True)
    known = registry.names("recipes")
    assert known["transfer-resnet"].builtin
    assert known["colliding-plugin:transfer-resnet"].distribution == "colliding-plugin"


def test_two_plugins_of_one_name_need_the_long_one(zoo):
    known = registry.names("recipes")
    assert "twin" not in known
    assert {"left-plugin:twin", "right-plugin:twin"} <= set(known)
    with pytest.raises(UsageError, match=r"several packages.*left-plugin:twin, right-plugin:twin"):
        registry.find("recipes", "twin")
    assert registry.load_recipe("right-plugin:twin").summary == "Be the right twin"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("broken", ["broken-plugin 0.1", "RuntimeError: I am", "pip uninstall broken-plugin"]),
        ("quitting", ["quitting-plugin 0.1", "SystemExit"]),
        ("ancient", ["ancient-plugin 0.1", "speaks version 0", "update the plugin"]),
        ("future", ["future-plugin 0.1", "speaks version 99", "update kerasarch"]),
        ("eager", ["eager-plugin 0.1", "imports keras at module level", "into the recipe's function"]),
        ("absent", ["absent-plugin 0.1", "ModuleNotFoundError"]),
        ("misspelt", ["misspelt-plugin 0.1", "SyntaxError"]),
        ("plain", ["plain-plugin:plain", "not a recipe"]),
    ],
)
def test_a_broken_plugin_says_whose_it_is_and_why(zoo, name, words):
    before = sys.modules.get("keras")
    with pytest.raises(PluginError) as caught:
        registry.load_recipe(name)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert "\n" not in str(caught.value)
    assert sys.modules.get("keras") is before


def test_what_cannot_be_read_has_a_problem_instead_of_an_error(zoo):
    known = registry.names("recipes")
    assert "cannot be found" in known["absent"].summary.problem
    assert "SyntaxError" in known["misspelt"].summary.problem
    assert "speaks version 99" in known["future"].summary.problem


def test_unknown_names_bring_the_nearest(zoo):
    with pytest.raises(UsageError, match="Did you mean good"):
        registry.find("recipes", "goood")
    with pytest.raises(UsageError, match="Did you mean transfer-resnet"):
        registry.find("recipes", "transfer_resnet")
    with pytest.raises(UsageError, match="kerasarch list"):
        registry.find("recipes", "zzzzzz")


def test_the_environment_chooses_who_takes_part(zoo, monkeypatch):
    monkeypatch.setenv("KERASARCH_PLUGINS", "Good_Plugin, left-plugin")
    assert {entry.distribution for entry in registry.entries("recipes")} == {"kerasarch", "good-plugin", "left-plugin"}
    assert "twin" in registry.names("recipes")
    monkeypatch.setenv("KERASARCH_PLUGINS", "none")
    assert {entry.distribution for entry in registry.entries("recipes")} == {"kerasarch"}
    assert len({entry.distribution for entry in registry.entries("recipes", every=True)}) > 5


def test_models_are_described_by_their_module_and_their_table_of_variants(zoo):
    entry = registry.find("models", "tinynet")
    assert entry.summary.text == "A tiny network"
    assert entry.summary.variants == ("tinynet_1", "tinynet_2")
    assert "resnet50" in registry.find("models", "resnet").summary.variants


def test_nonsense_in_a_decorator_does_not_break_the_listing(tmp_path, monkeypatch):
    source = '@recipe(task=3, data=["x"], expect=call(), api="1", text="forged")\ndef odd(run):\n    """Be odd."""\n'
    install(tmp_path, "odd-plugin", {"recipes": {"odd": "odd_plugin:odd"}}, {"odd_plugin": source})
    monkeypatch.syspath_prepend(str(tmp_path))
    summary = registry.find("recipes", "odd").summary
    assert (summary.text, summary.task, summary.data, summary.api) == ("Be odd", "", "", 1)


def test_a_module_in_a_package_is_found_without_importing_the_package(tmp_path, monkeypatch):
    modules = {"deep_plugin.__init__": "raise RuntimeError", "deep_plugin.inner.mine": recipe_source("mine", "Be deep")}
    install(tmp_path, "deep", {"recipes": {"deep": "deep_plugin.inner.mine:mine"}}, modules)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert registry.find("recipes", "deep").summary.text == "Be deep"


def test_a_recipe_in_a_file(tmp_path):
    file = tmp_path / "my.py"
    file.write_text(recipe_source("mine", "Be mine"))
    recipe = registry.load_recipe(str(file))
    assert isinstance(recipe, Recipe)
    assert recipe.summary == "Be mine"
    assert registry.load_recipe(f"{file}:mine").summary == "Be mine"


@pytest.mark.parametrize(
    ("source", "error", "words"),
    [
        ("", UsageError, "holds no recipe"),
        (recipe_source("one") + recipe_source("two"), UsageError, "holds 2 recipes. Choose one"),
        ("import kerasarch\nimport os\n", UsageError, "holds no recipe"),
        ("1 / 0", PluginError, "ZeroDivisionError"),
        ("def f(:", PluginError, "SyntaxError"),
        ("import keras\n", PluginError, "imports keras at module level"),
        ("raise SystemExit(0)\n", PluginError, "SystemExit"),
        (recipe_source("one", api=7), PluginError, "speaks version 7"),
    ],
)
def test_files_that_hold_no_single_recipe(tmp_path, source, error, words):
    file = tmp_path / "mine.py"
    file.write_text(source)
    with pytest.raises(error, match=words):
        registry.load_recipe(str(file))


def test_a_missing_file_and_a_missing_function(tmp_path):
    with pytest.raises(UsageError, match="no recipe file at"):
        registry.load_recipe(str(tmp_path / "none.py"))
    (tmp_path / "my.py").write_text(recipe_source("mine"))
    with pytest.raises(UsageError, match=r"has no recipe yours\. It has: mine"):
        registry.load_recipe(f"{tmp_path / 'my.py'}:yours")


def test_a_checkout_that_is_not_installed_lists_and_finds_its_own(tmp_path):
    """Without any metadata, the entries come from pyproject.toml, and recipes/ is the package kerasarch.recipes."""
    root = registry.Path(registry.__file__).parent.parent
    program = (
        "import sys, importlib.metadata as m; m.entry_points = lambda group: [];"
        "sys.meta_path = [f for f in sys.meta_path if 'editable' not in str(f).lower()];"
        "from kerasarch.registry import names;"
        "print({n: e.summary.problem for n, e in names('recipes').items()}, 'keras' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env={"PYTHONPATH": str(root)}, capture_output=True, text=True
    )
    assert "'transfer-resnet': ''" in done.stdout, done.stdout + done.stderr
    assert done.stdout.rstrip().endswith("False")
