"""The days on which the rule types are tried minute by minute."""

import pytest

from tests.unit.rules import made_up, recorded
from tests.unit.rules.market_days import MarketDays


@pytest.fixture(params=[recorded, made_up], ids=["recorded", "made up"])
def market_days(request: pytest.FixtureRequest) -> MarketDays:
    """Recorded days, and days that the project makes itself."""
    return MarketDays(request.param.minutes, request.param.days)
