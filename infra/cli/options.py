"""What several commands take."""

import getpass
from decimal import Decimal, InvalidOperation
from pathlib import Path

import click

FOLDER = Path(".countersign")
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead.")


def examples(*commands: str) -> str:
    """Return how a command is typed, as it stands at the end of its help."""
    return "\n".join(["Examples:", "", "\b", *(f"  {each}" for each in commands)])


def number(text: str) -> Decimal:
    """Read an answer; what is no number is a usage error."""
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise click.UsageError(f"{text!r} is not a number from -10 to 10") from error


def operator() -> str:
    """Name who runs a command, as it is written down with what they decide."""
    return f"{getpass.getuser()} by countersign"
