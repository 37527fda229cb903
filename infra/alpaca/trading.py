"""Alpaca's trading API (docs/broker.md, Trading): orders, and the broker's clock."""

import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from common.errors import (
    BrokerRefusedError,
    OutcomeUnknownError,
    TransientError,
)
from common.guardrails.facts import Account
from common.holdings.positions import Execution, Holding
from common.options import ChainBounds, OptionContract
from common.orders.asset import Asset
from common.orders.broker_order import BrokerOrder
from common.orders.order import Order
from common.orders.request_budget import RateLimit
from common.sessions import CalendarDay
from infra.alpaca import account as accounts
from infra.alpaca import activities, contracts, positions
from infra.alpaca import calendar as calendars
from infra.alpaca.batches import BatchResult
from infra.alpaca.http import AlpacaHttp
from infra.alpaca.orders import read_order
from infra.alpaca.responses import items
from infra.alpaca.shared_answers import SharedAnswers

log = logging.getLogger(__name__)

_NOT_FOUND = 404
_UNKNOWN_ORDER = "order not found"  # a wrong URL answers 404 too: "endpoint not found"
_PAGE = 500
_INSTANT = timedelta(microseconds=1)  # our instants are cut to it
# Its code differs between reports (40010001, 42210000): the message decides.
_ALREADY_THERE = "client_order_id must be unique"


class AlpacaTrading:
    """Places orders and asks what became of them."""

    def __init__(self, http: AlpacaHttp) -> None:
        self._http = http

    def sharing(self, known: Mapping[str, Any]) -> tuple["AlpacaTrading", dict[str, Any]]:
        """Return a reader that knows some answers, and where it keeps those that it asks for."""
        wire = SharedAnswers(self._http, known)
        return AlpacaTrading(wire), wire.fetched

    @property
    def rate_limit(self) -> RateLimit | None:
        """What the last response said of the limit on trading requests."""
        return self._http.rate_limit

    def submit(self, order: Order) -> BrokerOrder:
        """Place an order once (`POST /v2/orders`); one that is already there is adopted.

        Raises BrokerRefusedError when the broker said no, TransientError when the request never
        arrived, OutcomeUnknownError when it may have: look it up before anything else.
        """
        try:
            return read_order(self._http.post("/v2/orders", order.to_wire()))
        except BrokerRefusedError as error:
            if _ALREADY_THERE not in error.message:
                raise
            return self._adopt(order, error)

    def _adopt(self, order: Order, refusal: BrokerRefusedError) -> BrokerOrder:
        """Read the order whose id is taken: it is there, whatever goes wrong while reading it."""
        try:
            adopted = self.look_up(order)
        except TransientError as error:
            raise OutcomeUnknownError("the order is there, but cannot be read") from error
        if adopted is None:
            raise OutcomeUnknownError(f"the broker says it is there, and hides it: {refusal}")
        return adopted

    def cancel(self, broker_order_id: str) -> None:
        """Ask for a cancellation (`DELETE /v2/orders/{id}`); its end is seen later.

        Raises BrokerRefusedError when it is too late, TransientError when the request may not have
        arrived: asking twice does no harm.
        """
        try:
            self._http.delete(f"/v2/orders/{broker_order_id}")
        except OutcomeUnknownError as error:
            raise TransientError(f"the cancellation may not have arrived: {error}") from error

    def look_up(self, order: Order) -> BrokerOrder | None:
        """Look an order up by its client order id; as `by_client_order_id`.

        Raises OutcomeUnknownError too when the id is taken by an order that is visibly another.
        """
        found = self.by_client_order_id(order.client_order_id)
        if found is not None and found.contradicts(order):
            raise OutcomeUnknownError(f"the id of order {order.id} is taken by another order")
        return found

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
        return read_order(found)

    def orders(self, status: Literal["open", "closed"], after: datetime) -> Iterator[BrokerOrder]:
        """List the orders submitted after an instant, oldest first (`GET /v2/orders`).

        There is no page token: the next page begins after the last order's submission. An order may
        come twice, and one that changes meanwhile may be in neither list.
        """
        seen = set[str]()
        while True:
            params = {
                "status": status,
                "direction": "asc",
                "limit": str(_PAGE),
                "after": after.astimezone(UTC).isoformat(),
            }
            page = items(self._http.get("/v2/orders", params))
            orders = [order for each in page if (order := _listed(each))]
            yield from (order for order in orders if order.broker_order_id not in seen)
            seen.update(order.broker_order_id for order in orders)
            last = max((each.submitted_at or after for each in orders), default=after)
            if len(page) < _PAGE or last <= after:
                return
            # A page may end between orders of one instant: the next one begins with it once more.
            after = last - _INSTANT if last - _INSTANT > after else last

    def positions(self) -> dict[str, Holding | None]:
        """Return the account's positions by symbol, None where one cannot be read.

        Raises TransientError.
        """
        return positions.positions(self._http)

    def executions(self, after: datetime) -> Iterator[Execution]:
        """Yield the account's executions after an instant, whoever ordered them."""
        return activities.executions(self._http, after)

    def calendar(self, first: date, last: date) -> BatchResult[CalendarDay]:
        """Return the days from first to last, holidays too; raises TransientError."""
        return calendars.calendar(self._http, first, last)

    def option_contracts(self, underlying: str, bounds: ChainBounds) -> BatchResult[OptionContract]:
        """Return the contracts of an underlying inside the bounds."""
        return contracts.option_contracts(self._http, underlying, bounds)

    def account(self) -> Account:
        """Return whether the account may trade, and what it can pay."""
        return accounts.account(self._http)

    def summary(self) -> accounts.AccountSummary:
        """Return which account it is, and what it is worth."""
        return accounts.summary(self._http)

    def equity(self) -> Decimal:
        """Return what the account is worth, in USD."""
        return accounts.equity(self._http)

    def asset(self, symbol: str) -> Asset | None:
        """Return whether a symbol trades; None when the broker does not know it."""
        return accounts.asset(self._http, symbol)

    def market_is_open(self) -> bool:
        """Return whether the stock market is open right now."""
        return accounts.market_is_open(self._http)

    def now(self) -> datetime:
        """Return the simulator's time, as its tests need it (`BROKER_CLOCK`)."""
        return accounts.now(self._http)


def _listed(document: Any) -> BrokerOrder | None:
    """Read an order of a list; one that is unreadable, perhaps nobody's of ours, hides no other."""
    try:
        return read_order(document)
    except OutcomeUnknownError as error:
        log.info("left out of the list: %s", error)  # one of ours is looked up, and reported then
        return None
