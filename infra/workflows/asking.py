"""Asks users what rules that fired propose, a bounded number of users at a time."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from common.config import TradingConfig
from common.guardrails.facts import DenialCode, Exposure
from common.guardrails.proposals import deny_proposal
from common.messages import Audience, Firing
from common.questions import Terms
from common.server_limits import ServerLimits
from infra.postgres.database import Transaction
from infra.postgres.trading import before_asking, opportunities
from infra.postgres.trading.before_asking import KnownExposures
from infra.postgres.trading.opportunities import AskResult, Denials
from infra.postgres.users import user_ranges
from infra.postgres.users.rule_status import RuleStatus

log = logging.getLogger(__name__)

# A piece is a transaction: short enough to hold nobody up, long enough to be worth its commit.
USERS_A_PIECE = 1000
_FLOWS_A_LINE = 1000


def ask(
    tx: Transaction,
    audiences: Sequence[Audience],
    configs: Mapping[str, TradingConfig],
    server: ServerLimits,
    now: datetime,
) -> list[RuleStatus]:
    """Ask everybody in some ranges who may be asked now; return whom each rule asked.

    Who was asked already is not asked again, however often this is called. What has expired
    meanwhile is asked of nobody; nor is what a guardrail would deny, as far as it can be told
    without the broker. `configs` are those of the audiences, by key: without its own, nobody is
    asked.
    """
    standing = [
        (audience, firing)
        for audience in audiences
        if audience.config_key in configs
        for firing in audience.firings
        if firing.terms.expires_at > now
    ]
    if not standing:
        return []
    exposures = _exposures(tx, standing, configs, now)
    return [
        _ask(tx, audience, firing, denials)
        for audience, firing in standing
        for denials in [
            _denials(firing.terms, configs[audience.config_key], exposures, server, now)
        ]
    ]


def _exposures(
    tx: Transaction,
    standing: Sequence[tuple[Audience, Firing]],
    configs: Mapping[str, TradingConfig],
    now: datetime,
) -> KnownExposures:
    """Read once what is known of everybody who may be asked."""
    audiences = {id(audience): audience for audience, _ in standing}.values()
    ranges = [(each.config_key, each.first_uid, each.last_uid) for each in audiences]
    keys = user_ranges.config_keys(tx, ranges)
    limited = {
        key for key, config in configs.items() if config.guardrails.daily_loss_limit_usd is not None
    }
    return before_asking.read(
        tx,
        list(keys),
        {firing.terms.symbol for _, firing in standing},
        min(firing.terms.asked_at for _, firing in standing),
        now,
        with_pnl=[uid for uid, key in keys.items() if key in limited],
    )


def _denials(
    terms: Terms,
    config: TradingConfig,
    exposures: KnownExposures,
    server: ServerLimits,
    now: datetime,
) -> Denials:
    """Judge the proposal for each user of whom something is stored, and once for all others."""

    def code(exposure: Exposure) -> DenialCode | Literal["set_aside"] | None:
        try:
            denied = deny_proposal(terms, config, exposure, server, now)
        except ArithmeticError:  # a number stored of this user is none; others go on
            return "set_aside"
        return denied.code if denied else None

    known = exposures.known(terms.symbol)
    return Denials(
        code(exposures.of_others(terms.symbol)), {uid: code(own) for uid, own in known.items()}
    )


def _ask(tx: Transaction, audience: Audience, firing: Firing, denials: Denials) -> RuleStatus:
    terms = firing.terms
    act = opportunities.ask if firing.needs_yes else opportunities.order
    asked = act(tx, audience, firing, denials)
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
