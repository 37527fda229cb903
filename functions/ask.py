"""Pub/Sub `rules-fired`: a piece of those for whom rules fired is asked."""

import logging
from collections.abc import Sequence
from datetime import datetime

import functions_framework

from common.messages import Audience, RulesFired
from common.server_limits import ServerLimits
from functions import wiring
from functions.pubsub import pubsub_handler
from infra.postgres.database import Database
from infra.postgres.users import configs, rule_status, set_aside_configs
from infra.workflows import asking, isolation

log = logging.getLogger(__name__)


@functions_framework.http
@pubsub_handler(RulesFired)
def ask(message: RulesFired) -> None:
    """Ask the users of a piece, each once however often it is delivered. Never calls Alpaca."""
    app = wiring.current()
    if not app.asks_users:
        log.info("skipped: TRADING_ENABLED or TRADING_WORKER_EVAL_ENABLED is off")
        return
    asked = ask_piece(app.database, message, app.settings.server_limits, app.clock.now())
    log.info("asked %d questions", asked, extra={"event": "ask_done", "asked": asked})
    app.relay.publish_committed()


def ask_piece(database: Database, message: RulesFired, server: ServerLimits, now: datetime) -> int:
    """Ask all in one transaction; a config that fails is set aside, and the others go on.

    Returns how many questions were asked.
    """
    asked: list[int] = []

    def work(piece: Sequence[Audience]) -> None:
        with database.transaction() as tx:
            keys = {each.config_key for each in piece}
            current = configs.of_keys(tx, keys, server.stock_feed)
            statuses = asking.ask(tx, piece, current, server, now)
            rule_status.count(tx, statuses, message.evaluated_at)
        asked.append(sum(status.asked for status in statuses))

    for audience, reason in isolation.isolated(message.audiences, work):
        with database.transaction() as tx:
            set_aside_configs.add(tx, audience.config_key, reason, now)
    return sum(asked)
