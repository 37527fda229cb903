"""What our client of the broker makes of each failure: sent again, looked up, or given up.

The simulator fails, over real connections; test_alpaca_client.py has what it cannot say.
"""

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from tenacity import wait_none

from common.errors import BrokerRefusedError, OutcomeUnknownError, TransientError
from common.orders.status import may_follow
from infra.alpaca import trading as trading_module
from infra.alpaca.http import AlpacaHttp
from infra.alpaca.trading import AlpacaTrading
from infra.local.serving import HttpServer
from infra.simulator.broker import SimulatedBroker
from tests.conftest import NOON
from tests.unit.samples import order

ORDERS = "/v2/orders"
PATIENT = httpx.Timeout(10)


def http_of(simulator: SimulatedBroker, url: str, **arguments: Any) -> AlpacaHttp:
    keys = simulator.key_id, simulator.secret_key
    http = AlpacaHttp(url, *keys, **{"timeout": PATIENT, **arguments})
    http._retrying = http._retrying.copy(wait=wait_none())
    return http


@pytest.fixture
def server(simulator: SimulatedBroker) -> Iterator[HttpServer]:
    with HttpServer(simulator.app) as server:
        yield server


@pytest.fixture
def trading(simulator: SimulatedBroker, server: HttpServer) -> Iterator[AlpacaTrading]:
    with closing(http_of(simulator, server.url)) as http:
        yield AlpacaTrading(http)


class TestNeverLeft:
    def test_refused_connection_is_safe_to_send_again(
        self, simulator: SimulatedBroker, server: HttpServer, trading: AlpacaTrading
    ) -> None:
        with server.unreachable(), pytest.raises(TransientError, match="ConnectError"):
            trading.submit(order())

        assert simulator.ledger.orders() == []
        assert trading.submit(order()).client_order_id == "cs-1"

    def test_look_up_that_is_refused_proves_nothing(
        self, server: HttpServer, trading: AlpacaTrading
    ) -> None:
        with server.unreachable(), pytest.raises(TransientError, match="ConnectError"):
            trading.by_client_order_id("cs-1")

    def test_write_that_got_no_connection_of_the_pool_never_left(
        self, simulator: SimulatedBroker, server: HttpServer
    ) -> None:
        single = httpx.HTTPTransport(limits=httpx.Limits(max_connections=1))
        timeout = httpx.Timeout(10, pool=0.05)
        simulator.faults.add("slow", delay=0.4, path="/v2/clock")
        with closing(http_of(simulator, server.url, transport=single, timeout=timeout)) as http:
            busy = threading.Thread(target=http.get, args=("/v2/clock",))
            busy.start()
            while simulator.faults.waiting():
                pass  # until the slow request has arrived

            with pytest.raises(TransientError, match="PoolTimeout"):
                AlpacaTrading(http).submit(order())
            busy.join()

        assert simulator.ledger.orders() == []


class TestMayHaveArrived:
    @pytest.mark.parametrize(
        ("kind", "parameters", "is_there"),
        [
            ("refuse_connection", {}, False),
            ("accept_then_timeout", {}, True),
            ("accept_then_504", {}, True),
            ("accept_then_cut", {}, True),
            *(("status", {"status": status}, False) for status in (408, 500, 502, 503, 504)),
            ("status", {"status": 200, "body": "<html>"}, False),
            ("status", {"status": 200, "body": ""}, False),
        ],
    )
    def test_order_is_of_unknown_outcome_until_it_is_looked_up(
        self,
        simulator: SimulatedBroker,
        trading: AlpacaTrading,
        kind: str,
        parameters: dict[str, Any],
        *,
        is_there: bool,
    ) -> None:
        simulator.faults.add(kind, method="POST", path=ORDERS, **parameters)

        with pytest.raises(OutcomeUnknownError):
            trading.submit(order())

        assert simulator.faults.injected(kind) == 1
        assert (trading.by_client_order_id("cs-1") is not None) == is_there
        assert len(simulator.ledger.orders()) == is_there

    def test_order_that_was_hidden_from_its_look_up_is_adopted_in_the_end(
        self, simulator: SimulatedBroker, trading: AlpacaTrading
    ) -> None:
        simulator.faults.add("accept_then_504")
        simulator.faults.add("missing_in_lookup", times=2)

        with pytest.raises(OutcomeUnknownError):
            trading.submit(order())
        hidden = trading.by_client_order_id("cs-1")
        with pytest.raises(OutcomeUnknownError, match="hides it"):
            trading.submit(order())
        adopted = trading.submit(order())

        assert hidden is None
        assert [each.id for each in simulator.ledger.orders()] == [adopted.broker_order_id]

    @pytest.mark.parametrize("kind", ["refuse_connection", "status", "accept_then_504"])
    def test_cancellation_may_be_asked_for_again(
        self, simulator: SimulatedBroker, trading: AlpacaTrading, kind: str
    ) -> None:
        simulator.switches.fill_delay_seconds = 60
        placed = trading.submit(order())
        more: dict[str, Any] = {"status": 503} if kind == "status" else {}
        simulator.faults.add(kind, method="DELETE", **more)

        with pytest.raises(TransientError):
            trading.cancel(placed.broker_order_id)
        trading.cancel(placed.broker_order_id)

        found = trading.by_client_order_id("cs-1")
        assert found is not None
        assert found.status == "canceled"


class TestNotCarriedOut:
    @pytest.mark.parametrize(
        "how",
        [
            {},
            {"rate_headers": True},
            {"headers": {"Retry-After": "1"}},
            {"body": "<html>", "html": True},
        ],
    )
    def test_too_many_requests_is_transient_with_any_headers(
        self, simulator: SimulatedBroker, trading: AlpacaTrading, how: dict[str, Any]
    ) -> None:
        simulator.faults.add("status", status=429, method="POST", **how)

        with pytest.raises(TransientError, match="too many requests"):
            trading.submit(order())

        assert simulator.ledger.orders() == []

    @pytest.mark.parametrize(
        ("status", "body", "words"),
        [
            (400, {"message": "no"}, "no"),
            (401, None, "UNAUTHORIZED"),
            (403, {"code": 40310000, "message": "insufficient buying power"}, "buying power"),
            (404, {"code": 40410000, "message": "endpoint not found"}, "endpoint not found"),
            (422, {"code": 42210000, "message": "invalid side"}, "invalid side"),
            (422, {"code": 42210000}, "UNPROCESSABLE ENTITY"),
        ],
    )
    def test_refusal_has_the_brokers_message(
        self,
        simulator: SimulatedBroker,
        trading: AlpacaTrading,
        status: int,
        body: object,
        words: str,
    ) -> None:
        parameters: dict[str, Any] = {} if body is None else {"body": body}
        simulator.faults.add("status", status=status, method="POST", **parameters)

        with pytest.raises(BrokerRefusedError) as raised:
            trading.submit(order())

        assert raised.value.status == status
        assert words in raised.value.message
        assert simulator.ledger.orders() == []


class TestReads:
    @pytest.mark.parametrize(
        ("kind", "parameters"),
        [
            ("refuse_connection", {}),
            ("accept_then_cut", {}),
            ("status", {"status": 429}),
            ("status", {"status": 500}),
            ("status", {"status": 200, "body": "<html>"}),
        ],
    )
    def test_read_is_tried_again_and_answered(
        self,
        simulator: SimulatedBroker,
        trading: AlpacaTrading,
        kind: str,
        parameters: dict[str, Any],
    ) -> None:
        trading.submit(order())
        simulator.faults.add(kind, times=2, method="GET", **parameters)

        assert trading.by_client_order_id("cs-1") is not None
        assert simulator.faults.injected(kind) == 2

    def test_read_that_keeps_failing_is_transient(
        self, simulator: SimulatedBroker, trading: AlpacaTrading
    ) -> None:
        simulator.faults.add("refuse_connection", times=3, method="GET")

        with pytest.raises(TransientError):
            trading.by_client_order_id("cs-1")


class TestOddOrders:
    @pytest.mark.parametrize("status", ["held", "suspended", "calculated", "unheard_of"])
    def test_order_in_an_unknown_status_is_read_and_still_open(
        self, simulator: SimulatedBroker, trading: AlpacaTrading, status: str
    ) -> None:
        simulator.faults.add("hold_status", status=status)
        trading.submit(order())

        found = trading.by_client_order_id("cs-1")

        assert found is not None
        assert found.status == status
        assert may_follow("accepted", found.status)

    def test_late_rejection_is_read_as_one(
        self, simulator: SimulatedBroker, trading: AlpacaTrading
    ) -> None:
        simulator.faults.add("reject_late")
        submitted = trading.submit(order())

        found = trading.by_client_order_id("cs-1")

        assert found is not None
        assert (submitted.status, found.status) == ("pending_new", "rejected")

    def test_older_reading_is_told_from_a_newer_one(
        self, simulator: SimulatedBroker, trading: AlpacaTrading
    ) -> None:
        simulator.faults.add("partial_fill")
        trading.submit(order())
        trading.by_client_order_id("cs-1")
        new = trading.by_client_order_id("cs-1")
        simulator.faults.add("stale_order")

        old = trading.by_client_order_id("cs-1")

        assert new is not None
        assert old is not None
        assert (old.status, new.status) == ("partially_filled", "filled")
        assert (old.filled_qty or 0) < (new.filled_qty or 0)
        assert old.updated_at is not None
        assert new.updated_at is not None
        assert old.updated_at < new.updated_at


class TestLists:
    def test_order_with_an_unreadable_field_is_read_and_hides_no_other(
        self, simulator: SimulatedBroker, trading: AlpacaTrading
    ) -> None:
        simulator.switches.fill_delay_seconds = 60
        for name in ("cs-1", "cs-2"):
            trading.submit(order(client_order_id=name))
        strange, _ = simulator.ledger.orders()
        simulator.ledger.save(replace(strange, side=""))  # as the parent of several legs has it

        found = list(trading.orders("open", NOON - timedelta(minutes=1)))

        assert [each.client_order_id for each in found] == ["cs-1", "cs-2"]

    @pytest.mark.parametrize("page", [2, 3, 4])
    def test_page_that_ends_between_orders_of_one_instant_loses_none(
        self,
        simulator: SimulatedBroker,
        trading: AlpacaTrading,
        monkeypatch: pytest.MonkeyPatch,
        page: int,
    ) -> None:
        monkeypatch.setattr(trading_module, "_PAGE", page)
        simulator.switches.fill_delay_seconds = 60
        names = [f"cs-{number}" for number in range(6)]
        for name in names:
            trading.submit(order(client_order_id=name))
        first, second, *rest = simulator.ledger.orders()
        microsecond = first.submitted_at - first.submitted_at % 1000
        for place, each in enumerate([first, second, *rest]):
            at = microsecond + place // 2 * 1_000_000  # two orders share each instant
            simulator.ledger.save(replace(each, submitted_at=at))

        found = trading.orders("open", NOON - timedelta(minutes=1))

        assert [each.client_order_id for each in found] == names
