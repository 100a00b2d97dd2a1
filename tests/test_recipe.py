"""The recipe contract: what the decorator keeps, and how a result is held against what is expected."""

import dataclasses

import pytest

from kerasarch.errors import PluginError
from kerasarch.recipe import Recipe, meets, recipe

pytestmark = pytest.mark.backend_free


@dataclasses.dataclass(frozen=True)
class Shared:
    """Shared options."""

    batch: int = 8


@recipe(task="t", data="d", expect={"accuracy": ">=0.9", "loss": "<0.5"}, resumable=("epochs",))
def a_recipe(run, *, epochs: int = 1, shared: Shared = Shared()):
    """Do a thing.

    What it does at length.

    Args:
        epochs: Passes over
            the data.
    """
    return {"run": run, "epochs": epochs, "shared": shared}


def test_the_function_stays_callable_and_gains_its_recipe():
    declared = a_recipe.recipe
    assert isinstance(declared, Recipe)
    assert a_recipe("run", epochs=2)["epochs"] == 2
    assert (declared.name, declared.task, declared.data) == ("a-recipe", "t", "d")
    assert (declared.summary, declared.description) == ("Do a thing", "What it does at length.")
    assert declared.options["epochs"].text == "Passes over the data."
    assert declared.api == 1


def test_a_call_gathers_the_fields_of_a_dataclass():
    declared = a_recipe.recipe
    result = declared.call("the run", declared.bind({"batch": "4"}))
    assert result == {"run": "the run", "epochs": 1, "shared": Shared(4)}


def test_a_recipe_that_returns_nothing_has_an_empty_result():
    declared = recipe(task="t")(lambda run: None).recipe
    assert declared.call(None, {}) == {}


@pytest.mark.parametrize(
    ("value", "expected", "verdict"),
    [
        (0.9, ">=0.9", True),
        (0.89, ">= 0.9", False),
        (1, ">0", True),
        (-2, "<=-1e-3", True),
        (3, "==3", True),
        (float("nan"), ">=0", False),
        (None, ">=0", False),
        ("high", ">=0", False),
        ([1], ">=0", False),
    ],
)
def test_expectations(value, expected, verdict):
    assert meets(value, expected) is verdict


def test_verdicts_name_expectation_and_observation():
    assert a_recipe.recipe.verdicts({"accuracy": 0.95}) == {
        "accuracy": (">=0.9", 0.95, True),
        "loss": ("<0.5", None, False),
    }


@pytest.mark.parametrize("expected", ["0.9", "about 1", ">=", ">=x", "=>1", ">=1.2.3"])
def test_an_expectation_that_is_none_is_found_when_the_recipe_is_loaded(expected):
    declared = recipe(task="t", expect={"accuracy": expected})(lambda run: None).recipe
    with pytest.raises(PluginError, match="is not a comparison and a number"):
        declared.validate()


def reserved(run, *, seed: int = 0):
    pass


def test_names_of_the_runner_and_unknown_resumable_ones_are_refused():
    with pytest.raises(PluginError, match="'seed' belongs to the runner"):
        recipe(task="t")(reserved).recipe.validate()
    with pytest.raises(PluginError, match="resumable names 'epoch'"):
        recipe(task="t", resumable=("epoch",))(lambda run, *, epochs=1: None).recipe.validate()
