"""Alpaca's trading API (alpaca-api.md section 5): orders, and the broker's clock."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from common.errors import BrokerRefusedError, OutcomeUnknownError
from common.model import problems
from common.orders import BrokerOrder, Order
from infra.alpaca.http import AlpacaHttp

_NOT_FOUND = 404
_UNKNOWN_ORDER = "order not found"  # a wrong URL answers 404 too: "endpoint not found"
_PAGE = 500
# Its code differs between reports (40010001, 42210000): the message decides.
_ALREADY_THERE = "client_order_id must be unique"


class AlpacaTrading:
    """Places orders and asks what became of them."""

    def __init__(self, http: AlpacaHttp) -> None:
        self._http = http

    def submit(self, order: Order) -> BrokerOrder:
        """Place an order once (`POST /v2/orders`); one that is already there is adopted.

        Raises BrokerRefusedError when the broker said no, TransientError when the request never
        arrived, OutcomeUnknownError when it may have: look it up before anything else.
        """
        try:
            return _order(self._http.post("/v2/orders", order.to_wire()))
        except BrokerRefusedError as error:
            if _ALREADY_THERE not in error.message:
                raise
            adopted = self.by_client_order_id(order.client_order_id)
            if adopted is None:
                raise OutcomeUnknownError(
                    "the broker says that the order is there, but does not show it"
                ) from error
            return adopted

    def by_client_order_id(self, client_order_id: str) -> BrokerOrder | None:
        """Look an order up by our own id (`GET /v2/orders:by_client_order_id`).

        None means that the broker knows no such order. A refused look-up proves nothing about the
        order: it raises OutcomeUnknownError, never BrokerRefusedError.
        """
        try:
            found = self._http.get(
                "/v2/orders:by_client_order_id", {"client_order_id": client_order_id}
            )
        except BrokerRefusedError as error:
            if error.status == _NOT_FOUND and _UNKNOWN_ORDER in error.message:
                return None
            raise OutcomeUnknownError(f"the order could not be looked up: {error}") from error
        return _order(found)

    def orders_since(self, submitted_after: datetime) -> Iterator[BrokerOrder]:
        """List all orders submitted after an instant, oldest first (`GET /v2/orders`).

        There is no page token: the next page begins after the last order's submission.
        """
        after = submitted_after
        while True:
            page = self._http.get(
                "/v2/orders",
                {
                    "status": "all",
                    "direction": "asc",
                    "limit": str(_PAGE),
                    "after": after.astimezone(UTC).isoformat(),
                },
            )
            orders = [_order(each) for each in page]
            yield from orders
            if len(orders) < _PAGE:
                return
            after = orders[-1].submitted_at

    def now(self) -> datetime:
        """Return the broker's time (`GET /v2/clock`), as the simulator's tests need it."""
        return datetime.fromisoformat(self._http.get("/v2/clock")["timestamp"]).astimezone(UTC)


def _order(document: Any) -> BrokerOrder:
    try:
        return BrokerOrder.model_validate(document)
    except ValidationError as error:
        # The broker did act: that its answer is not readable must not look like a refusal.
        raise OutcomeUnknownError(f"broker sent an unreadable order: {problems(error)}") from error
