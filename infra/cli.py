"""`countersign …`: what a person at a terminal can do."""

import getpass
import json
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
from common.errors import MalformedMessageError, TradingError
from common.model import parse_json
from infra.alpaca.http import AlpacaHttp
from infra.alpaca.trading import AlpacaTrading
from infra.clock import SystemClock
from infra.postgres.database import Database, connector
from infra.settings import Settings

FOLDER = Path(".countersign")
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_RECORDED = "Recorded minute bars (CSV), in date order; the last file's session is replayed."


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
    type=_FILE,
    help=_RECORDED,
)
@click.option(
    "--config",
    "config_file",
    type=_FILE,
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
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
def selftest(*, as_json: bool) -> None:
    """Trip every guardrail and every rule type against the simulator."""
    from infra.local.selftest.run import selftest as run_selftest  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="countersign-") as folder:
        sys.exit(0 if run_selftest(Path(folder), as_json=as_json) else 1)


@main.command()
@click.option("--port", default=8080, show_default=True, help="Of the functions; 0: free ports.")
@click.option(
    "--replay",
    "recordings",
    multiple=True,
    type=_FILE,
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
@click.option(
    "--config",
    "config_file",
    required=True,
    type=_FILE,
    help="The user's trading config (JSON).",
)
@click.option(
    "--bars",
    "recordings",
    multiple=True,
    required=True,
    type=_FILE,
    help=_RECORDED,
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw a PNG.")
def replay(
    *, config_file: Path, recordings: Sequence[Path], as_json: bool, plot: Path | None
) -> None:
    """Try rules on recorded minutes, placing nothing."""
    from infra.local import history  # noqa: PLC0415
    from infra.local.narrator import Narrator  # noqa: PLC0415

    tell = Narrator(as_json=as_json)
    config = TradingConfig.from_document(parse_json(config_file.read_bytes()))
    found = history.replay(config, recordings, tell)
    if plot is not None:
        from infra.local.plot import draw  # noqa: PLC0415

        draw(found, plot)
    if as_json:
        click.echo(json.dumps(found.to_json(), indent=2))
    for line in [] if as_json else history.lines(found):
        click.echo(f"  {line}")


@main.group()
def config() -> None:
    """Check a trading config, or describe what one may say."""


@config.command("validate")
@click.argument("file", type=_FILE)
def validate_config(file: Path) -> None:
    """Name every problem of a config FILE (JSON), each with its place."""
    from common.validation import validate  # noqa: PLC0415
    from infra.settings import default_ceilings  # noqa: PLC0415

    try:
        checked = validate(parse_json(file.read_bytes()), default_ceilings())
    except MalformedMessageError as error:
        for problem in error.problems:
            click.echo(f"{file}: {problem}", err=True)
        sys.exit(1)
    symbols = ", ".join(sorted(checked.symbols))
    click.echo(f"{file} is valid: {len(checked.rules)} rules on {symbols} (hash {checked.hash})")


@config.command("docs")
@click.option("--folder", default="docs", type=click.Path(file_okay=False, path_type=Path))
def write_config_docs(folder: Path) -> None:
    """Write the JSON Schema and the reference page of the config."""
    from infra.local.config_docs import write  # noqa: PLC0415

    write(folder)
    click.echo(f"wrote {folder}")


@main.command()
@click.option("--user", metavar="UID", help="Only this user; everybody when left out.")
@click.option("--why", required=True, help="The reason: it is written down and shown to users.")
@click.option("--cancel-open", is_flag=True, help="Cancel what the broker still works on, too.")
def halt(*, user: str | None, why: str, cancel_open: bool) -> None:
    """Let no order through (the kill switch of DATABASE_URL)."""
    from infra import operate  # noqa: PLC0415

    settings, database = _operated()
    operate.halt(database, SystemClock(), user, why, _who())
    click.echo(f"halted: {user or 'everybody'}")
    if cancel_open:
        done = operate.cancel_open(database, _trading(settings), user)
        click.echo(f"asked the broker to cancel {done.asked} open orders")
        for refusal in done.refused:
            click.echo(f"not cancelled: {refusal}", err=True)


@main.command()
@click.option("--user", metavar="UID", help="Only this user; everybody when left out.")
@click.option("--why", required=True, help="The reason: it is written down.")
def resume(*, user: str | None, why: str) -> None:
    """Let orders through again."""
    from infra import operate  # noqa: PLC0415

    _, database = _operated()
    operate.resume(database, SystemClock(), user, why, _who())
    click.echo(f"resumed: {user or 'everybody'}")


@main.command()
def migrate() -> None:
    """Bring the database of DATABASE_URL to the current schema."""
    from infra.postgres.migrate import migrate as apply  # noqa: PLC0415

    for name in apply(_operated()[1]):
        click.echo(f"applied {name}")
    click.echo("the schema is current")


def _replay_options(config_file: Path | None, answer: str | None) -> tuple[dict[str, Any], Decimal]:
    if config_file is None or answer is None:
        raise click.UsageError("--replay needs --config FILE and --answer N")
    config = parse_json(config_file.read_bytes())
    TradingConfig.from_document(config)  # before anything is started
    return config, _number(answer)


def _operated() -> tuple[Settings, Database]:
    settings = Settings.from_environment()
    database = Database(connector(settings.database_url.get_secret_value()), size=1)
    click.get_current_context().call_on_close(database.close)
    return settings, database


def _trading(settings: Settings) -> AlpacaTrading:
    key_id, secret = (
        settings.require("alpaca_api_key_id"),
        settings.require("alpaca_api_secret_key"),
    )
    broker = AlpacaHttp(settings.alpaca_trading_base_url, key_id, secret)
    click.get_current_context().call_on_close(broker.close)
    return AlpacaTrading(broker)


def _who() -> str:
    return f"{getpass.getuser()} by countersign"


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
