"""What a config costs everybody: an estimate, known before anything is fetched or evaluated."""

import math
from decimal import Decimal

from common.config import TradingConfig
from common.inputs import DataInput, OptionInput

# The broker takes this many symbols, or shows this many contracts, in one request.
SYMBOLS_A_REQUEST = 100
CONTRACTS_A_REQUEST = 1000
# The densest chain there is: SPY with 240 contracts within 10 % of its price on two of three days.
CONTRACTS_A_DAY_AND_PCT = 17
_MINUTE = 60


def evaluation_cost(config: TradingConfig) -> int:
    """Return what one evaluation costs for one holder of each symbol, in facts looked at."""
    return sum(rule.cost * len(rule.all_symbols) for rule in config.rules)


def data_requests_per_minute(config: TradingConfig) -> Decimal:
    """Return how many requests a minute the inputs take of the broker's budget, at most."""
    return sum((_requests(each) for each in config.data_inputs), Decimal(0))


def _requests(each: DataInput) -> Decimal:
    polls = Decimal(_MINUTE) / each.poll_interval_seconds
    if isinstance(each, OptionInput):
        return len(each.underlyings) * _chain_requests(each) * polls
    return math.ceil(len(each.symbols) / SYMBOLS_A_REQUEST) * polls


def _chain_requests(each: OptionInput) -> int:
    days = max(each.max_days_to_expiry - each.min_days_to_expiry + 1, 1)
    contracts = CONTRACTS_A_DAY_AND_PCT * days * each.strike_window_pct
    return math.ceil(contracts / CONTRACTS_A_REQUEST)
