"""What several commands take."""

import getpass
from decimal import Decimal, InvalidOperation
from pathlib import Path

import click

FOLDER = Path(".countersign")
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def number(text: str) -> Decimal:
    """Read an answer; what is no number is a usage error."""
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise click.UsageError(f"{text!r} is not a number from -10 to 10") from error


def operator() -> str:
    """Name who runs a command, as it is written down with what they decide."""
    return f"{getpass.getuser()} by countersign"
