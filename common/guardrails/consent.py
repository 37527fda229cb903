"""Whether this order is what its owner, and the operator, still want."""

from datetime import datetime

from common.guardrails.facts import DenialCode, Denied, Facts
from common.orders.order import Order
from common.questions import Decision


def trading_is_enabled(order: Order, facts: Facts) -> Denied | None:
    """The operator's switch, the user's own, and that of the rule that asked."""
    if not facts.server.trading_enabled:
        return Denied(DenialCode.TRADING_DISABLED, {"by": "server"})
    if facts.config is None or not facts.config.enabled:
        return Denied(DenialCode.TRADING_DISABLED, {"by": "user"})
    if not any(rule.enabled for rule in facts.config.rules if rule.id == order.rule_id):
        return Denied(DenialCode.TRADING_DISABLED, {"by": "rule", "rule": order.rule_id})
    return None


def trading_is_not_halted(order: Order, facts: Facts) -> Denied | None:
    """The kill switch, everybody's or this user's; while reducing, positions may only shrink."""
    for control in facts.exposure.controls:
        if control.state == "halted" or (
            control.state == "reducing" and facts.increases_position(order)
        ):
            return Denied(
                DenialCode.TRADING_HALTED, {"state": control.state, "why": control.reason}
            )
    return None


def live_takes_two_keys(order: Order, facts: Facts) -> Denied | None:
    """Live money needs the server's key and the user's; a mismatch of the two goes nowhere."""
    wants_live = facts.config is not None and facts.config.mode == "live"
    both_keys = not wants_live or facts.server.allow_live
    if wants_live != facts.server.broker_is_live or not both_keys:
        return Denied(
            DenialCode.LIVE_NOT_ALLOWED,
            {"user_live": wants_live, "broker_live": facts.server.broker_is_live},
        )
    return None


def question_is_approved(order: Order, facts: Facts) -> Denied | None:
    """No order leaves without its owner's countersignature, given once or for a rule at large."""
    if order.question_id is None:
        return _is_unasked_on_purpose(facts)
    if facts.confirmation is None or facts.confirmation.decision is not Decision.APPROVE:
        status = facts.confirmation.status if facts.confirmation else "missing"
        return Denied(DenialCode.QUESTION_NOT_APPROVED, {"status": status})
    return None


def _is_unasked_on_purpose(facts: Facts) -> Denied | None:
    """The config must still say so; for live money the server must allow it too."""
    wants_question = facts.config is None or facts.config.guardrails.require_question_before_order
    if wants_question or (facts.server.broker_is_live and not facts.server.allow_unasked_live):
        return Denied(DenialCode.QUESTION_NOT_APPROVED, {"status": "not asked"})
    return None


def question_has_not_expired(order: Order, facts: Facts) -> Denied | None:
    """The yes counts as long as the question stands, for answering and for acting on it."""
    return expired_approval(order, facts.now)


def expired_approval(order: Order, now: datetime) -> Denied | None:
    """Deny an order whose yes no longer counts."""
    if now > order.expires_at:
        return Denied(DenialCode.QUESTION_EXPIRED, {"expires_at": order.expires_at, "now": now})
    return None


def symbol_is_watched(order: Order, facts: Facts) -> Denied | None:
    """What the user no longer watches, they no longer trade."""
    if facts.config is None or order.symbol not in facts.config.symbols:
        return Denied(DenialCode.SYMBOL_NOT_WATCHED, {"symbol": order.symbol})
    return None


def symbol_is_not_blocked(order: Order, facts: Facts) -> Denied | None:
    """The user's blocklist stands above their rules."""
    if facts.config is None or order.symbol in facts.config.guardrails.symbols_blocklist:
        return Denied(DenialCode.SYMBOL_BLOCKED, {"symbol": order.symbol})
    return None
