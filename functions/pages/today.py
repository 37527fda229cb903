"""Today: whether it runs, how far the day has come, what is left under the caps, what is stuck."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from common.market import Session
from common.server_limits import ServerLimits
from functions.pages.rendering import Reply, page
from functions.pages.requests import Call
from infra.postgres.console import metrics, pipeline
from infra.postgres.database import Row, Transaction
from infra.postgres.trading import exposure
from infra.postgres.users import account_status, configs
from infra.workflows import day_status
from infra.workflows.day_status import DayStatus, Stuck

_USERS = 6
_PERCENT = 100


@dataclass(frozen=True)
class Step:
    """One step of the way of an order, and what it has done today."""

    name: str
    count: int
    note: str
    target: str


@dataclass(frozen=True)
class Meter:
    """How much of a cap is used; `unit` is what both are counted in."""

    label: str
    used: Decimal | int
    limit: Decimal | int
    unit: str

    @property
    def percent(self) -> int:
        """How full it is, at most 100."""
        return min(_PERCENT, int(self.used * _PERCENT / self.limit)) if self.limit else _PERCENT


def show(call: Call) -> Reply:
    """Show how the day stands."""
    settings = call.app.settings
    with call.app.database.transaction() as tx:
        day = day_status.read(tx, call.now)
        shown: dict[str, Any] = {
            "day": day,
            "next_session": _next_session(tx, day),
            "trading_enabled": settings.trading_enabled,
            "metrics": _metrics(tx, call),
            "steps": _steps(day.counts),
            "users": [
                (uid, bars)
                for uid in pipeline.active_users(tx, _USERS)
                if (bars := _caps(tx, call, uid, settings.server_limits))
            ],
            "stuck": [(_where(each), each.what, each.why) for each in day.stuck],
        }
    return page(call, "today", **shown)


def _next_session(tx: Transaction, day: DayStatus) -> Session | None:
    """Read the session after the one that runs, as far as the calendar is known."""
    if not day.is_open or day.session is None:
        return None
    return account_status.next_session(tx, day.session.close)


def _metrics(tx: Transaction, call: Call) -> list[tuple[str, str, str]]:
    """Name, show and explain what the logs carry as metrics, too."""
    lag, fires = metrics.ingest_lag(tx, call.now), metrics.rule_fires(tx, call.now)
    latency, streamed = metrics.order_latency(tx, call.now), metrics.streamed(tx, call.now)
    counts = metrics.stream_counts(tx, call.now)
    return [
        ("Ingest lag", _seconds(lag), "since the most overdue input was due"),
        ("Prices streamed", _ago(streamed["prices"]), "else they are polled"),
        ("Messages streamed", _rate(counts["per_second"]), "trades, quotes and bars"),
        ("Minutes dropped", str(counts["dropped"]), "today: the database was away too long"),
        ("Stream reconnects", str(counts["reconnects"]), "today: what was missed was fetched"),
        ("Order updates streamed", _ago(streamed["orders"]), "else orders are polled each minute"),
        ("Rule fires", str(fires), "evaluations at which a rule fired, asked or not"),
        (
            "Yes to accepted",
            _seconds(latency["accept_median"]),
            f"median today; longest {_seconds(latency['accept_longest'])}",
        ),
        (
            "Accepted to filled",
            _seconds(latency["fill_median"]),
            f"median today; longest {_seconds(latency['fill_longest'])}",
        ),
    ]


def _seconds(seconds: float | None) -> str:
    return "none" if seconds is None else f"{seconds:,.1f} s"


def _rate(per_second: float | None) -> str:
    return "none" if per_second is None else f"{per_second:,.1f} a second"


def _ago(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:,.0f} s ago"


def _steps(n: Row) -> list[Step]:
    return [
        Step("Market facts", n["facts"], "stored", "market"),
        Step("Rules fired", n["opportunities"], "opportunities", "rules"),
        Step("Questions", n["asked"], f"{n['pending']} waiting", "questions"),
        Step("Approved", n["approved"], f"{n['rejected']} no, {n['expired']} late", "questions"),
        Step("Orders", n["orders"], f"{n['denied']} denied, {n['open']} open", "orders"),
        Step("Filled", n["filled"], f"{n['trades']} trades", "orders"),
    ]


def _caps(tx: Transaction, call: Call, uid: str, server: ServerLimits) -> list[Meter]:
    """Show what the user has used of the limits that count."""
    config = configs.of_user(tx, uid, server.stock_feed)
    if config is None:
        return []
    taken, limits = exposure.reserved(tx, uid, call.now), config.guardrails.under(server)
    waiting = account_status.waiting(tx, uid, call.now)
    return [
        Meter(
            "Orders today",
            taken.orders_today,
            limits.max_orders_per_day,
            "orders",
        ),
        Meter(
            "Ordered in 4 hours",
            taken.notional_in_window,
            limits.max_notional_usd_per_4h,
            "USD",
        ),
        Meter(
            "Questions waiting", waiting.pending_questions, config.max_queued_questions, "waiting"
        ),
    ]


def _where(stuck: Stuck) -> str:
    """Return the page that shows what stands still."""
    if stuck.kind == "order":
        return f"orders/{stuck.id}"
    return "rules" if stuck.kind == "config" else "operate"
