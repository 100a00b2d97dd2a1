"""``kerasarch completion``: the script that makes a shell complete commands, recipes and options."""

import os
from pathlib import Path

import click

from kerasarch.errors import UsageError

SHELLS = {
    "bash": 'eval "$(kerasarch completion bash)"  # in ~/.bashrc',
    "zsh": 'eval "$(kerasarch completion zsh)"  # in ~/.zshrc',
    "fish": "kerasarch completion fish | source  # in ~/.config/fish/config.fish",
}
"""How each shell takes the script in."""


@click.command(
    short_help="Print the completion script for your shell",
    epilog="\b\nTo have it in every new shell:\n" + "\n".join(f"  {line}" for line in SHELLS.values()),
)
@click.argument("shell", type=click.Choice(list(SHELLS)), required=False)
@click.pass_context
def command(ctx: click.Context, shell: str | None) -> None:
    """Print the script that completes commands, recipes and options.

    SHELL is bash, zsh or fish; by default the shell you are in.
    """
    from click.shell_completion import get_completion_class

    shell = shell or Path(os.environ.get("SHELL", "")).name
    kind = get_completion_class(shell) if shell in SHELLS else None
    if kind is None:
        raise UsageError(
            f"completion: the shell is {shell or 'unknown'}, expected one of {', '.join(SHELLS)}. Name it."
        )
    root = ctx.find_root()
    source = kind(root.command, {}, "kerasarch", "_KERASARCH_COMPLETE").source_vars()
    click.echo(kind.source_template % source)
