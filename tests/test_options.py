"""Options: which annotations become what, and what each of them takes and refuses."""

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

import pytest

from kerasarch.errors import PluginError, UsageError
from kerasarch.options import REQUIRED, bind, did_you_mean, options_of
from kerasarch.recipe import Ge, Gt, Interval, Le, Lt

pytestmark = pytest.mark.backend_free


def one(annotation, default=REQUIRED):
    def function(run, *, x=default):
        return x

    function.__annotations__["x"] = annotation
    return options_of(function, {})["x"]


@pytest.mark.parametrize(
    ("annotation", "given", "value"),
    [
        (int, "3", 3),
        (int, "-3", -3),
        (int, 3.0, 3),
        (float, "1e-3", 0.001),
        (float, 2, 2.0),
        (str, "text", "text"),
        (str, 18, "18"),
        (bool, "yes", True),
        (bool, "OFF", False),
        (bool, True, True),
        (Path, "a/b", Path("a/b")),
        (Literal["a", "b"], "b", "b"),
        (Literal[18, 50], "50", 50),
        (int | None, "none", None),
        (int | None, "4", 4),
        (int | None, None, None),
        (Literal["a", None], "none", None),
        (tuple[int, ...], "1, 2,3", (1, 2, 3)),
        (tuple[int, ...], [1, 2], (1, 2)),
        (tuple[int, ...], "", ()),
        (tuple[str, ...] | None, "none", None),
        (Annotated[int, Ge(1)], "1", 1),
        (Annotated[float, Gt(0), Le(1)], "1", 1.0),
        (Annotated[float, Interval(ge=0, lt=1)], "0.5", 0.5),
        (Annotated[int, Ge(1)] | None, "2", 2),
        (tuple[Annotated[int, Ge(1)], ...], "1,2", (1, 2)),
    ],
)
def test_values_that_are_taken(annotation, given, value):
    found = one(annotation).read(given)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("annotation", "given", "expected"),
    [
        (int, "3.5", "a whole number"),
        (int, 3.5, "a whole number"),
        (int, "many", "a whole number"),
        (int, True, "a whole number"),
        (int, "", "a whole number"),
        (int, None, "a whole number"),
        (int, "none", "a whole number"),
        (float, "nan", "a number"),
        (float, "inf", "a number"),
        (float, [1.0], "a number"),
        (bool, "maybe", "true or false"),
        (bool, 1, "true or false"),
        (Path, "", "a path"),
        (str, ["a"], "text"),
        (Literal["a", "b"], "c", "one of a, b"),
        (Annotated[int, Ge(1)], "0", "a whole number >= 1"),
        (Annotated[float, Gt(0), Lt(1)], "1", "a number > 0 and < 1"),
        (Annotated[int, Ge(1)] | None, "0", "a whole number >= 1, or none"),
        (tuple[int, ...], "1,x", "values separated by commas, each a whole number"),
        (tuple[int, ...], 5, "values separated by commas, each a whole number"),
    ],
)
def test_values_that_are_refused_name_option_value_and_what_is_accepted(annotation, given, expected):
    with pytest.raises(UsageError) as caught:
        one(annotation).read(given)
    shown = given if isinstance(given, str) else repr(given)
    assert str(caught.value) == f"--x: received {shown}, expected {expected}."


@dataclasses.dataclass(frozen=True)
class Shared:
    """Options that recipes share.

    Args:
        batch_size: Pictures at a time.
        rate: How fast.
    """

    batch_size: Annotated[int, Ge(1)] = 8
    rate: float = 0.1


def test_a_dataclass_stands_flattened_in_its_place():
    def function(run, *, first: int, shared: Shared = Shared(rate=0.5), last: bool = False):
        return first, shared, last

    options = options_of(function, {"first": "The first."})
    assert list(options) == ["first", "batch_size", "rate", "last"]
    assert options["rate"].default == 0.5
    assert options["batch_size"].text == "Pictures at a time."
    assert options["batch_size"].flag == "--batch-size"
    assert options["batch_size"].field_of == "shared"
    assert options["first"].required
    assert options["first"].text == "The first."


def test_a_parameter_without_annotation_is_what_its_default_is():
    options = options_of(lambda run, *, epochs=3, name="x", on=True: None, {})
    assert [option.type for option in options.values()] == [int, str, bool]


def bad_position(run, epochs: int = 1):
    pass


def bad_type(run, *, epochs: dict = {}):  # noqa: B006
    pass


def bad_default(run, *, epochs: Annotated[int, Ge(1)] = 0):
    pass


def none_default(run, *, epochs: int = None):  # noqa: RUF013
    pass


def bad_name(run, *, thing: "NotThere" = 1):  # noqa: F821
    pass


def no_run(*, epochs: int = 1):
    pass


def two_meanings(run, *, cache: bool = True, no_cache: int = 1):
    pass


def twice(run, *, rate: float = 1.0, shared: Shared = Shared()):
    pass


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (bad_position, "'epochs' must be keyword-only"),
        (bad_type, "which no option can be"),
        (bad_default, "the default of --epochs: received 0"),
        (none_default, "the default of --epochs: received None"),
        (bad_name, "annotations cannot be read: NameError"),
        (no_run, "first parameter must be the run"),
        (two_meanings, "--no-cache would mean two things"),
        (twice, "--rate is defined twice"),
    ],
)
def test_signatures_that_no_recipe_may_have(function, words):
    with pytest.raises(PluginError, match=words):
        options_of(function, {})


def test_binding_fills_in_defaults_and_names_what_is_missing_or_unknown():
    options = options_of(_good, {})
    assert bind(options, {"folder": "x"}) == {"folder": Path("x"), "epochs": 3}
    with pytest.raises(UsageError, match="missing --folder"):
        bind(options, {})
    with pytest.raises(UsageError, match=r"unknown option --epoch\. Did you mean epochs"):
        bind(options, {"folder": "x", "epoch": 1})


def _good(run, *, folder: Path, epochs: int = 3):
    pass


def test_suggestions_are_near_or_absent():
    known = ["--epochs", "--no-cache", "--check", "--backend"]
    assert did_you_mean("--epoch", known) == " Did you mean --epochs?"
    assert did_you_mean("--zzz", known) == ""
    assert did_you_mean("x", []) == ""
