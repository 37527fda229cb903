"""The database and the broker that the environment names, open while a command runs."""

import click

from infra import opening
from infra.alpaca.trading import AlpacaTrading
from infra.postgres.database import Database
from infra.settings import Settings


def operated() -> tuple[Settings, Database]:
    """Open the database of the environment."""
    settings = Settings.from_environment()
    database = opening.database(settings, opening.secrets(settings), size=1)
    click.get_current_context().call_on_close(database.close)
    return settings, database


def trading(settings: Settings) -> AlpacaTrading:
    """Open the broker of the environment."""
    broker = opening.alpaca(settings.alpaca_trading_base_url, opening.secrets(settings))
    click.get_current_context().call_on_close(broker.close)
    return AlpacaTrading(broker)
