"""The JSON shapes of clock, calendar and assets (docs/broker.md, Account and reference data)."""

from datetime import date
from typing import Any

from infra.simulator.decimals import money
from infra.simulator.market.assets import Asset
from infra.simulator.market.calendar import Calendar, Session
from infra.simulator.market.clock import SimulatedClock
from infra.simulator.market.symbols import is_crypto
from infra.simulator.market.timestamps import NEW_YORK, from_datetime, rfc3339


def clock(clock: SimulatedClock, calendar: Calendar) -> dict[str, Any]:
    """Return the clock: New York offset, nanoseconds; `is_open` means this very instant."""
    now = clock.now()
    closing = calendar.next_closing(now).close
    return {
        "timestamp": rfc3339(clock.now_ns(), NEW_YORK),
        "is_open": calendar.at(now) is not None,
        "next_open": rfc3339(from_datetime(calendar.next_opening(now).open), NEW_YORK),
        "next_close": rfc3339(from_datetime(closing), NEW_YORK),
    }


def session(session: Session, settlement: date) -> dict[str, str]:
    """Return a calendar row: New York wall time without an offset."""

    def wall(name: str, form: str) -> str:
        moment = getattr(session, name).astimezone(NEW_YORK)
        # A simulated session that ends at midnight would read 00:00, before its opening.
        ended = moment.date() > session.date
        return form.replace("%H", "23").replace("%M", "59") if ended else f"{moment:{form}}"

    return {
        "date": session.date.isoformat(),
        "open": wall("open", "%H:%M"),
        "close": wall("close", "%H:%M"),
        "session_open": wall("extended_open", "%H%M"),
        "session_close": wall("extended_close", "%H%M"),
        "settlement_date": settlement.isoformat(),
    }


def asset(asset: Asset) -> dict[str, Any]:
    """Return the Asset object; only crypto has sizes, only stocks have margin requirements."""
    return _crypto_asset(asset) if is_crypto(asset.symbol) else _stock_asset(asset)


def _crypto_asset(asset: Asset) -> dict[str, Any]:
    base, _, quoted = asset.symbol.partition("/")
    return {
        "id": asset.id,
        "class": "crypto",
        "exchange": asset.exchange,
        "symbol": asset.symbol,
        "name": f"{base} / {quoted}",
        "status": asset.status,
        "tradable": asset.tradable,
        "marginable": asset.marginable,
        "shortable": asset.shortable,
        "easy_to_borrow": False,
        "fractionable": asset.fractionable,
        "attributes": [],
        "min_order_size": money(asset.min_order_size),
        "min_trade_increment": money(asset.min_trade_increment),
        "price_increment": money(asset.price_increment),
    }


def _stock_asset(asset: Asset) -> dict[str, Any]:
    return {
        "id": asset.id,
        "class": "us_equity",
        "exchange": asset.exchange,
        "symbol": asset.symbol,
        "name": f"{asset.symbol} Common Stock",
        "status": asset.status,
        "tradable": asset.tradable,
        "marginable": asset.marginable,
        "maintenance_margin_requirement": 30,
        "margin_requirement_long": "30",
        "margin_requirement_short": "30",
        "shortable": asset.shortable,
        "easy_to_borrow": asset.shortable,
        "borrow_status": "easy_to_borrow" if asset.shortable else "not_shortable",
        "fractionable": asset.fractionable,
        "attributes": ["fractional_eh_enabled", "has_options", "overnight_tradable"],
    }
