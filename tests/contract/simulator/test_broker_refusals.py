"""Which orders are refused, and in which words (docs/broker.md, Refusals)."""

from typing import Any

import httpx
import pytest

from infra.simulator.broker import SimulatedBroker
from tests.contract.conftest import (
    placed,
    post,
    resting,
)


class TestRefusals:
    @pytest.mark.parametrize(
        ("fields", "status", "code", "message"),
        [
            ({"qty": "0"}, 422, 40010001, "qty must be > 0"),
            ({"qty": "-1"}, 422, 40010001, "qty must be > 0"),
            ({"qty": "one"}, 422, 40010001, "invalid qty"),
            ({"qty": True}, 422, 40010001, "invalid qty"),
            ({"qty": "NaN"}, 422, 40010001, "invalid qty"),
            ({"qty": "1", "side": "long"}, 422, 40010001, "invalid side"),
            ({"qty": "1", "type": "magic"}, 422, 40010001, "invalid order type"),
            ({"qty": "1", "time_in_force": "now"}, 422, 40010001, "invalid time_in_force"),
            ({"qty": "1", "type": "limit"}, 422, 40010001, "limit orders require a limit price"),
            (
                {"qty": "1", "limit_price": "5"},
                *(422, 40010001, "market orders require no stop or limit price"),
            ),
            (
                {"qty": "1", "client_order_id": "x" * 129},
                *(422, 40010001, "client_order_id must be no more than 128 characters"),
            ),
            (
                {"qty": "1", "type": "limit", "limit_price": "290.123"},
                *(422, 42210000, "invalid limit_price 290.123. sub-penny increment "),
            ),
            (
                {"qty": "1", "extended_hours": True},
                *(422, 42210000, "extended hours order must be DAY or GTC limit orders"),
            ),
            (
                {"qty": "0.5", "side": "sell"},
                *(422, 42210000, "fractional orders cannot be sold short"),
            ),
            (
                {"notional": "25", "type": "limit", "limit_price": "228"},
                *(422, 42210000, "fractional orders must be market orders"),
            ),
            (
                {"qty": "1", "position_intent": "buy_to_close"},
                *(422, 42210000, "position intent mismatch, inferred: buy_to_open, specified: "),
            ),
        ],
    )
    def test_order_is_refused_with_the_brokers_message(
        self, http: httpx.Client, fields: dict[str, Any], status: int, code: int, message: str
    ) -> None:
        reply = post(http, **fields)

        assert (reply.status_code, reply.json()["code"]) == (status, code)
        assert reply.json()["message"].startswith(message)
        assert http.get("/v2/orders?status=all").json() == []

    def test_body_that_is_no_json(self, http: httpx.Client) -> None:
        reply = http.post("/v2/orders", content=b"{")

        assert (reply.status_code, reply.json()["code"]) == (400, 40010000)

    def test_body_that_is_too_large_is_not_read(self, http: httpx.Client) -> None:
        body = b'{"symbol": "AAPL"' + b" " * 64 * 1024 + b"}"

        reply = http.post("/v2/orders", content=body)
        without_length = http.post("/v2/orders", content=iter([body]))

        assert (reply.status_code, without_length.status_code) == (413, 400)
        assert http.get("/v2/orders?status=all").json() == []

    def test_asset_decides_what_may_be_done_with_it(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        broker.assets.put("AAPL", tradable=False)
        broker.assets.put("SPY", fractionable=False, shortable=False)

        halted = post(http, qty="1")
        fraction = post(http, symbol="SPY", notional="25")
        short = post(http, symbol="SPY", qty="1", side="sell")

        assert (halted.status_code, halted.json()["message"]) == (
            422,
            'asset "AAPL" is not tradable',
        )
        assert (fraction.status_code, fraction.json()["message"]) == (
            403,
            'asset "SPY" is not fractionable',
        )
        assert (short.status_code, short.json()["message"]) == (
            422,
            'asset "SPY" cannot be sold short',
        )

    def test_buying_power_counts_open_orders(self, http: httpx.Client) -> None:
        resting(http, qty="1500", price="200")

        reply = post(http, symbol="SPY", qty="1000")

        assert (reply.status_code, reply.json()) == (
            403,
            {
                "code": 40310000,
                "message": "insufficient buying power",
                "buying_power": "100000",
                "cost_basis": "500010",
            },
        )

    def test_buying_power_can_be_spent_to_the_last_cent(self, http: httpx.Client) -> None:
        too_much = post(http, notional="400000.01")

        enough = post(http, notional="400000")

        assert (too_much.status_code, enough.status_code) == (403, 200)

    def test_shares_promised_to_one_sale_are_not_there_for_another(
        self, http: httpx.Client
    ) -> None:
        placed(http, qty="3")
        sale = resting(http, side="sell", qty="3", price="900")

        reply = post(http, side="sell", qty="1")

        assert reply.status_code == 403
        assert reply.json() == {
            "code": 40310000,
            "message": "insufficient qty available for order (requested: 1, available: 0)",
            "symbol": "AAPL",
            "existing_qty": "3",
            "held_for_orders": "3",
            "available": "0",
            "related_orders": [sale["id"]],
        }
        assert http.get("/v2/positions/AAPL").json()["qty_available"] == "0"

    def test_more_than_is_held_cannot_be_sold(self, http: httpx.Client) -> None:
        placed(http, notional="25")

        reply = post(http, side="sell", qty="1")

        assert (reply.status_code, reply.json()["available"]) == (403, "0.109644313")

    def test_whole_shares_can_be_sold_short(self, http: httpx.Client) -> None:
        order = placed(http, side="sell", qty="2")

        position = http.get("/v2/positions/AAPL").json()

        assert order["position_intent"] == "sell_to_open"
        assert (position["side"], position["qty"]) == ("short", "-2")
        assert http.get("/v2/account").json()["cash"] == "100455.98"

    def test_own_orders_must_not_meet(self, http: httpx.Client) -> None:
        sale = resting(http, side="sell", price="240")

        reply = post(http, qty="1")

        assert reply.status_code == 403
        assert reply.json()["message"] == "potential wash trade detected. use complex orders"
        assert reply.json()["existing_order_id"] == sale["id"]

    @pytest.mark.parametrize(
        "fields",
        [
            {"qty": "1", "type": "stop", "stop_price": "200"},
            {"qty": "1", "time_in_force": "ioc"},
            {"qty": "1", "order_class": "bracket"},
        ],
    )
    def test_what_is_not_simulated_fails_aloud(
        self, http: httpx.Client, fields: dict[str, str]
    ) -> None:
        assert post(http, **fields).status_code == 501

    @pytest.mark.parametrize(
        ("path", "status", "message"),
        [
            ("/v2/orders/61e69015-8549-4bfd-b9c3-01e75843f47d", 404, "order not found for 61e69"),
            ("/v2/orders/nonsense", 422, "order_id is missing"),
            ("/v2/orders:by_client_order_id?client_order_id=q-9", 404, "order not found for q-9"),
            ("/v2/positions/SPY", 404, "position does not exist"),
            ("/v2/assets/ZZZZ", 404, "asset not found for ZZZZ"),
            ("/v2/nothing", 404, "endpoint not found"),
        ],
    )
    def test_what_is_not_there(
        self, http: httpx.Client, path: str, status: int, message: str
    ) -> None:
        reply = http.get(path)

        assert reply.status_code == status
        assert reply.json()["message"].startswith(message)
