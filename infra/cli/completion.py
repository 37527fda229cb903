"""`countersign completion SHELL`: commands and options at the press of a key."""

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from infra.cli.options import examples

_SHELLS: dict[str, type[ShellComplete]] = {
    "bash": BashComplete,
    "zsh": ZshComplete,
    "fish": FishComplete,
}


@click.command(
    epilog=examples(
        'eval "$(countersign completion bash)"',
        'eval "$(countersign completion zsh)"',
        "countersign completion fish > ~/.config/fish/completions/countersign.fish",
    )
)
@click.argument("shell", type=click.Choice(list(_SHELLS)))
def completion(*, shell: str) -> None:
    """Print what completes commands and options in SHELL: bash from 4.4, zsh or fish."""
    root = click.get_current_context().find_root().command
    click.echo(_SHELLS[shell](root, {}, "countersign", "_COUNTERSIGN_COMPLETE").source())
