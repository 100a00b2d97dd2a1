"""What the kit says of a recipe's declaration, before anything runs."""

from typing import Annotated

import pytest

from kerasarch.recipe import Ge, Run, recipe
from kerasarch.testing.findings import Finding, lines, verdict
from kerasarch.testing.recipes import DECLARATION, MEASURED

pytestmark = pytest.mark.backend_free


def sound(run: Run, *, epochs: Annotated[int, Ge(1)] = 3):
    """Train something.

    Args:
        epochs: Passes.
    """


def without_docstring(run: Run):
    return {}


def without_text(run: Run, *, epochs: int = 3):
    """Train something."""


def required(run: Run, *, data: str):
    """Train something.

    Args:
        data: Where the data are.
    """


def long_summary(run: Run):
    """Train something whose description in one line goes on and on until nobody can read it in a list."""


def examine(function, expect=None):
    declared = recipe(task="testing", expect=expect or {"accuracy": ">=0.5"})(function).recipe
    return {check.name: check.examine(declared, title="x", backend="") for check in DECLARATION}


def test_sound_declaration_passes():
    assert {finding.status for finding in examine(sound).values()} == {"passed"}


@pytest.mark.parametrize(
    ("function", "check", "says"),
    [
        (without_docstring, "summary", "no docstring"),
        (long_summary, "summary", "columns, expected <= 80"),
        (without_text, "option texts", "--epochs"),
        (required, "defaults", "--data has no default"),
    ],
)
def test_fault_is_found(function, check, says):
    findings = examine(function)
    assert findings[check].status == "failed"
    assert says in findings[check].text
    assert findings[check].remedy
    assert [name for name, finding in findings.items() if finding.status == "failed"] == [check]


def test_expectations():
    assert examine(sound, {"accuracy": "about 0.9"})["expectations"].status == "failed"
    declared = recipe(task="testing")(sound).recipe
    check = next(known for known in DECLARATION if known.name == "expectations")
    assert check.examine(declared, title="x", backend="").status == "skipped"


@pytest.mark.parametrize(("name", "measured"), [("seconds", True), ("images_per_second", True), ("accuracy", False)])
def test_measurements_may_differ(name, measured):
    assert bool(MEASURED.search(name)) == measured


def test_report_fits_80_columns():
    findings = [
        Finding("one", "passed", "a text " * 30, "", "A subject " * 20, "jax"),
        Finding("two", "failed", "what was seen " * 20, "what to do " * 20, "A subject " * 20, "jax"),
        Finding("three", "skipped", "", "", "other", "torch"),
    ]
    told = lines(findings)
    assert max(len(line) for line in told) <= 80
    assert [line[:6] for line in told if line.startswith("  ") and line[2] != " "] == ["  ok  ", "  FAIL", "  skip"]
    assert verdict(findings) == "1 checks passed, 1 failed, 1 skipped"
