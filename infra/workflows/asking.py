"""Asks users what rules that fired propose, a bounded number of users at a time."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from itertools import chain, starmap, zip_longest
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
from infra.postgres.trading.opportunities import AskResult, Proposed
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
    asked. What a config proposes is asked in its order, one after the other, and in one statement
    with what the other configs propose at the same place.
    """
    standing = [
        each.model_copy(update={"firings": firings})
        for each in audiences
        if each.config_key in configs
        and (firings := tuple(fired for fired in each.firings if fired.terms.expires_at > now))
    ]
    if not standing:
        return []
    uids = user_ranges.uids_of_each(tx, standing)
    exposures = _exposures(tx, standing, uids, configs, now)
    judged = [
        [
            _judge_users(firing, users, exposures, configs[audience.config_key], server, now)
            for firing in audience.firings
        ]
        for audience, users in zip(standing, uids, strict=True)
    ]
    _trip_breakers(tx, chain.from_iterable(judged), now)
    set_aside_rows.forget_users(tx, standing)
    proposed = starmap(_proposed, zip(standing, judged, strict=True))
    statuses: list[RuleStatus] = []
    for turn in zip_longest(*proposed):
        together = [each for each in turn if each is not None]
        statuses += map(_status, together, opportunities.ask(tx, together))
    return statuses


def _exposures(
    tx: Transaction,
    audiences: Sequence[Audience],
    uids: Sequence[Sequence[str]],
    configs: Mapping[str, TradingConfig],
    now: datetime,
) -> KnownExposures:
    """Read once what is known of everybody who may be asked: of each audience some uids."""
    firings = [firing for audience in audiences for firing in audience.firings]
    limited = {
        key for key, config in configs.items() if config.guardrails.daily_loss_limit_usd is not None
    }
    of_limited = (
        users
        for audience, users in zip(audiences, uids, strict=True)
        if audience.config_key in limited
    )
    return before_asking.read(
        tx,
        list(chain.from_iterable(uids)),
        {firing.terms.symbol for firing in firings},
        min(firing.terms.asked_at for firing in firings),
        now,
        with_pnl=list(chain.from_iterable(of_limited)),
    )


def _judge_users(
    firing: Firing,
    uids: Sequence[str],
    exposures: KnownExposures,
    config: TradingConfig,
    server: ServerLimits,
    now: datetime,
) -> Mapping[str, Judgement]:
    """Judge what a rule proposes, by user: what it fired for is proposed to its holders alone."""
    judge_one = partial(judge, firing.terms, config, server, now)
    known = exposures.known(firing.terms.symbol, uids)
    if firing.held_qty is not None:
        held = Position(firing.held_qty, firing.entry_price or Decimal(0))
        return {uid: judge_one(own) for uid, own in known.items() if own.position == held}
    others = judge_one(exposures.of_others(firing.terms.symbol))
    return dict.fromkeys(uids, others) | {uid: judge_one(own) for uid, own in known.items()}


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


def _proposed(audience: Audience, judged: Sequence[Mapping[str, Judgement]]) -> list[Proposed]:
    return [
        Proposed(
            firing,
            audience.config_key,
            audience.max_queued_questions,
            {uid: code_of(each) for uid, each in found.items()},
        )
        for firing, found in zip(audience.firings, judged, strict=True)
    ]


def _trip_breakers(
    tx: Transaction, judged: Iterable[Mapping[str, Judgement]], now: datetime
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


def _status(proposed: Proposed, result: AskResult) -> RuleStatus:
    terms = proposed.firing.terms
    _log(terms, result)
    return RuleStatus(
        proposed.config_key,
        terms.rule_id,
        terms.symbol,
        "fired",
        {},
        asked=result.asked,
        held_back=result.held_back,
    )


def set_aside(audience: Audience, firing: Firing, users: int) -> RuleStatus:
    """Say of how many users what is stored keeps them from being asked."""
    terms = firing.terms
    held_back = {"set_aside": users}
    key = audience.config_key
    return RuleStatus(key, terms.rule_id, terms.symbol, "fired", {}, held_back=held_back)


def _log(terms: Terms, asked: AskResult) -> None:
    """Log where each order's way begins; of thousands in lines of a size that a log takes."""
    for start in range(0, len(asked.flow_ids), _FLOWS_A_LINE):
        flow_ids = asked.flow_ids[start : start + _FLOWS_A_LINE]
        extra = {"event": "asked", "rule_id": terms.rule_id, "flow_ids": flow_ids}
        log.info("%s fired on %s", terms.rule_id, terms.symbol, extra=extra)
