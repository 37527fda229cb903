"""Credentials, refusals, ids and lists: what clients get wrong when their stub is too kind."""

import threading
from datetime import timedelta

import httpx

from infra.simulator.broker import SimulatedBroker
from tests.contract.conftest import (
    IN_SESSION,
    KEYS,
    look_up,
    placed,
    post,
    resting,
)

MINUTE = timedelta(minutes=1)


class TestCredentials:
    def test_no_keys_get_html(self, broker_address: str) -> None:
        reply = httpx.get(f"{broker_address}/v2/account")

        assert reply.status_code == 401
        assert reply.headers["Content-Type"].startswith("text/html")
        assert "<html>" in reply.text

    def test_wrong_keys_get_a_body_without_a_code(self, broker_address: str) -> None:
        reply = httpx.get(
            f"{broker_address}/v2/account", headers={**KEYS, "APCA-API-KEY-ID": "other"}
        )

        assert reply.status_code == 401
        assert reply.text == '{"message": "unauthorized."}\n'

    def test_basic_authorization_is_accepted(self, broker_address: str) -> None:
        reply = httpx.get(f"{broker_address}/v2/account", auth=("sim-key", "sim-secret"))

        assert reply.status_code == 200

    def test_every_reply_has_its_own_request_id(self, http: httpx.Client) -> None:
        replies = [http.get("/v2/clock"), http.get("/v2/nothing"), post(http)]

        assert len({reply.headers["X-Request-ID"] for reply in replies}) == 3

    def test_data_replies_have_the_rate_limit_headers(self, http: httpx.Client) -> None:
        first = http.get("/v2/stocks/snapshots?symbols=AAPL")
        second = http.get("/v2/stocks/snapshots?symbols=brk-b")

        assert first.headers["X-RateLimit-Remaining"] == "199"
        assert second.headers["X-RateLimit-Remaining"] == "198"
        assert second.headers["X-RateLimit-Reset"] == str(int(IN_SESSION.timestamp()) + 60)

    def test_trading_replies_have_their_own_rate_limit_headers(self, http: httpx.Client) -> None:
        # "Each HTTP response": alpaca-trade-api-csharp issue 607.
        http.get("/v2/stocks/snapshots?symbols=AAPL")
        account, order = http.get("/v2/account"), post(http, qty="1", client_order_id="q-1")

        assert account.headers["X-RateLimit-Limit"] == "200"
        assert account.headers["X-RateLimit-Remaining"] == "199"
        assert order.headers["X-RateLimit-Remaining"] == "198"

    def test_budget_can_be_enforced(self, http: httpx.Client, broker: SimulatedBroker) -> None:
        broker.switches.enforce_rate_limits = True
        for _ in range(200):
            broker.rate.spend("data")

        reply = http.get("/v2/stocks/snapshots?symbols=AAPL")
        broker.clock.advance(MINUTE)
        later = http.get("/v2/stocks/snapshots?symbols=AAPL")

        assert (reply.status_code, reply.json()) == (429, {"message": "too many requests."})
        assert later.status_code == 200


class TestClientOrderIds:
    def test_id_stays_taken_after_the_fill(self, http: httpx.Client) -> None:
        placed(http, qty="1", client_order_id="q-1")
        placed(http, symbol="SPY", qty="1", client_order_id="q-2")

        reply = post(http, qty="1", client_order_id="q-1")

        assert reply.status_code == 422
        assert reply.json() == {"code": 40010001, "message": "client_order_id must be unique"}

    def test_code_and_cancelled_ids_go_by_switch(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        first = resting(http, client_order_id="q-1")
        http.delete(f"/v2/orders/{first['id']}")
        broker.switches.duplicate_code = 42210000

        refused = post(http, qty="1", client_order_id="q-1")
        broker.switches.cancelled_ids_stay_taken = False
        accepted = placed(http, qty="1", client_order_id="q-1")
        found = http.get("/v2/orders:by_client_order_id?client_order_id=q-1").json()

        assert refused.json()["code"] == 42210000
        assert found["id"] == accepted["id"]

    def test_absent_id_is_generated(self, http: httpx.Client) -> None:
        one, other = placed(http, qty="1"), placed(http, symbol="SPY", qty="1")

        assert one["client_order_id"] != other["client_order_id"]

    def test_of_two_racing_requests_one_wins(self, broker_address: str) -> None:
        barrier, statuses = threading.Barrier(8), list[int]()

        def race() -> None:
            with httpx.Client(base_url=broker_address, headers=KEYS) as http:
                barrier.wait()
                statuses.append(post(http, qty="1", client_order_id="q-1").status_code)

        threads = [threading.Thread(target=race) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sorted(statuses) == [200] + [422] * 7


class TestLists:
    def test_time_bounds_are_exclusive_to_the_nanosecond(self, http: httpx.Client) -> None:
        orders = [resting(http, price=str(price)) for price in (200, 201, 202)]
        first, _, last = (look_up(http, order)["submitted_at"] for order in orders)

        found = http.get("/v2/orders", params={"after": first, "until": last}).json()

        assert [order["id"] for order in found] == [orders[1]["id"]]

    def test_direction_and_limit(self, http: httpx.Client) -> None:
        orders = [resting(http, price=str(price)) for price in (200, 201, 202)]

        oldest = http.get("/v2/orders", params={"direction": "asc", "limit": 2}).json()

        assert [order["id"] for order in oldest] == [orders[0]["id"], orders[1]["id"]]

    def test_fills_page_by_the_last_id(self, http: httpx.Client) -> None:
        for _ in range(3):
            placed(http, qty="1")
        path = "/v2/account/activities/FILL"
        query = {"direction": "asc", "page_size": "2"}

        first = http.get(path, params=query).json()
        second = http.get(path, params={**query, "page_token": first[-1]["id"]}).json()

        assert (len(first), len(second)) == (2, 1)
        assert second[0]["id"] not in {row["id"] for row in first}

    def test_bars_page_by_the_total_over_symbols(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        broker.clock.advance(MINUTE)
        broker.market.set_price("AAPL", "229")
        broker.clock.advance(MINUTE)
        query = {"symbols": "SPY,AAPL", "timeframe": "1Min", "limit": "2", "sort": "desc"}

        first = http.get("/v2/stocks/bars", params=query).json()
        token = first["next_page_token"]
        second = http.get("/v2/stocks/bars", params={**query, "page_token": token}).json()

        assert [bar["c"] for bar in first["bars"]["AAPL"]] == [229, 228]
        assert "SPY" not in first["bars"]
        assert [bar["c"] for bar in second["bars"]["SPY"]] == [500]
        assert second["next_page_token"] is None
