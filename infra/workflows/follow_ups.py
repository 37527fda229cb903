"""Asks once more about what a user was asked before, unless a yes could only be denied."""

import logging
from datetime import datetime
from uuid import UUID

from common.config import TradingConfig
from common.guardrails.facts import Denied
from common.questions import follow_up_terms
from common.server_limits import ServerLimits
from infra.postgres.database import Transaction
from infra.postgres.trading import before_asking, confirmations
from infra.postgres.trading.confirmations import QuestionState
from infra.workflows import asking

log = logging.getLogger(__name__)


def ask(
    tx: Transaction,
    question: QuestionState,
    text: str,
    config: TradingConfig | None,
    server: ServerLimits,
    now: datetime,
) -> UUID | None:
    """Ask a question once more, with this text; return the new question's id.

    `config` is its user's. None where nothing is asked: without a config, where a guardrail would
    deny the order, or where another question of the rule waits.
    """
    judged = "no config" if config is None else _judge(tx, question, config, server, now)
    if judged is not None:
        why = judged.reason if isinstance(judged, Denied) else judged
        log.info("not asked again: %s", why, extra={"event": "follow_up_held_back"})
        return None
    return confirmations.follow_up(tx, question, text, now)


def _judge(
    tx: Transaction,
    question: QuestionState,
    config: TradingConfig,
    server: ServerLimits,
    now: datetime,
) -> asking.Judgement:
    """Judge the terms by what is stored of the user, and what happened since they were shown."""
    shown, uid = question.terms, question.confirmation.firebase_uid
    limited = config.guardrails.daily_loss_limit_usd is not None
    known = before_asking.read(
        tx, [uid], [shown.symbol], shown.asked_at, now, with_pnl=[uid] if limited else []
    )
    terms = follow_up_terms(shown, now)
    return asking.judge(terms, config, server, now, known.of(uid, shown.symbol))
