"""Reading the body of POST /v2/orders: fields and their forms, nothing about the account."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal, InvalidOperation
from typing import Any

from infra.simulator.errors import bad_input, not_simulated, unprocessable
from infra.simulator.market.symbols import is_crypto

TYPES = {"market", "limit", "stop", "stop_limit", "trailing_stop"}
TIMES_IN_FORCE = {"day", "gtc", "opg", "cls", "ioc", "fok"}
INTENTS = {"buy_to_open", "buy_to_close", "sell_to_open", "sell_to_close"}
LONGEST_CLIENT_ID = 128
_DOLLAR = Decimal(1)
_NINE_PLACES = Decimal("1e-9")


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """A well-formed order: exactly one of qty and notional, both above zero."""

    symbol: str
    side: str
    type: str
    time_in_force: str
    qty: Decimal | None
    notional: Decimal | None
    limit_price: Decimal | None
    extended_hours: bool
    client_order_id: str | None
    position_intent: str | None

    @property
    def fractional(self) -> bool:
        """Whether it may fill with a part of a share."""
        return self.qty is None or self.qty != self.qty.to_integral_value()


def parse(body: Mapping[str, Any]) -> OrderRequest:
    """Return the order that the body asks for; raise ApiError with the broker's own words."""
    _refuse_gaps(body)
    request = OrderRequest(
        symbol=_text(body, "symbol") or _missing("symbol"),
        side=_one_of(body, "side", {"buy", "sell"}, "invalid side"),
        type=_one_of(body, "type", TYPES, "invalid order type"),
        time_in_force=_one_of(body, "time_in_force", TIMES_IN_FORCE, "invalid time_in_force"),
        qty=_amount(body, "qty"),
        notional=_amount(body, "notional"),
        limit_price=_amount(body, "limit_price"),
        extended_hours=_flag(body, "extended_hours"),
        client_order_id=_client_order_id(body),
        position_intent=_text(body, "position_intent"),
    )
    _check_size(request)
    _check_prices(request, body)
    _check_time(request)
    if request.position_intent not in {None, *INTENTS}:
        raise bad_input("invalid position_intent")
    return request


def _refuse_gaps(body: Mapping[str, Any]) -> None:
    if body.get("order_class") not in (None, "", "simple"):
        raise not_simulated(f"order_class {body['order_class']}")
    if body.get("legs"):
        raise not_simulated("legs")


def _check_size(request: OrderRequest) -> None:
    if request.qty is None and request.notional is None:
        raise bad_input("qty or notional is required")
    if request.qty is not None and request.notional is not None:
        raise bad_input("only one of qty or notional is accepted")
    if request.qty is not None and request.qty <= 0:
        raise bad_input("qty must be > 0")
    if request.notional is not None and request.notional < _DOLLAR:
        raise unprocessable("notional amount must be >= 1.00")


def _check_prices(request: OrderRequest, body: Mapping[str, Any]) -> None:
    given = [name for name in ("limit_price", "stop_price") if body.get(name) is not None]
    if request.type == "market" and given:
        raise bad_input("market orders require no stop or limit price")
    if request.type == "limit" and request.limit_price is None:
        raise bad_input("limit orders require a limit price")
    if request.type not in ("market", "limit"):
        raise not_simulated(f"{request.type} orders")
    if request.limit_price is not None and request.limit_price <= 0:
        raise bad_input("limit_price must be > 0")
    if not is_crypto(request.symbol):
        _check_grid(request.limit_price)


def _check_grid(price: Decimal | None) -> None:
    if price is None:
        return
    step = Decimal("0.01") if price >= 1 else Decimal("0.0001")
    if price % step:
        raise unprocessable(
            f"invalid limit_price {price}. "
            "sub-penny increment does not fulfill minimum pricing criteria"
        )


def _check_time(request: OrderRequest) -> None:
    if is_crypto(request.symbol):
        if request.time_in_force not in ("gtc", "ioc") or request.extended_hours:
            raise unprocessable("invalid crypto time_in_force")
        return
    extendable = request.type == "limit" and request.time_in_force in ("day", "gtc")
    if request.extended_hours and not extendable:
        raise unprocessable("extended hours order must be DAY or GTC limit orders")
    if request.fractional and request.time_in_force != "day":
        raise unprocessable("fractional orders must be DAY orders")
    if request.time_in_force not in ("day", "gtc"):
        raise not_simulated(f"time_in_force {request.time_in_force}")


def _client_order_id(body: Mapping[str, Any]) -> str | None:
    client_order_id = _text(body, "client_order_id")
    if client_order_id and len(client_order_id) > LONGEST_CLIENT_ID:
        raise bad_input(f"client_order_id must be no more than {LONGEST_CLIENT_ID} characters")
    return client_order_id


def _amount(body: Mapping[str, Any], name: str) -> Decimal | None:
    """Read a number or its text; digits after the ninth place are cut silently."""
    raw = body.get(name)
    if raw is None or raw == "":
        return None
    try:
        amount = Decimal(str(raw)).quantize(_NINE_PLACES, rounding=ROUND_DOWN).normalize()
    except InvalidOperation as error:
        raise bad_input(f"invalid {name}") from error
    if not amount.is_finite():
        raise bad_input(f"invalid {name}")
    return amount


def _text(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise bad_input(f"invalid {name}")
    return value or None


def _flag(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name)
    if value not in (None, True, False):
        raise bad_input(f"invalid {name}")
    return bool(value)


def _one_of(body: Mapping[str, Any], name: str, allowed: set[str], message: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or value not in allowed:
        raise bad_input(message)
    return value


def _missing(name: str) -> str:
    raise bad_input(f"{name} is required")
