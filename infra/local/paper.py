"""A real Alpaca paper account in place of the simulator, when the environment holds its keys."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from common.errors import PermanentError, TradingError
from infra.alpaca.account import AccountSummary
from infra.clients import Clients
from infra.runtime.setting_values import LIVE_HOST
from infra.runtime.settings import Settings

_KEYS = ("ALPACA_API_KEY_ID", "ALPACA_API_SECRET_KEY")
_TAKEN = (*_KEYS, "ALPACA_TRADING_BASE_URL", "ALPACA_DATA_BASE_URL", "ALPACA_DATA_FEED")


@dataclass(frozen=True)
class PaperAccount:
    """The settings that lead to the account: hosts, keys and feed."""

    environment: Mapping[str, str]

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self | None:
        """Return the account that the environment names, or None where it holds no keys.

        Raises PermanentError for half a pair of keys, and for the live host: the local stack never
        trades money.
        """
        given = {name: value for name in _TAKEN if (value := environment.get(name))}
        missing = [name for name in _KEYS if name not in given]
        if missing == [*_KEYS]:
            return None
        if missing:
            raise PermanentError(f"{missing[0]} is not set: a paper account needs both keys")
        if LIVE_HOST in given.get("ALPACA_TRADING_BASE_URL", "").split("/"):
            raise PermanentError(
                f"ALPACA_TRADING_BASE_URL is the live host {LIVE_HOST}: the local stack trades"
                " paper only. Leave it out, or name the paper host"
            )
        return cls(given)

    @property
    def trading_url(self) -> str:
        """Base URL of the trading API."""
        return self._settings.alpaca_trading_base_url

    def look(self) -> AccountSummary:
        """Read the account before anything starts; raises PermanentError that says what to do."""
        clients = Clients(self._settings)
        try:
            return clients.trading.summary()
        except TradingError as error:
            raise PermanentError(
                f"the paper account at {self.trading_url} cannot be read: {error}. Are the keys"
                " those of a paper account? Without ALPACA_API_KEY_ID the simulator is used"
            ) from error
        finally:
            clients.close()

    @property
    def _settings(self) -> Settings:
        return Settings.without_database(self.environment)
