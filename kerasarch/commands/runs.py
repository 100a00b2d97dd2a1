"""``kerasarch runs``: what became of the runs."""

from kerasarch.commands.program import LazyGroup

command = LazyGroup(
    "runs",
    short_help="List, show and compare runs, and open their reports",
    help="List, show and compare runs, and open their reports.\n\n"
    "RUN is the path of a run's folder, its short id or the beginning of it, `latest`, or `RECIPE/latest`.",
    table={
        "Commands": {
            "ls": "List the runs, the newest first",
            "show": "Show one run: options, environment and result",
            "compare": "Compare the options and results of two runs",
            "report": "Write a run's report again, and open it",
        }
    },
    prefix="runs_",
    options_metavar="",
)
