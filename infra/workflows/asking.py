"""Asks users what rules that fired propose, a bounded number of users at a time."""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Literal

from common.config import TradingConfig
from common.guardrails.facts import DenialCode, Denied, Exposure
from common.guardrails.proposals import deny_proposal
from common.messages import Audience, Firing
from common.questions import Terms
from common.rules.base import Position
from common.server_limits import ServerLimits
from infra.postgres.database import Transaction
from infra.postgres.trading import before_asking, controls, opportunities
from infra.postgres.trading.before_asking import KnownExposures
from infra.postgres.trading.opportunities import AskResult, Denials
from infra.postgres.users import set_aside_rows, user_ranges
from infra.postgres.users.rule_status import RuleStatus

log = logging.getLogger(__name__)

# A piece is a transaction: short enough to hold nobody up, long enough to be worth its commit.
USERS_A_PIECE = 1000
_FLOWS_A_LINE = 1000

# Why a user is not asked: a guardrail, or that the order cannot be computed from what is stored.
Judgement = Denied | Literal["set_aside"] | None


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
    ranges = {(each.config_key, each.first_uid, each.last_uid) for each, _ in standing}
    keys = user_ranges.config_keys(tx, ranges)
    exposures = _exposures(tx, standing, keys, configs, now)
    uids = defaultdict[str, list[str]](list)
    for uid, key in keys.items():
        uids[key].append(uid)
    judged = []
    for audience, firing in standing:
        judge_firing = partial(judge, firing.terms, configs[audience.config_key], server, now)
        own = _own(exposures, firing, uids[audience.config_key])
        found = {uid: judge_firing(exposure) for uid, exposure in own.items()}
        judged.append((judge_firing(exposures.of_others(firing.terms.symbol)), found))
    _trip_breakers(tx, [found for _, found in judged], now)
    set_aside_rows.forget_users(tx, [audience for audience, _ in standing])
    return [
        _ask(tx, audience, firing, _denials(others, found))
        for (audience, firing), (others, found) in zip(standing, judged, strict=True)
    ]


def _exposures(
    tx: Transaction,
    standing: Sequence[tuple[Audience, Firing]],
    keys: Mapping[str, str],
    configs: Mapping[str, TradingConfig],
    now: datetime,
) -> KnownExposures:
    """Read once what is known of everybody who may be asked, each with the key of their config."""
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


def _own(exposures: KnownExposures, firing: Firing, uids: Sequence[str]) -> dict[str, Exposure]:
    """Pick those of whom something is stored, and who hold what the rule fired for."""
    known = exposures.known(firing.terms.symbol, uids)
    if firing.held_qty is None:
        return known
    held = Position(firing.held_qty, firing.entry_price or Decimal(0))
    return {uid: own for uid, own in known.items() if own.position == held}


def judge(
    terms: Terms, config: TradingConfig, server: ServerLimits, now: datetime, exposure: Exposure
) -> Judgement:
    """Ask the guardrails; an order too large to be valued costs who would be asked alone."""
    try:
        return deny_proposal(terms, config, exposure, server, now)
    except ArithmeticError:
        return "set_aside"


def code_of(judged: Judgement) -> str | None:
    """Name what keeps a user from being asked: a denial code, or `set_aside`."""
    return judged.code.value if isinstance(judged, Denied) else judged


def _denials(others: Judgement, found: Mapping[str, Judgement]) -> Denials:
    return Denials(code_of(others), {uid: code_of(each) for uid, each in found.items()})


def _trip_breakers(
    tx: Transaction, judged: Sequence[Mapping[str, Judgement]], now: datetime
) -> None:
    """Let the positions of who lost too much only shrink that day, as a denied order does.

    A loss that cannot be told keeps a question back, and trips nothing.
    """
    changes = {
        uid: controls.breaker(uid, denied, now)
        for found in judged
        for uid, denied in found.items()
        if isinstance(denied, Denied)
        and denied.code is DenialCode.DAILY_LOSS_LIMIT
        and denied.context["day_pnl"] is not None
    }
    if changes:
        controls.restrict(tx, list(changes.values()), now)


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


def set_aside(audience: Audience, firing: Firing, users: int) -> RuleStatus:
    """Say of how many users what is stored keeps them from being asked."""
    terms = firing.terms
    held_back = {"set_aside": users}
    key = audience.config_key
    return RuleStatus(key, terms.rule_id, terms.symbol, "fired", {}, held_back=held_back)


def _log(firing: Firing, asked: AskResult) -> None:
    """Log where each order's way begins; of thousands in lines of a size that a log takes."""
    terms = firing.terms
    for start in range(0, len(asked.flow_ids), _FLOWS_A_LINE):
        flow_ids = asked.flow_ids[start : start + _FLOWS_A_LINE]
        extra = {"event": "asked", "rule_id": terms.rule_id, "flow_ids": flow_ids}
        log.info("%s fired on %s", terms.rule_id, terms.symbol, extra=extra)
