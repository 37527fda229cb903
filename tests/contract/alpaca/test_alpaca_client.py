"""Our client of the broker: against the simulator, and against a server that misbehaves."""

import itertools
import socket
import string
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import flask
import httpx
import pytest
from tenacity import wait_none

from common.errors import (
    BrokerRefusedError,
    OutcomeUnknownError,
    PermanentError,
    TransientError,
)
from common.market import NEW_YORK, Snapshot
from common.orders.order import Order
from infra.alpaca import trading as trading_module
from infra.alpaca.http import AlpacaHttp
from infra.alpaca.market_data import BATCH_SIZE, AlpacaMarketData
from infra.alpaca.trading import AlpacaTrading
from infra.local.serving import HttpServer
from infra.simulator.api.failures import HTML_401
from infra.simulator.broker import SimulatedBroker
from tests.conftest import NOON
from tests.unit.samples import order

KEY_ID, SECRET_KEY = "k3y-id", "s3cret-key"
REQUEST_ID = "rq-17"
PATIENT = httpx.Timeout(10)
HASTY = httpx.Timeout(0.2, connect=10)
DUPLICATE = {"message": "client_order_id must be unique"}
UNKNOWN_ORDER = {"code": 40410000, "message": "order not found for cs-1"}


class Peer:
    """A server that answers what it was told, in turn, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[flask.Request] = []
        self._replies: deque[Callable[[], flask.Response]] = deque()
        self._last: Callable[[], flask.Response] = flask.Response
        self.app = flask.Flask(__name__)
        self.app.before_request(self._answer)

    def answers(
        self, status: int, body: object = "", *, html: bool = False, **headers: str
    ) -> "Peer":
        """Add an answer; the last one is repeated for ever."""
        text = body if isinstance(body, str) else flask.json.dumps(body)
        kind = "text/html" if html else "application/json"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._replies.append(
            lambda: flask.Response(
                text, status, {"X-Request-ID": REQUEST_ID} | named, content_type=kind
            )
        )
        return self

    def hangs_up(self) -> "Peer":
        """Add the end of the connection, without a word."""
        self._replies.append(self._hang_up)
        return self

    def waits(self, until: threading.Event) -> "Peer":
        """Add an answer that comes only after the event."""

        def late() -> flask.Response:
            until.wait(5)
            return flask.Response("{}")

        self._replies.append(late)
        return self

    @property
    def calls(self) -> list[str]:
        return [f"{each.method} {each.path}" for each in self.asked]

    def _answer(self) -> flask.Response:
        flask.request.get_data()
        self.asked.append(flask.request._get_current_object())  # type: ignore[attr-defined]
        if self._replies:
            self._last = self._replies.popleft()
        return self._last()

    def _hang_up(self) -> flask.Response:
        flask.request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        return flask.Response()


@pytest.fixture(scope="module")
def port() -> Iterator[tuple[str, list[Peer]]]:
    """One port for all tests; the newest peer in the list answers."""
    peers: list[Peer] = []

    def newest(environ: Any, start_response: Any) -> Any:
        return peers[-1].app(environ, start_response)

    with HttpServer(newest) as server:
        yield server.url, peers


@pytest.fixture
def peer(port: tuple[str, list[Peer]]) -> Peer:
    _, peers = port
    peers[:] = [Peer()]
    return peers[0]


@pytest.fixture
def peer_url(port: tuple[str, list[Peer]], peer: Peer) -> str:
    url, peers = port
    assert peers == [peer]
    return url


@pytest.fixture
def http(peer_url: str) -> Iterator[AlpacaHttp]:
    with alpaca(peer_url) as client:
        yield client


@pytest.fixture
def wire(broker_url: str, simulator: SimulatedBroker) -> Iterator[AlpacaHttp]:
    with alpaca(broker_url, simulator.key_id, simulator.secret_key) as client:
        yield client


@contextmanager
def alpaca(
    url: str, key_id: str = KEY_ID, secret_key: str = SECRET_KEY, timeout: httpx.Timeout = PATIENT
) -> Iterator[AlpacaHttp]:
    """Make a client that does not wait between attempts: tests have no time for that."""
    with closing(AlpacaHttp(url, key_id, secret_key, timeout=timeout)) as client:
        client._retrying = client._retrying.copy(wait=wait_none())
        yield client


@pytest.fixture
def trading(wire: AlpacaHttp) -> AlpacaTrading:
    return AlpacaTrading(wire)


@pytest.fixture
def market_data(wire: AlpacaHttp) -> AlpacaMarketData:
    return AlpacaMarketData(wire)


def refused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def assert_no_key_in(error: BaseException) -> None:
    """Look through everything that a log could say of an error, its causes included."""
    text = "".join(traceback.format_exception(error)) + repr(error)
    assert KEY_ID not in text
    assert SECRET_KEY not in text


def facts_of(data: AlpacaMarketData, symbols: Sequence[str]) -> list[Snapshot]:
    return list(data.spot("iex").snapshots(symbols, NOON).found)


def get(http: AlpacaHttp) -> object:
    answer: object = http.get("/v2/clock")
    return answer


def post(http: AlpacaHttp) -> object:
    answer: object = http.post("/v2/orders", {"symbol": "SPY"})
    return answer


def delete(http: AlpacaHttp) -> object:
    answer: object = http.delete("/v2/orders/1")
    return answer


# What the broker may say: (status, body, is it HTML), then what it means for a read and a write.
UNAUTHORIZED = (401, {"message": "unauthorized."}, False)
UNAUTHORIZED_PAGE = (401, HTML_401, True)
FORBIDDEN = (403, {"code": 40310000, "message": "insufficient buying power"}, False)
NO_ENDPOINT = (404, {"code": 40410000, "message": "endpoint not found"}, False)
UNPROCESSABLE = (422, {"code": 42210000, "message": 'asset "X" is not tradable'}, False)
MOVED = (307, "", False)
TOO_MANY = (429, {"message": "too many requests."}, False)
FAILED = (500, {"code": 50010000, "message": "internal server error occurred"}, False)
BAD_GATEWAY = (502, "<html>bad gateway</html>", True)
UNAVAILABLE = (503, "", False)
LATE = (504, "", False)
NOT_JSON = (200, "<html>welcome</html>", True)
CUT_SHORT = (200, '{"id": "1", "stat', False)
NOT_A_NUMBER = (200, '{"price": NaN}', False)

REFUSALS = [UNAUTHORIZED, UNAUTHORIZED_PAGE, FORBIDDEN, NO_ENDPOINT, UNPROCESSABLE, MOVED]
UNCLEAR = [FAILED, BAD_GATEWAY, UNAVAILABLE, LATE, NOT_JSON, CUT_SHORT, NOT_A_NUMBER]
Reply = tuple[int, object, bool]


class TestRefusals:
    @pytest.mark.parametrize("call", [get, post, delete])
    @pytest.mark.parametrize("reply", REFUSALS, ids=lambda reply: f"{reply[0]}{reply[2] * '-html'}")
    def test_a_refusal_is_proven_and_never_repeated(
        self,
        peer: Peer,
        http: AlpacaHttp,
        reply: Reply,
        call: Callable[[AlpacaHttp], object],
    ) -> None:
        status, body, html = reply
        peer.answers(status, body, html=html, Location="/elsewhere")

        with pytest.raises(BrokerRefusedError) as refused:
            call(http)

        assert (refused.value.status, refused.value.request_id) == (status, REQUEST_ID)
        assert REQUEST_ID in str(refused.value)
        assert_no_key_in(refused.value)
        assert len(peer.asked) == 1

    def test_its_message_is_the_brokers_own(self, peer: Peer, http: AlpacaHttp) -> None:
        peer.answers(*FORBIDDEN[:2])

        with pytest.raises(BrokerRefusedError) as refused:
            post(http)

        assert refused.value.message == "insufficient buying power"

    @pytest.mark.parametrize(
        "body", ["", "[]", "null", "7", '"no"', '{"message": null}', '{"code": 1}', HTML_401]
    )
    def test_without_a_message_the_status_is_named(
        self, peer: Peer, http: AlpacaHttp, body: str
    ) -> None:
        peer.answers(403, body)

        with pytest.raises(BrokerRefusedError) as refused:
            get(http)

        assert refused.value.message.upper() == "FORBIDDEN"

    def test_the_simulator_refuses_wrong_keys(self, broker_url: str) -> None:
        with alpaca(broker_url) as client, pytest.raises(BrokerRefusedError) as refused:
            get(client)

        assert refused.value.status == 401
        assert refused.value.request_id
        assert_no_key_in(refused.value)


class TestUnclearAnswers:
    @pytest.mark.parametrize("reply", UNCLEAR, ids=lambda reply: f"{reply[0]}-{reply[1]}"[:20])
    def test_a_read_is_repeated_and_then_transient(
        self, peer: Peer, http: AlpacaHttp, reply: Reply
    ) -> None:
        status, body, html = reply
        peer.answers(status, body, html=html)

        with pytest.raises(TransientError) as raised:
            get(http)

        assert REQUEST_ID in str(raised.value)
        assert_no_key_in(raised.value)
        assert peer.calls == ["GET /v2/clock"] * 3

    @pytest.mark.parametrize("call", [post, delete])
    @pytest.mark.parametrize("reply", UNCLEAR, ids=lambda reply: f"{reply[0]}-{reply[1]}"[:20])
    def test_a_write_is_sent_once_and_its_outcome_unknown(
        self, peer: Peer, http: AlpacaHttp, reply: Reply, call: Callable[[AlpacaHttp], object]
    ) -> None:
        status, body, html = reply
        peer.answers(status, body, html=html)

        with pytest.raises(OutcomeUnknownError) as raised:
            call(http)

        assert REQUEST_ID in str(raised.value)
        assert_no_key_in(raised.value)
        assert len(peer.asked) == 1

    def test_too_many_requests_is_transient_and_a_write_still_sent_once(
        self, peer: Peer, http: AlpacaHttp
    ) -> None:
        peer.answers(*TOO_MANY[:2])

        with pytest.raises(TransientError, match=REQUEST_ID):
            post(http)
        with pytest.raises(TransientError, match=REQUEST_ID):
            get(http)

        assert peer.calls == ["POST /v2/orders"] + ["GET /v2/clock"] * 3

    def test_a_read_succeeds_as_soon_as_the_broker_recovers(
        self, peer: Peer, http: AlpacaHttp
    ) -> None:
        peer.answers(503).hangs_up().answers(200, '{"price": 0.1}')

        answer = get(http)

        assert answer == {"price": Decimal("0.1")}
        assert len(peer.asked) == 3

    def test_a_success_without_a_body_is_nothing(self, peer: Peer, http: AlpacaHttp) -> None:
        peer.answers(204)

        assert delete(http) is None


class TestBrokenCalls:
    @pytest.mark.parametrize("call", [get, post, delete])
    def test_a_refused_connection_is_transient_for_a_write_too(
        self, call: Callable[[AlpacaHttp], object]
    ) -> None:
        with (
            alpaca(f"http://127.0.0.1:{refused_port()}") as client,
            pytest.raises(TransientError) as raised,
        ):
            call(client)

        assert_no_key_in(raised.value)

    def test_a_write_that_is_taken_and_not_answered_may_have_happened(
        self, peer: Peer, peer_url: str
    ) -> None:
        answered = threading.Event()
        peer.waits(answered)

        with (
            alpaca(peer_url, timeout=HASTY) as client,
            pytest.raises(OutcomeUnknownError) as raised,
        ):
            post(client)
        answered.set()

        assert "ReadTimeout" in str(raised.value)
        assert_no_key_in(raised.value)
        assert peer.calls == ["POST /v2/orders"]

    def test_a_read_that_is_not_answered_in_time_is_repeated(
        self, peer: Peer, peer_url: str
    ) -> None:
        answered = threading.Event()
        peer.waits(answered).answers(200, "{}")

        with alpaca(peer_url, timeout=HASTY) as client:
            answer = get(client)
        answered.set()

        assert answer == {}
        assert len(peer.asked) == 2

    def test_a_connection_that_ends_under_a_write_leaves_it_unknown(
        self, peer: Peer, http: AlpacaHttp
    ) -> None:
        peer.hangs_up()

        with pytest.raises(OutcomeUnknownError):
            post(http)

        assert len(peer.asked) == 1

    def test_a_redirect_is_not_followed_with_our_keys(self, peer: Peer, http: AlpacaHttp) -> None:
        elsewhere = Peer()
        with HttpServer(elsewhere.app) as server:
            peer.answers(302, Location=f"{server.url}/v2/clock")

            with pytest.raises(BrokerRefusedError):
                get(http)

        assert elsewhere.asked == []

    def test_both_keys_are_sent_as_headers_and_nowhere_else(
        self, peer: Peer, http: AlpacaHttp
    ) -> None:
        peer.answers(200, "{}")

        get(http)

        assert peer.asked[0].headers["APCA-API-KEY-ID"] == KEY_ID
        assert peer.asked[0].headers["APCA-API-SECRET-KEY"] == SECRET_KEY
        assert KEY_ID not in peer.asked[0].url
        assert SECRET_KEY not in peer.asked[0].url


class TestSubmit:
    def test_an_order_is_placed_exactly_as_written(
        self, simulator: SimulatedBroker, trading: AlpacaTrading
    ) -> None:
        submitted = trading.submit(order(notional_usd=Decimal("10.10")))

        [booked] = simulator.ledger.orders()
        assert booked.notional == Decimal("10.10")
        assert (submitted.broker_order_id, submitted.client_order_id) == (booked.id, "cs-1")
        assert (submitted.symbol, submitted.side) == ("SPY", "buy")
        assert submitted.submitted_at is not None
        assert submitted.submitted_at.utcoffset() == timedelta(0)

    def test_money_goes_out_as_strings(self, peer: Peer, http: AlpacaHttp) -> None:
        peer.answers(500)

        with pytest.raises(OutcomeUnknownError):
            AlpacaTrading(http).submit(order(notional_usd=Decimal("10.10")))

        assert peer.asked[0].json["notional"] == "10.1"

    @pytest.mark.parametrize("code", [40010001, 42210000])
    def test_an_order_that_is_already_there_is_adopted(
        self, simulator: SimulatedBroker, trading: AlpacaTrading, code: int
    ) -> None:
        simulator.switches.duplicate_code = code
        first = trading.submit(order())

        again = trading.submit(order())

        assert again.broker_order_id == first.broker_order_id
        assert len(simulator.ledger.orders()) == 1

    @pytest.mark.parametrize("fault", ["accept_then_timeout", "accept_then_504"])
    def test_an_order_whose_reply_is_lost_is_unknown_and_can_be_looked_up(
        self, simulator: SimulatedBroker, trading: AlpacaTrading, fault: str
    ) -> None:
        simulator.faults.add(fault)

        with pytest.raises(OutcomeUnknownError):
            trading.submit(order())

        found = trading.by_client_order_id("cs-1")
        assert found is not None
        assert [each.id for each in simulator.ledger.orders()] == [found.broker_order_id]

    def test_a_reply_that_comes_too_late_is_a_lost_one(
        self, simulator: SimulatedBroker, broker_url: str
    ) -> None:
        keys = (simulator.key_id, simulator.secret_key)
        simulator.faults.add("accept_then_timeout", delay=0.2)

        with (
            alpaca(broker_url, *keys, timeout=httpx.Timeout(0.1, connect=10)) as hasty,
            pytest.raises(OutcomeUnknownError, match="ReadTimeout"),
        ):
            AlpacaTrading(hasty).submit(order())

        assert len(simulator.ledger.orders()) == 1

    def test_a_refusal_is_the_callers_to_hear(
        self, simulator: SimulatedBroker, trading: AlpacaTrading
    ) -> None:
        with pytest.raises(BrokerRefusedError, match='422: asset "NOPE" not found'):
            trading.submit(order(symbol="NOPE"))

        assert simulator.ledger.orders() == []

    def test_an_order_that_is_there_but_not_shown_is_unknown(
        self, peer: Peer, http: AlpacaHttp
    ) -> None:
        peer.answers(422, DUPLICATE).answers(404, UNKNOWN_ORDER)

        with pytest.raises(OutcomeUnknownError):
            AlpacaTrading(http).submit(order())

        assert peer.calls == ["POST /v2/orders", "GET /v2/orders:by_client_order_id"]

    @pytest.mark.parametrize(
        "body", ["", "{}", "[]", "null", "7", '{"id": null, "client_order_id": "cs-1"}']
    )
    def test_an_unreadable_answer_is_no_refusal(
        self, peer: Peer, http: AlpacaHttp, body: str
    ) -> None:
        peer.answers(200, body)

        with pytest.raises(OutcomeUnknownError):
            AlpacaTrading(http).submit(order())

        assert len(peer.asked) == 1


class TestLookUp:
    def test_an_order_that_the_broker_does_not_know_is_none(self, trading: AlpacaTrading) -> None:
        assert trading.by_client_order_id("cs-1") is None

    def test_a_wrong_address_is_not_an_unknown_order(
        self, broker_url: str, simulator: SimulatedBroker
    ) -> None:
        with (
            alpaca(f"{broker_url}/v2", simulator.key_id, simulator.secret_key) as wrong,
            pytest.raises(OutcomeUnknownError, match="endpoint not found"),
        ):
            AlpacaTrading(wrong).by_client_order_id("cs-1")

    @pytest.mark.parametrize(
        "reply",
        [*REFUSALS, (404, "<html>not found</html>", True), (400, UNKNOWN_ORDER, False)],
        ids=lambda reply: f"{reply[0]}{reply[2] * '-html'}",
    )
    def test_a_refused_look_up_proves_nothing_about_the_order(
        self, peer: Peer, http: AlpacaHttp, reply: Reply
    ) -> None:
        status, body, html = reply
        peer.answers(status, body, html=html)

        with pytest.raises(OutcomeUnknownError) as raised:
            AlpacaTrading(http).by_client_order_id("cs-1")

        assert REQUEST_ID in str(raised.value)

    def test_a_broker_in_trouble_is_asked_again(self, peer: Peer, http: AlpacaHttp) -> None:
        peer.answers(500).answers(404, UNKNOWN_ORDER)

        assert AlpacaTrading(http).by_client_order_id("cs-1") is None
        assert len(peer.asked) == 2

    def test_a_fill_comes_with_its_exact_numbers(
        self, simulator: SimulatedBroker, trading: AlpacaTrading
    ) -> None:
        simulator.market.set_price("SPY", "172.6618", bid="172.66", ask="172.6618")
        trading.submit(order(notional_usd=Decimal(100)))
        simulator.work()

        found = trading.by_client_order_id("cs-1")

        assert found is not None
        assert found.status == "filled"
        assert found.filled_avg_price == Decimal("172.6618")
        assert found.filled_qty == simulator.ledger.orders()[0].filled_qty


class TestOrderLists:
    def submitted(
        self, simulator: SimulatedBroker, trading: AlpacaTrading, count: int
    ) -> list[str]:
        """Place orders a second apart; return our ids."""
        placed: list[Order] = [order(client_order_id=f"cs-{number}") for number in range(count)]
        for each in placed:
            simulator.clock.advance(timedelta(seconds=1))
            trading.submit(each)
        return [each.client_order_id for each in placed]

    @pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 6])
    def test_all_pages_are_read_oldest_first(
        self,
        simulator: SimulatedBroker,
        trading: AlpacaTrading,
        monkeypatch: pytest.MonkeyPatch,
        count: int,
    ) -> None:
        # A real page has 500 orders: placing more takes too long, and the paging is the same.
        monkeypatch.setattr(trading_module, "_PAGE", 3)
        placed = self.submitted(simulator, trading, count)

        found = [each.client_order_id for each in trading.orders("closed", NOON)]

        # The last order of a page may come again with the next one, never out of turn.
        assert list(dict.fromkeys(found)) == placed

    def test_only_orders_after_the_instant_are_listed(
        self, simulator: SimulatedBroker, trading: AlpacaTrading
    ) -> None:
        self.submitted(simulator, trading, 3)

        found = trading.orders("closed", NOON + timedelta(seconds=2))

        assert [each.client_order_id for each in found] == ["cs-1", "cs-2"]

    def test_the_status_is_asked_for_and_the_instant_in_utc(
        self, peer: Peer, http: AlpacaHttp
    ) -> None:
        peer.answers(200, "[]")

        assert list(AlpacaTrading(http).orders("open", NOON)) == []
        assert dict(peer.asked[0].args) == {
            "status": "open",
            "direction": "asc",
            "limit": "500",
            "after": "2026-02-10T17:00:00+00:00",
        }

    def test_the_brokers_time_is_aware_and_its_own(
        self, simulator: SimulatedBroker, trading: AlpacaTrading
    ) -> None:
        now = trading.now()

        assert now == simulator.clock.now()
        assert now.utcoffset() == timedelta(0)


class TestMarketData:
    def facts(self, market_data: AlpacaMarketData, symbol: str) -> dict[str, tuple[Decimal, str]]:
        """Return price and New York time of each metric."""
        return {
            each.metric: (each.price, f"{each.as_of.astimezone(NEW_YORK):%d %H:%M}")
            for each in facts_of(market_data, [symbol])
        }

    @pytest.mark.parametrize("null", [True, False])
    def test_an_unknown_symbol_has_no_facts_and_affects_no_other(
        self, simulator: SimulatedBroker, market_data: AlpacaMarketData, *, null: bool
    ) -> None:
        simulator.switches.unknown_snapshot_is_null = null

        facts = facts_of(market_data, ["SPY", "ZZZZ", "AAPL"])
        quotes = market_data.latest_quotes(["SPY", "ZZZZ", "AAPL"], "iex")

        assert {each.symbol for each in facts} == set(quotes) == {"SPY", "AAPL"}

    @pytest.mark.parametrize("text", ["839", "172.6618", "0.1", "839.0", "1E+3"])
    def test_a_price_is_the_number_that_was_written(
        self, peer: Peer, http: AlpacaHttp, text: str
    ) -> None:
        at = "2026-02-10T17:00:00.123456789Z"
        peer.answers(200, f'{{"SPY": {{"latestTrade": {{"t": "{at}", "p": {text}, "s": 7}}}}}}')

        [fact] = facts_of(AlpacaMarketData(http), ["SPY"])

        assert fact.price == Decimal(text)
        assert (fact.volume, fact.feed, fact.metric) == (Decimal(7), "iex", "last_trade")
        assert fact.as_of == NOON + timedelta(microseconds=123456)

    def test_prices_survive_the_whole_way(
        self, simulator: SimulatedBroker, market_data: AlpacaMarketData
    ) -> None:
        simulator.market.set_price("SPY", "172.6618", bid="172.6617", ask="839")

        trade = facts_of(market_data, ["SPY"])[0]
        quote = market_data.latest_quotes(["SPY"], "iex")["SPY"]

        assert trade.price == Decimal("172.6618")
        assert trade.raw["p"] == Decimal("172.6618")
        assert (quote.bid, quote.ask) == (Decimal("172.6617"), Decimal(839))

    @pytest.mark.parametrize("count", [1, 99, 100, 101, 250])
    def test_symbols_go_out_in_hundreds(self, peer: Peer, http: AlpacaHttp, count: int) -> None:
        letters = itertools.product(string.ascii_uppercase, repeat=2)
        symbols = ["".join(pair) for pair in itertools.islice(letters, count)]
        peer.answers(200, '{"quotes": {}}')

        AlpacaMarketData(http).latest_quotes(symbols, "iex")

        sent = [each.args["symbols"].split(",") for each in peer.asked]
        assert list(itertools.chain(*sent)) == symbols
        assert max(map(len, sent)) <= BATCH_SIZE == 100
        assert len(sent) == -(-count // 100)

    def test_no_symbols_make_no_request(self, peer: Peer, http: AlpacaHttp) -> None:
        data = AlpacaMarketData(http)

        assert facts_of(data, []) == []
        assert data.latest_quotes([], "iex") == {}
        assert peer.asked == []

    def test_parts_that_are_missing_or_null_are_no_facts(
        self, peer: Peer, http: AlpacaHttp
    ) -> None:
        bar = {"t": "2026-02-10T05:00:00Z", "c": 1, "v": 1}
        trade = {"t": "2026-02-10T17:00:00Z", "p": 1}
        peer.answers(
            200,
            {
                "A": {},
                "B": {"latestTrade": None, "dailyBar": bar, "prevDailyBar": bar},
                "C": {"latestTrade": trade, "dailyBar": None, "prevDailyBar": None},
            },
        )

        facts = facts_of(AlpacaMarketData(http), ["A", "B", "C"])

        assert [(each.symbol, each.metric) for each in facts] == [("C", "last_trade")]

    def test_an_empty_side_of_a_quote_is_zero(
        self, simulator: SimulatedBroker, market_data: AlpacaMarketData
    ) -> None:
        simulator.faults.add("empty_quote", side="ask")

        quote = market_data.latest_quotes(["SPY"], "iex")["SPY"]

        assert quote.ask == 0
        assert quote.mid is None

    def test_a_feed_that_is_not_paid_for_is_refused(self, market_data: AlpacaMarketData) -> None:
        with pytest.raises(PermanentError, match="subscription does not permit"):
            market_data.latest_quotes(["SPY"], "sip")
