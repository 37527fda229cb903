"""How a user's trading stands: what may still be done today, and why each rule is silent or not."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from common.config import TradingConfig
from common.guardrails.facts import Denied, Exposure
from common.questions import terms
from common.rules import Rule
from common.rules.base import Fired
from common.server_limits import ServerLimits
from infra.postgres.database import Row, Transaction
from infra.postgres.market import sessions
from infra.postgres.trading import before_asking, controls, exposure
from infra.postgres.trading.exposure import Reserved
from infra.postgres.users import account_status, set_aside_rows
from infra.postgres.users.account_status import Waiting
from infra.postgres.users.user_configs import UserConfig
from infra.runtime.settings import Settings
from infra.workflows import asking
from infra.workflows.asking import Judgement

# What a rule says of the market, whoever holds what.
_OF_THE_MARKET = frozenset(
    {"stale", "no_data", "market_closed", "disabled", "corporate_action", "set_aside"}
)


def status_of(
    tx: Transaction,
    firebase_uid: str,
    stored: UserConfig,
    config: TradingConfig,
    settings: Settings,
    now: datetime,
) -> dict[str, Any]:
    """Gather what the user may know of their trading."""
    taken = exposure.reserved(tx, firebase_uid, now)
    waiting = account_status.waiting(tx, firebase_uid, now)
    full = waiting.pending_questions >= config.max_queued_questions
    outcomes = account_status.rules(tx, firebase_uid, stored.config_key)
    aside = set_aside_rows.of_user(tx, firebase_uid)
    fired = {each["rule_id"]: each for each in account_status.asked(tx, firebase_uid, now)}
    denials = _denials(tx, firebase_uid, config, settings.server_limits, outcomes, now)
    return {
        "at": now,
        "trading": {
            "enabled_by_server": settings.trading_enabled,
            "enabled_by_user": stored.enabled and config.enabled,
            "mode": config.mode,
            "broker": settings.broker_kind,
            "halted": [vars(each) for each in controls.active_controls(tx, firebase_uid, now)],
        },
        "session": _session(tx, now),
        "last_tick": {
            "ingested_at": account_status.last_ingest(tx, [i.key for i in config.data_inputs]),
            "evaluated_at": max((each["evaluated_at"] for each in outcomes), default=None),
        },
        "caps": _caps(config, settings, taken, waiting)
        | {"daily_loss_usd": _daily_loss(tx, firebase_uid, config, now)},
        "outcome_pending": waiting.outcome_pending,
        "rules": list(_rules(config, outcomes, fired, denials, now, queue_full=full, aside=aside)),
        "set_aside": aside,
    }


def _session(tx: Transaction, now: datetime) -> dict[str, Any]:
    """Say whether the exchange is open (None: unknown), and which session runs or is next."""
    today = sessions.day(tx, now)
    ahead = account_status.next_session(tx, now)
    return {
        "is_open": None if today is None else bool(today.regular and today.regular.contains(now)),
        "opens_at": ahead and ahead.open,
        "closes_at": ahead and ahead.close,
    }


def _caps(
    config: TradingConfig, settings: Settings, taken: Reserved, waiting: Waiting
) -> dict[str, Any]:
    """Show each limit, the server's ceiling above it, and what is left under the lower one."""
    limits, server = config.guardrails, settings.server_limits
    lower = limits.under(server)
    return {
        "orders_per_day": _cap(
            taken.orders_today,
            limits.max_orders_per_day,
            server.max_orders_per_day,
            lower.max_orders_per_day,
        ),
        "notional_usd_per_4h": _cap(
            taken.notional_in_window,
            limits.max_notional_usd_per_4h,
            server.max_notional_usd_per_4h,
            lower.max_notional_usd_per_4h,
        ),
        "order_notional_usd": {"ceiling": server.max_order_notional_usd},
        "queued_questions": {
            "used": waiting.pending_questions,
            "limit": config.max_queued_questions,
            "left": max(config.max_queued_questions - waiting.pending_questions, 0),
        },
    }


def _cap(
    used: Decimal | int, limit: Decimal | int, ceiling: Decimal | int, lower: Decimal | int
) -> dict[str, Any]:
    left = max(lower - used, 0 if isinstance(used, int) else Decimal(0))
    return {"used": used, "limit": limit, "ceiling": ceiling, "left": left}


def _daily_loss(
    tx: Transaction, firebase_uid: str, config: TradingConfig, now: datetime
) -> dict[str, Any]:
    """Show the breaker; the day's profit and loss is summed only where the user set a limit."""
    limit = config.guardrails.daily_loss_limit_usd
    pnl = exposure.day_pnl(tx, firebase_uid, now) if limit is not None else None
    return {"limit": limit, "pnl": pnl}


def _denials(
    tx: Transaction,
    firebase_uid: str,
    config: TradingConfig,
    server: ServerLimits,
    outcomes: list[Row],
    now: datetime,
) -> dict[tuple[str, str], Judgement]:
    """Say which guardrails keep the user from being asked what their rules would ask now."""
    rules = {rule.id: rule for rule in config.rules}
    fired = [
        each
        for each in outcomes
        if each["outcome"] == "fired" and each["rule_id"] in rules and "price" in each["observed"]
    ]
    if not fired:
        return {}
    symbols, uids = {each["symbol"] for each in fired}, [firebase_uid]
    limited = uids if config.guardrails.daily_loss_limit_usd is not None else []
    exposures = before_asking.read(tx, uids, symbols, now, now, with_pnl=limited)
    denials = {}
    for each in fired:
        rule, symbol = rules[each["rule_id"]], each["symbol"]
        own = exposures.of(firebase_uid, symbol)
        denials[rule.id, symbol] = _judged(rule, each, config, own, server, now)
    return denials


def _judged(
    rule: Rule,
    stored: Row,
    config: TradingConfig,
    own: Exposure,
    server: ServerLimits,
    now: datetime,
) -> Judgement:
    """Judge what a rule that fired would ask of the user."""
    qty = own.position.qty if own.position else None
    if rule.acts_on_position and qty is None:
        return None
    symbol, price = stored["symbol"], Decimal(stored["observed"]["price"])
    proposal = rule.on_answer_match.propose(config.asset_class_of(symbol), qty)
    seen = Fired(symbol, price, stored["evaluated_at"], ())
    bound = terms(rule, seen, proposal, config.hash, now)
    return asking.judge(bound, config, server, now, own)


def _rules(
    config: TradingConfig,
    outcomes: list[Row],
    fired: Mapping[str, Row],
    denials: Mapping[tuple[str, str], Judgement],
    now: datetime,
    *,
    queue_full: bool,
    aside: Sequence[Row],
) -> Iterator[dict[str, Any]]:
    """Say of each rule and symbol what it last said, and what keeps this user from being asked."""
    known = {(each["rule_id"], each["symbol"]): each for each in outcomes}
    for rule in config.rules:
        last = fired.get(rule.id)
        cooldown_until = _cooldown_until(rule, last)
        cooling = cooldown_until is not None and cooldown_until > now
        question_id = last["question_id"] if last else None
        reasons = {"question_pending": question_id, "cooldown": cooling, "queue_full": queue_full}
        for symbol in rule.all_symbols:
            judged = denials.get((rule.id, symbol))
            code = asking.code_of(judged)
            held_back_by = [reason for reason, holds in reasons.items() if holds]
            yield {
                "rule_id": rule.id,
                "symbol": symbol,
                **_outcome(rule, known.get((rule.id, symbol))),
                **_set_aside(rule, symbol, aside),
                "held_back_by": held_back_by + ([code] if code else []),
                "denied_because": judged.reason if isinstance(judged, Denied) else None,
                "cooldown_until": cooldown_until if cooling else None,
                "pending_question_id": question_id,
            }


def _set_aside(rule: Rule, symbol: str, aside: Sequence[Row]) -> dict[str, Any]:
    """Say which order of the rule, or which position that it looks at, is left out."""
    for row in aside:
        concerned = row["rule_id"] == rule.id or (
            row["kind"] == "position" and rule.acts_on_position
        )
        if concerned and row["symbol"] == symbol:
            reason = f"{row['kind']} {row['name']}: {row['reason']}"
            return {"outcome": "set_aside", "observed": {"reason": reason}}
    return {}


def _cooldown_until(rule: Rule, last: Row | None) -> datetime | None:
    if last is None:
        return None
    until: datetime = last["fired_at"] + timedelta(seconds=rule.cooldown_seconds)
    return until


def _outcome(rule: Rule, stored: Row | None) -> dict[str, Any]:
    """Return what a rule said; of a rule about positions only what concerns the user's own.

    The stored outcome of such a rule may be that of another holder with the same config, and its
    numbers would tell their entry price.
    """
    shown: dict[str, Any] = {"outcome": "not_evaluated", "observed": {}, "evaluated_at": None}
    if stored is None:
        return shown | {"last_fired_at": None}
    shown |= {
        name: stored[name] for name in ("outcome", "observed", "evaluated_at", "last_fired_at")
    }
    if not rule.acts_on_position or stored["outcome"] in _OF_THE_MARKET:
        return shown
    silent = "not_met" if stored["holds"] else "no_position"
    is_theirs = stored["last_fired_at"] == stored["evaluated_at"]
    return shown | {"outcome": "fired" if is_theirs else silent, "observed": {}}
