"""Pub/Sub `rules-fired`: a piece of those for whom rules fired is asked."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import islice

import functions_framework

from common.messages import Audience, RulesFired
from common.server_limits import ServerLimits
from functions import wiring
from functions.pubsub import pubsub_handler
from infra.postgres.database import Database
from infra.postgres.users import (
    configs,
    rule_status,
    set_aside_configs,
    set_aside_rows,
    user_ranges,
)
from infra.workflows import asking, isolation

log = logging.getLogger(__name__)

# Of one audience: each costs some transactions to be found.
MOST_ODD_USERS = 10


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
    """Ask all in one transaction; a user or a config that fails is set aside, the others go on.

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
        leave_out(database, message, audience, reason, work, now)
    return sum(asked)


def leave_out(
    database: Database,
    message: RulesFired,
    audience: Audience,
    reason: str,
    work: Callable[[Sequence[Audience]], None],
    now: datetime,
) -> None:
    """Ask the users of an audience that failed part by part; set aside for whom it still fails.

    Where that is everybody, or many, it is not for what is stored of them: the config is set aside.
    """
    with database.transaction() as tx:
        (uids,) = user_ranges.uids_of_each(tx, [audience])

    def ask_some(some: Sequence[str]) -> None:
        work([audience.model_copy(update={"first_uid": some[0], "last_uid": some[-1]})])

    odd = dict(islice(isolation.isolated(uids, ask_some), MOST_ODD_USERS + 1))
    with database.transaction() as tx:
        if len(odd) > MOST_ODD_USERS or len(odd) == len(uids):
            set_aside_configs.add(tx, audience.config_key, reason, now)
            return
        for uid, why in odd.items():
            extra = {"event": "row_set_aside", "kind": "user", "row": uid}
            log.error("user %s is set aside: %s", uid, why, extra=extra)
        set_aside_rows.add_users(tx, odd, now)
        held_back = [asking.set_aside(audience, firing, len(odd)) for firing in audience.firings]
        rule_status.count(tx, held_back, message.evaluated_at)
