"""The database and the broker that the environment names, open while a command runs."""

import click

from infra import clients
from infra.alpaca.trading import AlpacaTrading
from infra.postgres.database import Database
from infra.runtime.settings import Settings


def open_database() -> tuple[Settings, Database]:
    """Open the database of the environment."""
    settings = Settings.from_environment()
    database = clients.database(settings, clients.secrets(settings), size=1)
    click.get_current_context().call_on_close(database.close)
    return settings, database


def open_trading(settings: Settings) -> AlpacaTrading:
    """Open the broker of the environment."""
    broker = clients.alpaca(settings.alpaca_trading_base_url, clients.secrets(settings))
    click.get_current_context().call_on_close(broker.close)
    return AlpacaTrading(broker)
