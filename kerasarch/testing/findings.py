"""What a check found, and how it is told: one line a check, a failing one explained with its remedy."""

import dataclasses
import textwrap
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

Status = Literal["passed", "failed", "skipped"]
MARKS: Mapping[Status, str] = {"passed": "ok", "failed": "FAIL", "skipped": "skip"}
WIDTH = 80


class Violation(Exception):  # noqa: N818 - it is caught by the kit and never reaches a user as an error
    """A check does not hold; the text says what was received and what was expected."""


class NotApplicable(Exception):  # noqa: N818 - it is caught by the kit and never reaches a user as an error
    """A check has nothing to examine here; the text says why."""


class ConformanceError(AssertionError):
    """At least one check failed. Its text is the report; ``findings`` holds the parts."""

    def __init__(self, findings: Sequence["Finding"]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n" + "\n".join(lines(findings)))


@dataclasses.dataclass(frozen=True)
class Finding:
    """What one check found.

    Args:
        check: The check's name.
        status: ``passed``, ``failed`` or ``skipped``.
        text: What was seen, or why it was skipped.
        remedy: What to do when it failed.
        subject: What was checked: the example, or the recipe.
        backend: Where it ran, or nothing where no backend took part.
        seconds: How long it took.
    """

    check: str
    status: Status
    text: str = ""
    remedy: str = ""
    subject: str = ""
    backend: str = ""
    seconds: float = 0.0


@dataclasses.dataclass(frozen=True)
class Check:
    """One check.

    Args:
        name: Its name, a few words.
        remedy: What an author does when it fails.
        function: Takes the subject; returns what to print beside the mark, or None. Raises `Violation` or
            `NotApplicable`.
    """

    name: str
    remedy: str
    function: Callable[[Any], str | None]

    def examine(self, subject: Any, *, title: str, backend: str, skip: Mapping[str, str] | None = None) -> Finding:
        """Run the check; whatever a stranger's code raises becomes a failed finding.

        Args:
            subject: What the function takes.
            title: The subject in words.
            backend: Where it runs.
            skip: Names of checks to leave out, each with its reason.
        """
        if skip and self.name in skip:
            return Finding(self.name, "skipped", skip[self.name], "", title, backend)
        start = time.perf_counter()
        status: Status = "passed"
        try:
            with warnings.catch_warnings():
                # NumPy 2 warns of how Keras turns tensors into arrays, which is not the author's to mend.
                warnings.filterwarnings("ignore", r"__array__ implementation doesn't accept", DeprecationWarning)
                text = self.function(subject) or ""
        except NotApplicable as reason:
            status, text = "skipped", str(reason)
        except Violation as violation:
            status, text = "failed", str(violation)
        except Exception as error:  # noqa: BLE001 - whatever it raises is what the author must see
            first = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
            status, text = "failed", f"raised {type(error).__name__}: {first}"
        seconds = time.perf_counter() - start
        return Finding(self.name, status, text, self.remedy if status == "failed" else "", title, backend, seconds)


def failed(findings: Iterable[Finding]) -> list[Finding]:
    """Return those that failed."""
    return [finding for finding in findings if finding.status == "failed"]


def lines(findings: Sequence[Finding]) -> list[str]:
    """Tell findings at 80 columns: a heading for each subject and backend, a line a check, failures explained."""
    told: list[str] = []
    heading = None
    for finding in findings:
        here = (finding.subject, finding.backend)
        if here != heading:
            told.append(textwrap.shorten(": ".join(part for part in reversed(here) if part), WIDTH, placeholder=" ..."))
            heading = here
        told += _told(finding)
    return told


def verdict(findings: Sequence[Finding]) -> str:
    """Tell the count in one line: ``21 checks passed, 1 failed, 2 skipped``."""
    count = {status: sum(finding.status == status for finding in findings) for status in MARKS}
    words = f"{count['passed']} checks passed"
    words += f", {count['failed']} failed" if count["failed"] else ""
    return words + (f", {count['skipped']} skipped" if count["skipped"] else "")


def _told(finding: Finding) -> list[str]:
    start = f"  {MARKS[finding.status]:<4}  {finding.check}"
    if finding.status != "failed":
        beside = f"{start}: {finding.text}" if finding.text else start
        return [beside if len(beside) <= WIDTH else f"{beside[: WIDTH - 4]} ..."]
    wrapped = textwrap.wrap(finding.text, WIDTH - 8) + textwrap.wrap(f"Remedy: {finding.remedy}", WIDTH - 8)
    return [start, *(f"        {line}" for line in wrapped)]
