"""The page about the command line says what the program says."""

import runpy
from pathlib import Path

import pytest

pytestmark = pytest.mark.backend_free

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_what_the_program_says(monkeypatch):
    monkeypatch.setenv("COLUMNS", "82")
    tool = runpy.run_path(str(DOCS / "command_line.py"))
    written = (DOCS / "command-line.md").read_text()
    assert written == tool["page"](), "the command line has changed: python docs/command_line.py"


def test_the_page_names_every_option_of_the_runner():
    from kerasarch.commands.runner_options import parameters

    written = (DOCS / "command-line.md").read_text()
    for parameter in parameters():
        assert parameter.opts[0] in written
