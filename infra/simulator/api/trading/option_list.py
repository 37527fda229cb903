"""Which option contracts a request is about: its filters, and pages of the rest."""

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from infra.simulator.errors import ApiError
from infra.simulator.market.option_market import Listing

Refusal = Callable[[str], ApiError]
_SUNDAY = 6
_EXPIRY = ("expiration_date", "expiration_date_gte", "expiration_date_lte")


def matching(
    listings: Sequence[Listing], arguments: Mapping[str, str], refuse: Refusal
) -> list[Listing]:
    """Return the contracts that pass every filter given; `refuse` words a malformed one."""
    checks = list(_checks(arguments, refuse))
    return [each for each in listings if all(check(each) for check in checks)]


def next_weekend(today: date, arguments: Mapping[str, str]) -> dict[str, str]:
    """Return the arguments with the default that surprises: expiries up to the weekend only."""
    if any(arguments.get(name) for name in _EXPIRY):
        return dict(arguments)
    weekend = today + timedelta(days=_SUNDAY - today.weekday())
    return {**arguments, "expiration_date_lte": weekend.isoformat()}


def page(
    listings: Sequence[Listing], limit: int, token: str, refuse: Refusal
) -> tuple[list[Listing], str | None]:
    """Return the contracts after the token, and the token of the next page."""
    after = _position(token, refuse)
    rest = [each for each in listings if each.symbol > after]
    found = rest[:limit]
    return found, _token(found[-1].symbol) if len(rest) > limit else None


def _checks(arguments: Mapping[str, str], refuse: Refusal) -> Iterator[Callable[[Listing], bool]]:
    for name, wanted in arguments.items():
        match name:
            case "type":
                yield _compare(name, wanted, lambda each: each.occ.type)
            case "style":
                yield _compare(name, wanted, lambda each: each.style)
            case "root_symbol":
                yield _compare(name, wanted, lambda each: each.occ.root)
            case "expiration_date" | "expiration_date_gte" | "expiration_date_lte":
                yield _compare(name, _day(wanted, refuse), lambda each: each.occ.expiry)
            case "strike_price_gte" | "strike_price_lte":
                yield _compare(name, _strike(wanted, refuse), lambda each: each.occ.strike)


def _compare(name: str, bound: Any, value: Callable[[Listing], Any]) -> Callable[[Listing], bool]:
    if name.endswith("_gte"):
        return lambda each: bool(value(each) >= bound)
    if name.endswith("_lte"):
        return lambda each: bool(value(each) <= bound)
    return lambda each: bool(value(each) == bound)


def _day(text: str, refuse: Refusal) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise refuse(f"invalid expiration date: {text}") from error


def _strike(text: str, refuse: Refusal) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise refuse(f"invalid strike price: {text}") from error


def _token(symbol: str) -> str:
    return base64.b64encode(symbol.encode()).decode()


def _position(token: str, refuse: Refusal) -> str:
    try:
        return base64.b64decode(token, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise refuse("invalid page_token") from error
