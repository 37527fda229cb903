"""What the broker never takes is refused when a config is saved, with its place and the rule."""

from typing import Any

import pytest

from common.config import TradingConfig
from common.errors import MalformedMessageError
from tests.unit.samples import document

ACTION = {"action": "propose_order", "side": "buy"}


def config(symbol: str, action: dict[str, Any]) -> TradingConfig:
    whole = document()
    coins = ["BTC/USD", "ETH/BTC", "BTC/USDT", "USDC/USD", "XRP/USDT", "IOTA/ETH", "SOL/USDC"]
    inputs = {"id": "coins", "source": "alpaca", "asset_class": "crypto", "symbols": coins}
    whole["data_inputs"].append(inputs)
    whole["rules"][0] |= {"symbol": symbol, "on_answer_match": action}
    return TradingConfig.from_document(whole)


# Sources: alpaca-java issue 140 and alpaca-py pull request 681 (fractions are day orders), ccxt
# pull request 30101 ("minimal amount of order 10"), alpaca-py pull request 691 (types and prices),
# docs.alpaca.markets "Placing Orders" and "Crypto Spot Trading".
@pytest.mark.parametrize(
    ("symbol", "size", "complaint"),
    [
        ("SPY", {"notional_usd": 10, "time_in_force": "gtc"}, "day orders"),
        ("SPY", {"notional_usd": 10, "time_in_force": "ioc"}, "day or gtc"),
        ("SPY", {"qty": "0.5", "time_in_force": "gtc"}, "day orders"),
        ("SPY", {"qty": "2", "time_in_force": "ioc"}, "day or gtc"),
        ("SPY", {"qty": "2", "time_in_force": "fok"}, "time_in_force"),
        ("SPY", {"qty": "2", "time_in_force": "opg"}, "time_in_force"),
        ("SPY", {"notional_usd": "0.99"}, "notional_usd"),
        (
            "SPY",
            {"qty": "1.5", "order_type": "limit", "limit_offset_pct": 1},
            "fractional stock orders are market orders",
        ),
        ("BTC/USD", {"qty": "0.5", "time_in_force": "day"}, "gtc or ioc"),
        ("BTC/USD", {"notional_usd": 1}, "at least 10 USD"),
        ("BTC/USD", {"notional_usd": "9.99"}, "at least 10 USD"),
        ("BTC/USD", {"qty": "0.0000000001"}, "decimal places"),
        ("ETH/BTC", {"qty": 20}, "quoted in BTC"),
        ("BTC/USDT", {"notional_usd": 20}, "quoted in USDT"),
    ],
)
def test_it_is_refused(symbol: str, size: dict[str, Any], complaint: str) -> None:
    with pytest.raises(MalformedMessageError, match=complaint) as refused:
        config(symbol, ACTION | size)

    assert "rules[0]" in str(refused.value)


# Pairs that others took for dollars: Krypto-trading-bot issue 593 and hitbtc-api issue 232 (USDT),
# binance-trader issue 240 (a least order of 0.01, which is in ETH).
@pytest.mark.parametrize(
    ("symbol", "currency"), [("XRP/USDT", "USDT"), ("IOTA/ETH", "ETH"), ("SOL/USDC", "USDC")]
)
@pytest.mark.parametrize("size", [{"qty": 20}, {"notional_usd": 20}])
def test_a_pair_in_another_currency_is_refused(
    symbol: str, currency: str, size: dict[str, Any]
) -> None:
    with pytest.raises(MalformedMessageError, match=f"quoted in {currency}"):
        config(symbol, ACTION | size)


def test_closing_a_pair_that_is_not_in_usd_is_refused_too() -> None:
    with pytest.raises(MalformedMessageError, match="quoted in BTC"):
        config("ETH/BTC", {"action": "close_position"})


def test_a_pair_that_is_not_in_usd_may_be_looked_at() -> None:
    whole = document()
    coins = {"id": "coins", "source": "alpaca", "asset_class": "crypto"}
    whole["data_inputs"].append(coins | {"symbols": ["ETH/USD", "ETH/BTC"]})
    level = {"type": "price_crosses_level", "level": "0.05", "direction": "down"}
    whole["rules"][0] = {
        "id": "ratio",
        "type": "all_of",
        "symbol": "ETH/USD",
        "conditions": [level | {"symbol": "ETH/BTC"}, level | {"level": 3000}],
        "question_template": "{{symbol}}?",
        "on_answer_match": ACTION | {"notional_usd": 10},
    }

    assert TradingConfig.from_document(whole).rule("ratio") is not None


@pytest.mark.parametrize(
    ("symbol", "size"),
    [
        ("SPY", {"notional_usd": 1}),
        ("SPY", {"qty": 2, "time_in_force": "gtc"}),
        ("SPY", {"qty": 2, "order_type": "limit", "limit_offset_pct": 1, "time_in_force": "gtc"}),
        ("BTC/USD", {"notional_usd": 10, "time_in_force": "ioc"}),
        ("BTC/USD", {"notional_usd": 5, "side": "sell"}),
        ("BTC/USD", {"qty": "0.0001", "order_type": "limit", "limit_offset_pct": 1}),
        ("USDC/USD", {"notional_usd": 10}),
    ],
)
def test_what_the_broker_takes_is_accepted(symbol: str, size: dict[str, Any]) -> None:
    assert config(symbol, ACTION | size).rules


# Symbols of the broker's own asset lists; and what other feeds write: BRK-B (yfinance issue 38) and
# BRK/B (Lean.Brokerages.Tradier pull request 41), BRK B (Lean.Brokerages.InteractiveBrokers issue
# 85), BAC.PRA as BAC-A (IEX-API issue 514), ACAQ+ (OpenBB issue 1764), CCIV= and CCIV-WT
# (Finnhub-API issue 401).
@pytest.mark.parametrize(
    ("symbol", "taken"),
    [
        ("ABR.PRD", True),
        ("BAC.PRK", True),
        ("BRK.B", True),
        ("ACHR.WS", True),
        ("HCMA.WS.A", True),
        ("AAM.U", True),
        ("GTN.A", True),
        ("BF.B", True),
        ("BAC.PRA", True),
        ("ACAQ.WS", True),
        ("CCIV.U", True),
        ("BRK-B", False),
        ("BRK/B", False),
        ("BRK B", False),
        ("BAC-A", False),
        ("ACAQ+", False),
        ("CCIV=", False),
        ("CCIV-WT", False),
        ("brk.b", False),
        ("BRK.", False),
        (".B", False),
        ("", False),
    ],
)
def test_symbols_are_those_of_the_brokers_lists(symbol: str, *, taken: bool) -> None:
    whole = document()
    whole["data_inputs"][0]["symbols"] = ["SPY", symbol]

    try:
        TradingConfig.from_document(whole)
    except MalformedMessageError:
        assert not taken
    else:
        assert taken
