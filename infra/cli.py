"""`countersign …`: what a person at a terminal can do."""

import sys
import tempfile
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from common.config import TradingConfig
from common.errors import TradingError
from common.model import parse_json
from infra.settings import Settings

FOLDER = Path(".countersign")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="countersign")
def main() -> None:
    """Watch markets, ask their owner, and trade only after a yes."""


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
@click.option(
    "--replay",
    "recordings",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Recorded minute bars (CSV), in date order; the last file's session is replayed.",
)
@click.option(
    "--config",
    "config_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The user's trading config (JSON); needed with --replay.",
)
@click.option("--answer", type=str, help="What every question is answered (-10 to +10).")
def demo(
    *, as_json: bool, recordings: Sequence[Path], config_file: Path | None, answer: str | None
) -> None:
    """Walk an order's whole way, or a recorded session, through the real functions."""
    from infra.local.demo import quiet_morning  # noqa: PLC0415 (heavy, and local only)
    from infra.local.narrator import Narrator  # noqa: PLC0415
    from infra.local.replay import replay  # noqa: PLC0415

    tell = Narrator(as_json=as_json)
    with tempfile.TemporaryDirectory(prefix="countersign-") as folder:
        if recordings:
            config, value = _replay_options(config_file, answer)
            report = replay(Path(folder), recordings, config, value, tell)
        elif config_file or answer:
            raise click.UsageError("--config and --answer go with --replay")
        else:
            report = quiet_morning(Path(folder), tell)
    tell.conclude(report)
    sys.exit(0 if report.ok else 1)


@main.command()
@click.option("--port", default=8080, show_default=True, help="Of the functions; 0: free ports.")
@click.option(
    "--replay",
    "recordings",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Recorded minute bars (CSV) instead of a quiet market.",
)
@click.option("--speed", default=1.0, show_default=True, help="Of the replay, 1 is real time.")
@click.option(
    "--push",
    "pushes",
    multiple=True,
    metavar="TOPIC=URL",
    help="Deliver a topic (questions-created, trade-updates) to your app backend too.",
)
def dev(*, port: int, recordings: Sequence[Path], speed: float, pushes: Sequence[str]) -> None:
    """Keep the local stack running; where everything is stands in .countersign/stack.json."""
    from infra.local.dev import dev as run_stack  # noqa: PLC0415
    from infra.local.narrator import Narrator  # noqa: PLC0415

    run_stack(FOLDER, port, recordings, speed, _pushes(pushes), Narrator())


@main.command()
@click.argument("question_id", type=click.UUID)
@click.argument("value", type=str)
def answer(question_id: UUID, value: str) -> None:
    """Answer a question of the running local stack: VALUE from -10 to +10."""
    from infra.local.app_backend import answer_running_stack  # noqa: PLC0415

    status, said = answer_running_stack(FOLDER / "stack.json", question_id, _number(value))
    click.echo(said)
    sys.exit(0 if status == HTTPStatus.OK else 1)


@main.command()
def migrate() -> None:
    """Bring the database of DATABASE_URL to the current schema."""
    from infra.postgres.database import Database, connector  # noqa: PLC0415
    from infra.postgres.migrate import migrate as apply  # noqa: PLC0415

    url = Settings.from_environment().database_url.get_secret_value()
    applied = apply(Database(connector(url)))
    for name in applied:
        click.echo(f"applied {name}")
    click.echo("the schema is current")


def _replay_options(config_file: Path | None, answer: str | None) -> tuple[dict[str, Any], Decimal]:
    if config_file is None or answer is None:
        raise click.UsageError("--replay needs --config FILE and --answer N")
    config = parse_json(config_file.read_bytes())
    TradingConfig.from_document(config)  # before anything is started
    return config, _number(answer)


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise click.UsageError(f"{text!r} is not a number from -10 to 10") from error


def _pushes(options: Sequence[str]) -> dict[str, list[str]]:
    pushes: dict[str, list[str]] = {}
    for option in options:
        topic, _, url = option.partition("=")
        if not url.startswith("http"):
            raise click.UsageError(f"--push {option}: must be TOPIC=http://...")
        pushes.setdefault(topic, []).append(url)
    return pushes


def run() -> None:
    """Run `main`; what we raise on purpose is one clear line and exit status 1, not a traceback."""
    try:
        main()
    except TradingError as error:
        click.echo(f"countersign: {error}", err=True)
        sys.exit(1)
