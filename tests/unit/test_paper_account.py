"""Whether the environment names a paper account."""

import pytest

from common.errors import PermanentError
from infra.local.paper import PaperAccount

KEYS = {"ALPACA_API_KEY_ID": "PK1", "ALPACA_API_SECRET_KEY": "s"}


def test_without_keys_there_is_no_account() -> None:
    assert PaperAccount.of({"ALPACA_DATA_FEED": "iex", "PATH": "/bin"}) is None


def test_keys_lead_to_the_paper_host() -> None:
    account = PaperAccount.of(KEYS)

    assert account is not None
    assert account.trading_url == "https://paper-api.alpaca.markets"


def test_only_settings_of_the_broker_are_taken() -> None:
    account = PaperAccount.of(
        KEYS | {"DATABASE_URL": "postgresql://x", "ALPACA_ALLOW_LIVE": "true"}
    )

    assert account is not None
    assert account.environment == KEYS


@pytest.mark.parametrize("name", [*KEYS])
def test_half_a_pair_of_keys_is_refused(name: str) -> None:
    with pytest.raises(PermanentError, match=f"{name} is not set"):
        PaperAccount.of({key: value for key, value in KEYS.items() if key != name})


@pytest.mark.parametrize("url", ["https://api.alpaca.markets", "https://api.alpaca.markets/"])
def test_the_live_host_is_refused(url: str) -> None:
    with pytest.raises(PermanentError, match="trades paper only"):
        PaperAccount.of(KEYS | {"ALPACA_TRADING_BASE_URL": url})
