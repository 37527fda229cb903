"""Option contracts and their snapshots at the simulator."""

import gzip
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from alpaca.data.historical.option import OptionHistoricalDataClient
from alpaca.data.requests import OptionChainRequest, OptionSnapshotRequest
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import AssetStatus, ContractType
from alpaca.trading.requests import GetOptionContractsRequest

from common.occ import OccSymbol
from infra.simulator.broker import SimulatedBroker
from infra.simulator.market import option_recording
from infra.simulator.market.recording_csv import BadRecordingError
from tests.conftest import SHARED
from tests.contract.conftest import IN_SESSION

CONTRACTS = "/v2/options/contracts"
SNAPSHOTS = "/v1beta1/options/snapshots"
CALL, PUT = "AAPL261016C00230000", "AAPL261016P00225000"
FAR = "AAPL270115C00230000"
GREEKS = {"delta": "0.75", "gamma": "0.06", "theta": "-0.28", "vega": "0.04", "rho": "0.009"}
RECORDING = SHARED / "market-data" / "2015-12-24_goog_option_quotes_5min.csv.gz"


@pytest.fixture(autouse=True)
def chain(broker: SimulatedBroker) -> None:
    broker.options.put(
        CALL,
        bid="4.15",
        ask="4.3",
        last="4.1",
        day_volume=12,
        open_interest=237,
        implied_volatility="0.3372405712050441",
        greeks=GREEKS,
    )
    broker.options.put(PUT, bid=0, ask="0.05")
    broker.options.put(FAR, last=9)


@pytest.fixture
def data(broker_address: str) -> Any:
    return OptionHistoricalDataClient("sim-key", "sim-secret", url_override=broker_address)


@pytest.fixture
def trading(broker_address: str) -> Any:
    return TradingClient("sim-key", "sim-secret", paper=True, url_override=broker_address)


def many(broker: SimulatedBroker, count: int) -> list[str]:
    symbols = [
        str(OccSymbol("SPY", date(2026, 10, 16), "call", Decimal(n))) for n in range(1, count + 1)
    ]
    for symbol in symbols:
        broker.options.put(symbol, bid=1, ask=2)
    return symbols


def test_the_official_sdk_reads_snapshots_with_and_without_greeks(data: Any) -> None:
    request = OptionSnapshotRequest(symbol_or_symbols=[CALL, PUT, "AAPL261016C00999000"])

    snapshots = data.get_option_snapshot(request)

    assert sorted(snapshots) == [CALL, PUT]
    assert snapshots[CALL].greeks.delta == 0.75
    assert snapshots[CALL].implied_volatility == 0.3372405712050441
    assert (snapshots[CALL].latest_quote.bid_price, snapshots[CALL].latest_trade.price) == (
        4.15,
        4.1,
    )
    assert snapshots[PUT].greeks is None
    assert snapshots[PUT].implied_volatility is None
    assert (snapshots[PUT].latest_quote.bid_price, snapshots[PUT].latest_quote.bid_size) == (0, 0)


def test_the_official_sdk_reads_a_chain_over_pages(broker: SimulatedBroker, data: Any) -> None:
    symbols = many(broker, 1200)

    chain = data.get_option_chain(OptionChainRequest(underlying_symbol="SPY"))
    calls = data.get_option_chain(
        OptionChainRequest(
            underlying_symbol="AAPL", type=ContractType.CALL, expiration_date_lte=date(2026, 12, 31)
        )
    )

    assert sorted(chain) == sorted(symbols)
    assert list(calls) == [CALL]


def test_the_official_sdk_lists_contracts(trading: Any) -> None:
    request = GetOptionContractsRequest(
        underlying_symbols=["AAPL"],
        status=AssetStatus.ACTIVE,
        expiration_date_gte=date(2026, 10, 1),
        expiration_date_lte=date(2027, 2, 1),
        strike_price_gte="226",
    )

    found = trading.get_option_contracts(request).option_contracts

    assert [(each.symbol, each.strike_price, each.open_interest) for each in found] == [
        (CALL, 230, "237"),
        (FAR, 230, None),
    ]
    assert trading.get_option_contract(CALL).underlying_symbol == "AAPL"


def test_without_an_expiry_only_contracts_until_the_weekend_are_listed(
    broker: SimulatedBroker, http: httpx.Client
) -> None:
    broker.options.put("AAPL261009C00230000", bid=1, ask=2)

    implicit = http.get(CONTRACTS, params={"underlying_symbols": "AAPL"}).json()
    explicit = http.get(CONTRACTS, params={"expiration_date_lte": "2026-10-16"}).json()

    assert [each["symbol"] for each in implicit["option_contracts"]] == ["AAPL261009C00230000"]
    assert len(explicit["option_contracts"]) == 3


def test_contracts_come_a_hundred_to_a_page(broker: SimulatedBroker, http: httpx.Client) -> None:
    symbols = many(broker, 250)
    params = {"underlying_symbols": "SPY", "expiration_date": "2026-10-16"}
    pages: list[list[str]] = []
    token: str | None = ""

    while token is not None:
        page = http.get(CONTRACTS, params=params | ({"page_token": token} if token else {})).json()
        pages.append([each["symbol"] for each in page["option_contracts"]])
        token = page["next_page_token"]

    assert [len(page) for page in pages] == [100, 100, 50]
    assert sorted(symbol for page in pages for symbol in page) == sorted(symbols)


@pytest.mark.parametrize(
    ("path", "params", "status", "message"),
    [
        (CONTRACTS, {"underlying_symbols": "AAPL,QQ,ZZ"}, 422, "invalid underlying symbols: QQ,ZZ"),
        (CONTRACTS, {"limit": "10001"}, 422, "limit must be less than 10000"),
        (CONTRACTS, {"limit": "x"}, 422, "invalid limit"),
        (CONTRACTS, {"page_token": "?"}, 422, "invalid page_token"),
        (CONTRACTS, {"strike_price_gte": "x"}, 422, "invalid strike price: x"),
        (CONTRACTS, {"expiration_date": "x"}, 422, "invalid expiration date: x"),
        (f"{CONTRACTS}/X", {}, 404, "option contract X not found"),
        (SNAPSHOTS, {"symbols": f"{CALL},AAPL"}, 400, "invalid symbol: AAPL"),
        (SNAPSHOTS, {}, 400, "symbols is required"),
        (SNAPSHOTS, {"symbols": CALL, "feed": "opra"}, 403, "OPRA agreement is not signed"),
        (SNAPSHOTS, {"symbols": CALL, "feed": "iex"}, 400, "invalid feed: iex"),
        (
            f"{SNAPSHOTS}/AAPL",
            {"limit": "1001"},
            400,
            "invalid limit: larger than the allowed maximum of 1000",
        ),
    ],
)
def test_refusals_have_the_brokers_messages(
    http: httpx.Client, path: str, params: dict[str, str], status: int, message: str
) -> None:
    reply = http.get(path, params=params)

    assert (reply.status_code, reply.json()["message"]) == (status, message)


def test_more_than_a_hundred_symbols_are_refused(
    broker: SimulatedBroker, http: httpx.Client
) -> None:
    symbols = many(broker, 101)

    assert http.get(SNAPSHOTS, params={"symbols": ",".join(symbols)}).status_code == 400
    found = http.get(SNAPSHOTS, params={"symbols": ",".join(symbols[1:])}).json()
    assert len(found["snapshots"]) == 100


def test_an_unknown_underlying_has_an_empty_chain(http: httpx.Client) -> None:
    assert http.get(f"{SNAPSHOTS}/ZZZZ").json() == {"snapshots": {}, "next_page_token": None}


def test_what_nobody_reported_is_missing_and_not_null(http: httpx.Client) -> None:
    found = http.get(f"{SNAPSHOTS}/AAPL").json()["snapshots"]
    listed = http.get(CONTRACTS, params={"expiration_date_lte": "2027-12-31"}).json()

    assert set(found[PUT]) == {"latestQuote"}
    assert set(found[FAR]) == {"latestTrade"}
    assert set(found[CALL]) == {
        *("greeks", "impliedVolatility", "latestQuote", "latestTrade", "dailyBar")
    }
    assert found[CALL]["latestQuote"]["c"] == "A"
    assert {each["symbol"]: "open_interest" in each for each in listed["option_contracts"]} == {
        CALL: True,
        PUT: False,
        FAR: False,
    }


def test_nothing_is_known_before_its_time_and_quotes_move_on(
    broker: SimulatedBroker, http: httpx.Client
) -> None:
    broker.options.put(PUT, bid="0.1", ask="0.2", at=IN_SESSION + timedelta(minutes=5))

    def ask() -> Any:
        found = http.get(SNAPSHOTS, params={"symbols": PUT}).json()["snapshots"]
        return found[PUT]["latestQuote"]["ap"]

    before = ask()
    broker.clock.advance(timedelta(minutes=6))

    assert (before, ask()) == (0.05, 0.2)


def test_faults_hit_option_quotes_too(broker: SimulatedBroker, http: httpx.Client) -> None:
    broker.faults.add("empty_quote", side="both", symbol=CALL)

    found = http.get(SNAPSHOTS, params={"symbols": CALL}).json()["snapshots"]

    assert (found[CALL]["latestQuote"]["bp"], found[CALL]["latestQuote"]["ap"]) == (0, 0)


def test_a_script_puts_an_option(broker_address: str) -> None:
    address = f"{broker_address}/sim/options/SPY261016C00500000"
    script = {"bid": 1.05, "ask": "1.1", "greeks": {"delta": 0.5}, "open_interest": 7}

    snapshot = httpx.put(address, json=script).json()
    wrong = httpx.put(f"{broker_address}/sim/options/SPY", json=script)

    assert (snapshot["latestQuote"]["bp"], snapshot["greeks"]) == (1.05, {"delta": 0.5})
    assert wrong.status_code == 400
    assert set(httpx.get(f"{broker_address}/sim/options").json()) >= {CALL, "SPY261016C00500000"}
    assert httpx.post(f"{broker_address}/sim/reset", json={}).status_code == 200
    assert httpx.get(f"{broker_address}/sim/options").json() == {}


def test_quotes_of_a_file_are_replayed_at_their_times(
    broker: SimulatedBroker, http: httpx.Client, tmp_path: Path
) -> None:
    broker.reset(datetime(2015, 12, 24, 14, 32, tzinfo=UTC))
    contract = "GOOG151224C00660000"
    path = tmp_path / "quotes.csv.gz"
    with gzip.open(path, "wt", encoding="utf-8") as lines:
        print(",".join(option_recording.COLUMNS), file=lines)
        print(f"GOOG,{contract},2015-12-24T14:30:00Z,88.5,92.2,3,4,120,0,", file=lines)
        print(f"GOOG,{contract},2015-12-24T14:35:00Z,,92.5,,4,120,1,90.1", file=lines)

    assert option_recording.replay(path, broker.options) == 2

    params = {"symbols": contract}
    first = http.get(SNAPSHOTS, params=params).json()["snapshots"][contract]
    broker.clock.advance(timedelta(minutes=5))
    second = http.get(SNAPSHOTS, params=params).json()["snapshots"][contract]
    assert (first["latestQuote"]["bp"], first["latestQuote"]["ap"]) == (88.5, 92.2)
    assert "latestTrade" not in first
    assert (second["latestQuote"]["bp"], second["latestQuote"]["ap"]) == (0, 92.5)
    assert second["latestTrade"]["p"] == 90.1


@pytest.mark.skipif(not RECORDING.exists(), reason="the recorded day is not beside the project")
def test_a_recorded_day_of_quotes_is_replayed(broker: SimulatedBroker, http: httpx.Client) -> None:
    broker.reset(datetime(2015, 12, 24, 14, 32, tzinfo=UTC))
    rows = option_recording.replay(RECORDING, broker.options)

    params = {"underlying_symbols": "GOOG", "expiration_date_lte": "2016-12-31", "limit": "10000"}
    listed = http.get(CONTRACTS, params=params).json()["option_contracts"]
    params = {"symbols": "GOOG151224C00660000"}
    first = http.get(SNAPSHOTS, params=params).json()["snapshots"]["GOOG151224C00660000"]
    broker.clock.advance(timedelta(minutes=5))
    second = http.get(SNAPSHOTS, params=params).json()["snapshots"]["GOOG151224C00660000"]

    assert (rows > 20_000, len(listed)) == (True, 796)
    assert (first["latestQuote"]["bp"], first["latestQuote"]["ap"]) == (87.5, 91.2)
    assert (second["latestQuote"]["bp"], second["latestQuote"]["ap"]) == (0, 91.5)


@pytest.mark.parametrize("text", ["a,b\n1,2\n", ""])
def test_a_file_that_is_no_recording_is_refused(
    broker: SimulatedBroker, tmp_path: Path, text: str
) -> None:
    path = tmp_path / "quotes.csv.gz"
    path.write_text(text)

    with pytest.raises(BadRecordingError, match=r"quotes\.csv\.gz"):
        option_recording.replay(path, broker.options)
