"""Our reader of market data: against the simulator, and against answers that cannot be right."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import flask
import pytest
from tenacity import wait_none

from common.errors import BrokerRefusedError, TransientError
from common.market import CRYPTO_FEED, NEW_YORK, Session, Snapshot
from common.options import ChainBounds
from infra.alpaca.batches import Issue
from infra.alpaca.http import AlpacaHttp
from infra.alpaca.market_data import AlpacaMarketData
from infra.alpaca.trading import AlpacaTrading
from infra.simulator.broker import SimulatedBroker
from tests.conftest import NOON

SNAPSHOTS = "/v2/stocks/snapshots"
TRADE = {"t": "2026-02-10T17:00:00.123456789Z", "p": 492, "s": 7}
HOURS = {"open": "09:30", "close": "16:00", "session_open": "0400", "session_close": "2000"}


@pytest.fixture
def wire(broker_url: str, simulator: SimulatedBroker) -> Iterator[AlpacaHttp]:
    http = AlpacaHttp(broker_url, simulator.key_id, simulator.secret_key)
    http._retrying = http._retrying.copy(wait=wait_none())
    yield http
    http.close()


@pytest.fixture
def data(wire: AlpacaHttp) -> AlpacaMarketData:
    return AlpacaMarketData(wire)


@pytest.fixture
def trading(wire: AlpacaHttp) -> AlpacaTrading:
    return AlpacaTrading(wire)


@pytest.fixture
def asked(simulator: SimulatedBroker) -> list[dict[str, str]]:
    """The parameters of each request, with its path."""
    requests: list[dict[str, str]] = []

    def remember() -> None:
        requests.append({"path": flask.request.path, **flask.request.args})

    simulator.app.before_request(remember)
    return requests


def answer(simulator: SimulatedBroker, body: Any, path: str = SNAPSHOTS) -> None:
    simulator.faults.add("status", status=200, body=body, path=path)


def by_metric(facts: tuple[Snapshot, ...]) -> dict[str, tuple[Decimal, str]]:
    """Return price and New York time of each metric."""
    return {
        each.metric: (each.price, f"{each.as_of.astimezone(NEW_YORK):%d %H:%M}") for each in facts
    }


class TestSnapshots:
    def facts(self, data: AlpacaMarketData) -> dict[str, tuple[Decimal, str]]:
        return by_metric(data.spot("iex").snapshots(["SPY"], NOON).found)

    def test_the_day_starts_with_its_first_bar(
        self, simulator: SimulatedBroker, data: AlpacaMarketData
    ) -> None:
        today = self.facts(data)
        simulator.clock.set(datetime(2026, 2, 11, 8, 0, tzinfo=NEW_YORK))
        before = self.facts(data)
        simulator.clock.set(datetime(2026, 2, 11, 9, 31, tzinfo=NEW_YORK))
        simulator.market.set_price("SPY", 495)
        after = self.facts(data)

        days = {"daily_bar", "day_open", "day_high", "day_low"}
        assert {metric: today[metric] for metric in days} == dict.fromkeys(
            days, (Decimal(492), "10 12:00")
        )
        assert today["prev_close"] == (Decimal(500), "09 00:00")
        # The bar called daily is still yesterday's: it is the close to compare with.
        assert before.keys().isdisjoint(days)
        assert before["prev_close"] == (Decimal(492), "10 00:00")
        assert after["daily_bar"] == (Decimal(495), "11 09:31")
        assert after["prev_close"] == (Decimal(492), "10 00:00")

    @pytest.mark.parametrize("null", [True, False])
    def test_an_unknown_symbol_has_no_facts_and_affects_no_other(
        self, simulator: SimulatedBroker, data: AlpacaMarketData, *, null: bool
    ) -> None:
        simulator.switches.unknown_snapshot_is_null = null

        fetched = data.spot("iex").snapshots(["SPY", "ZZZZ", "AAPL"], NOON)

        assert {each.symbol for each in fetched.found} == {"SPY", "AAPL"}
        assert [each.subject for each in fetched.problems] == ["ZZZZ"]

    @pytest.mark.parametrize("text", ["839", "172.6618", "0.1", "839.0", "1E+3"])
    def test_a_price_is_the_number_that_was_written(
        self, simulator: SimulatedBroker, data: AlpacaMarketData, text: str
    ) -> None:
        at = TRADE["t"]
        answer(simulator, f'{{"SPY": {{"latestTrade": {{"t": "{at}", "p": {text}, "s": 7}}}}}}')

        [fact] = data.spot("iex").snapshots(["SPY"], NOON).found

        assert fact.price == Decimal(text)
        assert (fact.volume, fact.feed, fact.metric) == (Decimal(7), "iex", "last_trade")
        assert fact.as_of == NOON + timedelta(microseconds=123456)

    @pytest.mark.parametrize(
        "raw",
        [
            {"latestTrade": TRADE | {"p": 0}},
            {"latestTrade": TRADE | {"p": -1}},
            {"latestTrade": TRADE | {"p": "Infinity"}},
            {"latestTrade": TRADE | {"p": None}},
            {"latestTrade": {"t": TRADE["t"]}},
            {"latestTrade": TRADE | {"t": "2026-02-10T17:00:00"}},
            {"latestTrade": TRADE | {"t": "yesterday"}},
            {"latestTrade": TRADE | {"t": "0001-01-01T00:00:00Z"}},
            {"latestTrade": TRADE | {"p": "1e400000"}},
            {"latestTrade": [1]},
            [1],
            7,
        ],
    )
    def test_what_cannot_be_right_is_no_fact_and_affects_no_other(
        self, simulator: SimulatedBroker, data: AlpacaMarketData, raw: Any
    ) -> None:
        answer(simulator, {"SPY": raw, "AAPL": {"latestTrade": TRADE}})

        fetched = data.spot("iex").snapshots(["AAPL", "SPY"], NOON)

        assert [each.symbol for each in fetched.found] == ["AAPL"]
        assert {each.subject for each in fetched.problems} == {"SPY"}

    # A bar of zeros stands in recordings of quiet pairs; Go writes the year 1 for no time.
    @pytest.mark.parametrize("part", ["dailyBar", "minuteBar", "prevDailyBar"])
    @pytest.mark.parametrize(
        "bar",
        [
            {"t": TRADE["t"], "c": 0},
            {"t": "0001-01-01T00:00:00Z", "c": 1},
            {"t": "9999-12-31T23:59:59-05:00", "c": 1},
            {"t": None, "c": 1},
            [1],
            "none",
        ],
    )
    def test_a_part_that_cannot_be_right_loses_only_itself(
        self, simulator: SimulatedBroker, data: AlpacaMarketData, part: str, bar: Any
    ) -> None:
        answer(
            simulator, {"SPY": {"latestTrade": TRADE, part: bar}, "AAPL": {"latestTrade": TRADE}}
        )

        fetched = data.spot("iex").snapshots(["AAPL", "SPY"], NOON)

        assert [(each.symbol, each.metric) for each in fetched.found] == [
            ("SPY", "last_trade"),
            ("AAPL", "last_trade"),
        ]
        assert [each.subject for each in fetched.problems] == ["SPY"]
        assert part in fetched.problems[0].reason

    @pytest.mark.parametrize("odd", [None, -1, "many"])
    def test_an_unreadable_size_loses_no_trade(
        self, simulator: SimulatedBroker, data: AlpacaMarketData, odd: Any
    ) -> None:
        answer(simulator, {"SPY": {"latestTrade": TRADE | {"s": odd}}})

        [fact] = data.spot("iex").snapshots(["SPY"], NOON).found

        assert (fact.price, fact.volume) == (Decimal(492), Decimal(0))

    # Alpaca-API issue 62 (a tick of nothing but zeros), massive-com/client-js issue 303 (zeros for
    # "not set"), alpaca-trade-api-python pull request 528 (null where bars should be).
    @pytest.mark.parametrize(
        "odd",
        [
            None,
            7,
            {"t": "0001-01-01T00:00:00Z", "c": 1},
            {"c": 0},
            {"o": 0, "c": 0, "h": 0, "l": 0, "v": 0, "t": 0, "d": 0},
            {"o": 0, "c": 0, "h": 0, "l": 0, "v": 0, "t": "2026-02-06T05:00:00Z"},
        ],
    )
    def test_a_daily_bar_that_cannot_be_right_loses_only_itself(
        self, simulator: SimulatedBroker, data: AlpacaMarketData, odd: Any
    ) -> None:
        good = [{"t": f"2026-02-0{day}T05:00:00Z", "c": day, "v": 1} for day in (5, 6, 9)]
        bars = {"SPY": [good[0], odd, *good[1:]], "AAPL": good}
        answer(simulator, {"bars": bars, "next_page_token": None}, "/v2/stocks/bars")

        fetched = data.spot("iex").daily_closes(
            ["AAPL", "SPY"], date(2026, 2, 1), datetime(2026, 2, 10, 12, tzinfo=UTC)
        )

        closes = [(each.symbol, each.price) for each in fetched.found]
        assert closes == [
            (symbol, day) for symbol in ("SPY", "AAPL") for day in map(Decimal, (5, 6, 9))
        ]
        assert [each.subject for each in fetched.problems] == ["SPY"]

    @pytest.mark.parametrize("odd", [None, {"bp": 1, "ap": 2}, {"t": "0001-01-01T00:00:00Z"}])
    def test_a_quote_that_cannot_be_read_loses_only_itself(
        self, simulator: SimulatedBroker, data: AlpacaMarketData, odd: Any
    ) -> None:
        good = {"t": TRADE["t"], "bp": 1, "ap": 2}
        body = {"quotes": {"SPY": odd, "AAPL": good}}
        answer(simulator, body, "/v2/stocks/quotes/latest")

        assert data.latest_quotes(["AAPL", "SPY"], "iex").keys() == {"AAPL"}

    def test_parts_that_are_missing_or_null_are_no_facts(
        self, simulator: SimulatedBroker, data: AlpacaMarketData
    ) -> None:
        bar = {"t": "2026-02-10T05:00:00Z", "c": 1, "v": 1}
        body = {
            "A": {},
            "B": {"latestTrade": None, "dailyBar": bar, "prevDailyBar": bar},
            "C": {"latestTrade": TRADE, "dailyBar": None, "prevDailyBar": None},
        }
        answer(simulator, body)

        facts = data.spot("iex").snapshots(["A", "B", "C"], NOON).found

        assert [(each.symbol, each.metric) for each in facts] == [("C", "last_trade")]

    def test_a_crypto_pair_without_trades_keeps_its_day(
        self, simulator: SimulatedBroker, data: AlpacaMarketData
    ) -> None:
        body = {
            "BTC/USD": {
                "latestTrade": {"t": "2026-02-09T20:00:00Z", "p": 7},
                "dailyBar": {"t": "2026-02-10T00:00:00Z", "o": 7, "c": 8, "v": 0},
                "prevDailyBar": {"t": "2026-02-09T00:00:00Z", "c": 9},
            }
        }
        answer(simulator, {"snapshots": body}, "/v1beta3/crypto")

        facts = by_metric(data.spot(CRYPTO_FEED).snapshots(["BTC/USD"], NOON).found)

        assert facts["last_trade"] == (Decimal(7), "09 15:00")
        assert facts["daily_bar"] == (Decimal(8), "09 19:00")
        assert facts["prev_close"] == (Decimal(9), "08 19:00")

    @pytest.mark.parametrize("body", ["[]", "7", '"text"'])
    def test_an_answer_of_another_shape_is_trouble(
        self, simulator: SimulatedBroker, data: AlpacaMarketData, body: str
    ) -> None:
        answer(simulator, body)

        with pytest.raises(TransientError):
            data.spot("iex").snapshots(["SPY"], NOON)

    @pytest.mark.parametrize("count", [0, 1, 100, 101, 250])
    def test_symbols_go_out_in_hundreds(
        self, data: AlpacaMarketData, asked: list[dict[str, str]], count: int
    ) -> None:
        symbols = [f"{chr(65 + n // 26)}{chr(65 + n % 26)}" for n in range(count)]

        fetched = data.spot("iex").snapshots(symbols, NOON)

        sent = [each["symbols"].split(",") for each in asked]
        assert [symbol for batch in sent for symbol in batch] == symbols
        assert len(sent) == -(-count // 100)
        assert len(fetched.problems) == count


class TestIsolation:
    def refuse(self, simulator: SimulatedBroker, status: int, message: str) -> None:
        body = {"message": message}
        simulator.faults.add("status", status=status, body=body, path=SNAPSHOTS)

    @pytest.mark.parametrize(
        ("status", "message"),
        [
            (400, "invalid symbol: AAPL"),
            (422, "invalid symbols: AAPL,ZZZZ"),
            (400, "invalid symbol: AAPL does not match ^[A-Z]+$"),
        ],
    )
    def test_symbols_that_are_named_are_taken_out_and_the_rest_read_at_once(
        self,
        simulator: SimulatedBroker,
        data: AlpacaMarketData,
        asked: list[dict[str, str]],
        status: int,
        message: str,
    ) -> None:
        self.refuse(simulator, status, message)

        fetched = data.spot("iex").snapshots(["AAPL", "MSFT", "SPY"], NOON)

        assert fetched.problems == (Issue("AAPL", message),)
        assert [each["symbols"] for each in asked] == ["AAPL,MSFT,SPY", "MSFT,SPY"]

    @pytest.mark.parametrize("status", [401, 403, 404])
    def test_a_refusal_that_is_no_symbol_s_fault_is_the_caller_s_to_hear(
        self,
        simulator: SimulatedBroker,
        data: AlpacaMarketData,
        asked: list[dict[str, str]],
        status: int,
    ) -> None:
        self.refuse(simulator, status, "invalid symbol: AAPL")

        with pytest.raises(BrokerRefusedError):
            data.spot("iex").snapshots(["AAPL", "SPY"], NOON)

        assert len(asked) == 1

    def test_one_bad_symbol_in_a_hundred_is_found_by_halves(
        self, simulator: SimulatedBroker, data: AlpacaMarketData, asked: list[dict[str, str]]
    ) -> None:
        symbols = [f"{chr(65 + n // 26)}{chr(65 + n % 26)}" for n in range(100)]
        for _ in range(7):
            self.refuse(simulator, 400, "bad request")

        fetched = data.spot("iex").snapshots(symbols, NOON)

        assert fetched.problems[0] == Issue("AA", "bad request")
        assert len(asked) == 13
        assert sorted({s for each in asked for s in each["symbols"].split(",")}) == symbols


class TestDailyCloses:
    def test_minutes_are_asked_for_from_the_beginning_of_the_first(
        self, data: AlpacaMarketData, asked: list[dict[str, str]]
    ) -> None:
        start = datetime(2026, 2, 10, 16, 58, 31, 999_999, tzinfo=UTC)

        data.spot("iex").minute_bars(["SPY"], start, NOON)

        [request] = asked
        assert request["start"] == "2026-02-10T16:58:00+00:00"

    def test_the_request_says_all_that_decides_about_the_prices(
        self, data: AlpacaMarketData, asked: list[dict[str, str]]
    ) -> None:
        data.spot("delayed_sip").daily_closes(
            ["SPY"], date(2025, 7, 1), datetime(2026, 2, 10, 12, tzinfo=UTC)
        )
        data.spot(CRYPTO_FEED).daily_closes(
            ["BTC/USD"], date(2025, 7, 1), datetime(2026, 2, 10, 12, tzinfo=UTC)
        )

        stock, crypto = asked
        assert stock == {
            "path": "/v2/stocks/bars",
            "symbols": "SPY",
            "timeframe": "1Day",
            "start": "2025-07-01T00:00:00-04:00",
            "end": "2026-02-10T00:00:00-05:00",
            "limit": "10000",
            "feed": "sip",
            "adjustment": "raw",
        }
        assert crypto == {
            "path": "/v1beta3/crypto/us/bars",
            "symbols": "BTC/USD",
            "timeframe": "1Day",
            "start": "2025-07-01T00:00:00+00:00",
            "end": "2026-02-10T00:00:00+00:00",
            "limit": "10000",
        }

    def test_pages_are_followed_and_a_symbol_may_span_them(
        self, simulator: SimulatedBroker, data: AlpacaMarketData, asked: list[dict[str, str]]
    ) -> None:
        bars = [{"t": f"2026-02-0{day}T05:00:00Z", "c": day} for day in (2, 3, 4)]
        path = "/v2/stocks/bars"
        answer(simulator, {"bars": {"A": bars[:2]}, "next_page_token": "x"}, path)
        answer(simulator, {"bars": {"A": bars[2:], "B": None}, "next_page_token": "y"}, path)
        answer(simulator, {"bars": None, "next_page_token": None}, path)

        fetched = data.spot("iex").daily_closes(
            ["A", "B"], date(2026, 1, 1), datetime(2026, 2, 4, 12, tzinfo=UTC)
        )

        assert [(each.symbol, str(each.price)) for each in fetched.found] == [
            ("A", "2"),
            ("A", "3"),
        ]
        assert [each.get("page_token") for each in asked] == [None, "x", "y"]
        assert [each.subject for each in fetched.problems] == ["B"]

    def test_pages_that_go_round_in_a_circle_end(
        self, simulator: SimulatedBroker, data: AlpacaMarketData
    ) -> None:
        for _ in range(9):
            answer(simulator, {"bars": {}, "next_page_token": "x"}, "/v2/stocks/bars")

        with pytest.raises(TransientError, match="circle"):
            data.spot("iex").daily_closes(
                ["A"], date(2026, 1, 1), datetime(2026, 2, 4, 12, tzinfo=UTC)
            )


SPLIT = {"id": "s", "symbol": "SPY", "new_rate": 10, "old_rate": 1, "ex_date": "2026-02-11"}


@pytest.mark.parametrize(
    "bad",
    [
        SPLIT | {"id": ""},
        {name: SPLIT[name] for name in SPLIT if name != "symbol"},
        SPLIT | {"ex_date": "soon"},
        SPLIT | {"new_rate": 0},
        "a split",
        None,
    ],
)
def test_a_corporate_action_that_cannot_be_read_is_named_by_its_group_and_loses_no_other(
    simulator: SimulatedBroker, data: AlpacaMarketData, bad: object
) -> None:
    merger = {"id": "m", "acquiree_symbol": "AAPL", "rate": 5, "effective_date": "2026-02-12"}
    groups = {
        "forward_splits": [bad, SPLIT],
        "cash_dividends": [{"id": "d"}],
        "cash_mergers": [merger],
        "reverse_splits": None,
    }
    answer(simulator, {"corporate_actions": groups}, "/v1/corporate-actions")

    result = data.corporate_actions(["SPY", "AAPL"], date(2026, 2, 1), date(2026, 3, 1))

    assert [(each.id, each.kind, each.symbol) for each in result.found] == [
        ("s", "forward_split", "SPY"),
        ("m", "cash_merger", "AAPL"),
    ]
    (issue,) = result.problems
    assert issue.subject == "corporate action of forward_splits"
    assert issue.reason


def test_crypto_quotes_are_read_by_their_feed(
    simulator: SimulatedBroker, data: AlpacaMarketData
) -> None:
    simulator.market.set_price("BTC/USD", 60_000, bid="59999.5", ask="60001.25")

    quote = data.latest_quotes(["BTC/USD", "XYZ/USD"], CRYPTO_FEED)["BTC/USD"]

    assert (quote.bid, quote.ask) == (Decimal("59999.5"), Decimal("60001.25"))


def test_latest_trades_are_the_prices_of_now(data: AlpacaMarketData) -> None:
    fetched = data.spot("iex").latest_trades(["SPY", "ZZZZ"])

    assert by_metric(fetched.found) == {"last_trade": (Decimal(492), "10 12:00")}
    assert [each.subject for each in fetched.problems] == ["ZZZZ"]


def test_the_calendar_has_each_day_in_utc(trading: AlpacaTrading) -> None:
    days = trading.calendar(date(2026, 11, 25), date(2026, 11, 28)).found

    assert [(each.date.day, each.regular is None) for each in days] == [
        (25, False),
        (26, True),
        (27, False),
        (28, True),
    ]
    half = days[2]
    assert half.regular == Session(
        datetime(2026, 11, 27, 9, 30, tzinfo=NEW_YORK), datetime(2026, 11, 27, 13, tzinfo=NEW_YORK)
    )
    assert half.extended == Session(
        datetime(2026, 11, 27, 4, tzinfo=NEW_YORK), datetime(2026, 11, 27, 17, tzinfo=NEW_YORK)
    )


@pytest.mark.parametrize(
    ("odd", "known"),
    [
        ({"date": "2026-11-27"}, [25, 26, 28]),
        ({"date": "2026-11-27", **HOURS, "open": "25:00"}, [25, 26, 28]),
        ({"date": "2026-11-27", **HOURS, "close": "09:00"}, [25, 26, 28]),
        ({"date": "2026-11-27", **HOURS, "open": "09:30Z"}, [25, 26, 28]),
        ({"date": "0001-01-01", **HOURS}, [25]),
        ({"date": "27 November", **HOURS}, [25]),
        (None, [25]),
    ],
)
def test_a_bad_row_of_the_calendar_loses_its_own_day_alone(
    simulator: SimulatedBroker, trading: AlpacaTrading, odd: object, known: list[int]
) -> None:
    answer(simulator, [{"date": "2026-11-25", **HOURS}, odd], "/v2/calendar")

    days = trading.calendar(date(2026, 11, 25), date(2026, 11, 28))

    assert [each.date.day for each in days.found] == known
    assert [each.subject for each in days.problems] == ["calendar"]


def test_contracts_are_asked_for_with_every_bound_and_read_over_all_pages(
    simulator: SimulatedBroker, trading: AlpacaTrading, asked: list[dict[str, str]]
) -> None:
    row = {
        "symbol": "AAPL260320C00100000",
        "underlying_symbol": "AAPL",
        "type": "call",
        "style": "american",
        "strike_price": "100",
        "expiration_date": "2026-03-20",
        "open_interest": "237",
    }
    put = row | {"symbol": "AAPL260320P00100000", "type": "put", "open_interest": None}
    path = "/v2/options/contracts"
    answer(simulator, {"option_contracts": [row], "next_page_token": "x"}, path)
    answer(simulator, {"option_contracts": [put, {"symbol": "?"}], "next_page_token": None}, path)
    bounds = ChainBounds(date(2026, 2, 10), date(2026, 3, 27), Decimal("90.5"), Decimal(110))

    fetched = trading.option_contracts("AAPL", bounds)

    assert [(each.symbol, each.open_interest) for each in fetched.found] == [
        ("AAPL260320C00100000", 237),
        ("AAPL260320P00100000", None),
    ]
    assert [each.subject for each in fetched.problems] == ["?"]
    assert asked[0] == {
        "path": path,
        "underlying_symbols": "AAPL",
        "limit": "10000",
        "status": "active",
        "expiration_date_gte": "2026-02-10",
        "expiration_date_lte": "2026-03-27",
        "strike_price_gte": "90.5",
        "strike_price_lte": "110",
    }


def test_an_unknown_underlying_has_no_contracts(trading: AlpacaTrading) -> None:
    bounds = ChainBounds(date(2026, 2, 10), date(2026, 3, 27), Decimal(1), Decimal(2))

    fetched = trading.option_contracts("ZZZZ", bounds)

    assert fetched.found == ()
    assert fetched.problems == (Issue("ZZZZ", "invalid underlying symbols: ZZZZ"),)
