"""Turns what a page shows into HTML; every text of others is shown as text."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

import flask
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from common.market import NEW_YORK
from common.model import plain, readable
from common.wire import to_wire
from functions.pages import simulator_client
from functions.pages.requests import Call

Reply = flask.Response

_TEMPLATES = Path(__file__).with_name("templates")
_PAGES = (
    ("today", "", "Today"),
    ("questions", "questions", "Questions"),
    ("orders", "orders", "Orders"),
    ("rules", "rules", "Rules"),
    ("market", "market", "Market"),
    ("kpis", "kpis", "KPIs"),
    ("operate", "operate", "Operate"),
)
# What the bar of the simulator can let happen once, in words.
FAULTS = {
    "accept_then_504": "the next order is taken, and answered with 504",
    "status": "the next request to the broker fails with 503",
    "partial_fill": "the next order is filled in parts",
    "reject_late": "the next order is taken, and rejected later",
    "empty_quote": "the next quote is empty",
}
# Nothing of another host, no script or style inside a page, in no frame.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
        " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def page(call: Call, name: str, *, notice: str = "", status: int = 200, **shown: Any) -> Reply:
    """Render the page `name` with what it shows; `notice` says what the last form led to."""
    template = _environment().get_template(f"{name}.html")
    clock = simulator_client.clock(call)
    html = template.render(
        shown,
        page=name,
        pages=_PAGES,
        base=call.base,
        path=call.base + call.request.full_path.rstrip("?"),
        now=call.now,
        clock=clock,
        faults=FAULTS,
        simulator_url=call.simulator_url,
        is_local=call.is_local,
        mode=call.app.settings.broker_kind,
        notice=notice,
    )
    # A script takes the problem of a form from the page; a browser would report 422 as a failure.
    by_script = call.request.headers.get("HX-Request") == "true"
    response = _html(html, HTTPStatus.OK if by_script else status)
    response.headers["X-Console-Clock"] = f"{_instant(call.now)} {clock['speed'] if clock else 1}"
    return response


def download(name: str, content: str, kind: str) -> Reply:
    """Return a text to be kept as a file; `kind` is its media type."""
    response = flask.Response(content, HTTPStatus.OK, _HEADERS, mimetype=kind)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def problem_page(request: flask.Request, status: int, message: str) -> Reply:
    """Say what went wrong; needs nothing but the request."""
    template = _environment().get_template("problem.html")
    html = template.render(
        status=status, message=message, base=request.script_root, pages=_PAGES, page="problem"
    )
    return _html(html, status)


def _html(html: str, status: int) -> Reply:
    return flask.Response(html, status, _HEADERS, mimetype="text/html")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "usd": _usd,
        "price": _price,
        "number": _number,
        "clock": _clock,
        "day": _day,
        "instant": _instant,
        "words": lambda code: str(code).replace("_", " "),
        "json": lambda value: json.dumps(to_wire(value)),
        "indented": lambda value: json.dumps(to_wire(value), indent=2, ensure_ascii=False),
    }
    return environment


def _usd(amount: Decimal | int | str | None) -> str:
    """Write an amount of dollars, with cents."""
    if amount is None:
        return "–"  # noqa: RUF001 (a dash, for people)
    value = Decimal(amount)
    return f"{'-' if value < 0 else ''}${abs(value):,.2f}"


def _price(price: Decimal | int | str | None) -> str:
    """Write what one unit costs: a coin's price of less than a cent has its digits."""
    if price is None:
        return "–"  # noqa: RUF001 (a dash, for people)
    value = Decimal(price)
    whole, _, parts = readable(value).partition(".")
    return f"${int(whole):,}.{parts:0<2}"


def _number(value: Decimal | int | str | None) -> str:
    if value is None:
        return "–"  # noqa: RUF001 (a dash, for people)
    return plain(value) if isinstance(value, Decimal) else f"{value}"


def _clock(at: datetime | None) -> str:
    """Write a time of day in New York."""
    return f"{at.astimezone(NEW_YORK):%H:%M:%S}" if at else "never"


def _day(at: datetime | None) -> str:
    """Write a day and a time of day in New York."""
    return f"{at.astimezone(NEW_YORK):%a %d %b, %H:%M}" if at else "never"


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def chart(title: str, points: list[tuple[datetime, Any]], **more: Any) -> Mapping[str, Any]:
    """Describe a chart over time: `points` of instants and values, `marks` with a label each."""
    values = [value for _, value in points if value is not None]
    return {
        "title": title,
        "x": [at.timestamp() for at, _ in points],
        "y": [None if value is None else float(value) for _, value in points],
        "low": min(values, default=None),
        "high": max(values, default=None),
        "last": values[-1] if values else None,
        "marks": [],
        **more,
    }
