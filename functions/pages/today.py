"""Today: whether it runs, how far the day has come, what is left under the caps, what is stuck."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from common.server_limits import ServerLimits
from functions.pages.rendering import Reply, page
from functions.pages.requests import Call
from infra.postgres.console import metrics, operations, pipeline
from infra.postgres.database import Row, Transaction
from infra.postgres.market import sessions
from infra.postgres.messages import dead_letters
from infra.postgres.trading import exposure
from infra.postgres.users import account_status, configs, set_aside_configs

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
class Bar:
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
        today = sessions.day(tx, call.now)
        ticks = pipeline.last_tick(tx)
        shown: dict[str, Any] = {
            "is_open": today and bool(today.regular and today.regular.contains(call.now)),
            "session": account_status.next_session(tx, call.now),
            "ticks": ticks,
            "switches": operations.switches(tx, call.now),
            "trading_enabled": settings.trading_enabled,
            "metrics": _metrics(tx, call),
            "steps": _steps(pipeline.counts(tx, call.now)),
            "users": [
                (uid, bars)
                for uid in pipeline.active_users(tx, _USERS)
                if (bars := _caps(tx, call, uid, settings.server_limits))
            ],
            "stuck": _stuck(tx, call),
        }
    return page(call, "today", **shown)


def _metrics(tx: Transaction, call: Call) -> list[tuple[str, str, str]]:
    """Name, show and explain what the logs carry as metrics, too."""
    lag, fires = metrics.ingest_lag(tx, call.now), metrics.rule_fires(tx, call.now)
    latency = metrics.order_latency(tx, call.now)
    return [
        ("Ingest lag", _seconds(lag), "since the most overdue input was due"),
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


def _steps(n: Row) -> list[Step]:
    return [
        Step("Market facts", n["facts"], "stored", "market"),
        Step("Rules fired", n["opportunities"], "opportunities", "rules"),
        Step("Questions", n["asked"], f"{n['pending']} waiting", "questions"),
        Step("Approved", n["approved"], f"{n['rejected']} no, {n['expired']} late", "questions"),
        Step("Orders", n["orders"], f"{n['denied']} denied, {n['open']} open", "orders"),
        Step("Filled", n["filled"], f"{n['trades']} trades", "orders"),
    ]


def _caps(tx: Transaction, call: Call, uid: str, server: ServerLimits) -> list[Bar]:
    """Show what the user has used of the limits that count."""
    config = configs.of_user(tx, uid, server.stock_feed)
    if config is None:
        return []
    taken, limits = exposure.reserved(tx, uid, call.now), config.guardrails.under(server)
    waiting = account_status.waiting(tx, uid, call.now)
    return [
        Bar(
            "Orders today",
            taken.orders_today,
            limits.max_orders_per_day,
            "orders",
        ),
        Bar(
            "Ordered in 4 hours",
            taken.notional_in_window,
            limits.max_notional_usd_per_4h,
            "USD",
        ),
        Bar("Questions waiting", waiting.pending_questions, config.max_queued_questions, "waiting"),
    ]


def _stuck(tx: Transaction, call: Call) -> list[tuple[str, str, str]]:
    """Name what stands still: where to look, what it is, and why it counts as stuck."""
    orders = pipeline.stuck_orders(tx, call.now)
    unpublished = pipeline.unpublished(tx, call.now)
    letters = dead_letters.count_open(tx)
    aside = set_aside_configs.all_of_them(tx)
    drifts = operations.drifts(tx)
    return [
        *(
            (f"orders/{o['id']}", f"{o['side']} {o['symbol']} of {o['firebase_uid']}", _why(o))
            for o in orders
        ),
        *(
            ("operate", f"{m['waiting']} messages on {m['topic']}", "not published yet")
            for m in unpublished
        ),
        *([("operate", f"{letters} dead letters", "given up, kept for you")] if letters else []),
        *(("rules", f"the config of {c['firebase_uid']}", c["reason"]) for c in aside),
        *(
            ("operate", f"{d['symbol']}", f"the broker holds {d['brokers']}, we have {d['ours']}")
            for d in drifts
        ),
    ]


def _why(order: Row) -> str:
    unknown = order["outcome_unknown_at"] is not None
    return "the broker's answer is unknown" if unknown else f"still {order['status']}"
