"""The database and the broker that the environment names, open while a command runs."""

import click

from infra.alpaca.http import AlpacaHttp
from infra.alpaca.trading import AlpacaTrading
from infra.postgres.database import Database, connector
from infra.settings import Settings


def operated() -> tuple[Settings, Database]:
    """Open the database of the environment."""
    settings = Settings.from_environment()
    database = Database(connector(settings.database_url.get_secret_value()), size=1)
    click.get_current_context().call_on_close(database.close)
    return settings, database


def trading(settings: Settings) -> AlpacaTrading:
    """Open the broker of the environment."""
    key_id, secret = (
        settings.require("alpaca_api_key_id"),
        settings.require("alpaca_api_secret_key"),
    )
    broker = AlpacaHttp(settings.alpaca_trading_base_url, key_id, secret)
    click.get_current_context().call_on_close(broker.close)
    return AlpacaTrading(broker)
