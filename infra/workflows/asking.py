"""Asks users what rules that fired propose, a bounded number of users at a time."""

import logging
from datetime import datetime

from common.messages import Audience, Firing
from infra.postgres.database import Transaction
from infra.postgres.trading import opportunities
from infra.postgres.trading.opportunities import AskResult
from infra.postgres.users.rule_status import RuleStatus

log = logging.getLogger(__name__)

# A piece is a transaction: short enough to hold nobody up, long enough to be worth its commit.
USERS_A_PIECE = 1000
_FLOWS_A_LINE = 1000


def ask(tx: Transaction, audience: Audience, now: datetime) -> list[RuleStatus]:
    """Ask everybody in a range who may be asked now; return whom each rule asked.

    Who was asked already is not asked again, however often this is called. What has expired
    meanwhile is asked of nobody.
    """
    return [
        _ask(tx, audience, firing) for firing in audience.firings if firing.terms.expires_at > now
    ]


def _ask(tx: Transaction, audience: Audience, firing: Firing) -> RuleStatus:
    terms = firing.terms
    act = opportunities.ask if firing.needs_yes else opportunities.order
    asked = act(tx, audience, firing)
    _log(firing, asked)
    return RuleStatus(
        audience.config_key,
        terms.rule_id,
        terms.symbol,
        "fired",
        {},
        asked=asked.asked,
        held_back=asked.held_back,
    )


def _log(firing: Firing, asked: AskResult) -> None:
    """Log where each order's way begins; of thousands in lines of a size that a log takes."""
    terms = firing.terms
    for start in range(0, len(asked.flow_ids), _FLOWS_A_LINE):
        flow_ids = asked.flow_ids[start : start + _FLOWS_A_LINE]
        extra = {"event": "asked", "rule_id": terms.rule_id, "flow_ids": flow_ids}
        log.info("%s fired on %s", terms.rule_id, terms.symbol, extra=extra)
