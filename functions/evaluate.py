"""Pub/Sub `snapshots-ingested`: rules on stored snapshots, opportunities, questions."""

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime

import functions_framework

from common.market import Snapshot
from common.messages import SnapshotsIngested
from common.questions import question_text, terms
from common.rules import Rule
from common.rules.base import Fired, Market
from functions import edge, wiring
from infra.postgres import configs, market_data, opportunities
from infra.postgres.configs import SharedConfig
from infra.postgres.database import Transaction
from infra.postgres.opportunities import Ask

log = logging.getLogger(__name__)


@functions_framework.cloud_event
@edge.consumes(SnapshotsIngested)
def evaluate(message: SnapshotsIngested) -> None:  # noqa: ARG001 (facts are read where they are stored)
    """Ask every user for whom a rule fires. Never calls Alpaca."""
    app = wiring.current()
    if not (app.settings.trading_enabled and app.settings.trading_worker_eval_enabled):
        log.info("skipped: TRADING_ENABLED or TRADING_WORKER_EVAL_ENABLED is off")
        return
    with app.database.transaction() as tx:
        asked = ask_all(tx, app.clock.now())
    log.info("asked %d questions", asked)
    app.relay.publish_committed()


def ask_all(tx: Transaction, now: datetime) -> int:
    """Evaluate each distinct config once; return how many questions were asked."""
    shared_configs = configs.active(tx)
    facts = market_data.latest(tx, [key for each in shared_configs for key in _keys(each)])
    asks = [ask for each in shared_configs for ask in fired(each, facts, now)]
    return sum(opportunities.ask(tx, ask) for ask in asks)


def fired(
    shared: SharedConfig, facts: Mapping[market_data.Key, Snapshot], now: datetime
) -> Iterator[Ask]:
    """Yield what to ask the users of a config, for each of its rules that fires."""
    for rule in shared.config.rules:
        market: Market = {key[:2]: facts[key] for key in _keys_of(shared, rule) if key in facts}
        outcome = rule.evaluate(market, now, shared.config.max_staleness)
        log.debug("%s %s: %s", shared.key, rule.id, outcome)
        if isinstance(outcome, Fired):
            yield Ask(
                config_key=shared.key,
                rule=rule,
                terms=terms(rule, outcome, shared.config.hash, now),
                text=question_text(rule, outcome),
                max_queued_questions=shared.config.max_queued_questions,
            )


def _keys(shared: SharedConfig) -> Iterator[market_data.Key]:
    return (key for rule in shared.config.rules for key in _keys_of(shared, rule))


def _keys_of(shared: SharedConfig, rule: Rule) -> Iterator[market_data.Key]:
    """Name the stored facts that a rule looks at."""
    feed = shared.config.feed_of(rule.symbol, rule.metrics)
    return ((rule.symbol, metric, feed) for metric in rule.metrics if feed is not None)
