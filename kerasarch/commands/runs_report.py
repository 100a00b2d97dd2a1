"""``kerasarch runs report RUN``: its report, written again from what the folder holds."""

from pathlib import Path

import click

from kerasarch.commands import console
from kerasarch.commands.run_argument import RunName, out_option
from kerasarch.runs.folder import find


@click.command(short_help="Write a run's report again, and open it")
@click.argument("run", metavar="RUN", type=RunName())
@out_option
@click.option("--open", "show", is_flag=True, help="Open it in the browser.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: the path of the report.")
def command(run: str, out: Path, show: bool, as_json: bool) -> None:
    """Write the report of RUN again from what its folder holds, also while it is running.

    The report is one file that opens offline.
    """
    from kerasarch.runs.report import write_report

    path = write_report(find(run, out))
    if as_json:
        console.say_json({"report": str(path)})
    else:
        console.say(str(path))
    if show and click.launch(path.as_uri()):
        console.note("No browser could be started. Open the file by hand.")
