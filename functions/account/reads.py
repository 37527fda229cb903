"""The account API's readings: facts, status, questions."""

from werkzeug.exceptions import NotFound

from common.wire import to_wire
from functions import edge
from functions.account import requests as asked
from functions.account.requests import Call
from functions.account.responses import existing, page_reply, valid
from functions.account.status import status_of
from infra.postgres.market import sound_facts
from infra.postgres.trading import question_views
from infra.postgres.users import user_configs


def read_snapshots(call: Call) -> edge.Reply:
    """Return the latest stored facts of a symbol that the user watches."""
    symbol = asked.SnapshotsQuery.from_document(call.query).symbol
    with call.transaction() as tx:
        config = valid(call, existing(user_configs.read(tx, call.uid)))
        inputs = [each for each in config.watched if symbol in each.symbols]
        if not inputs:
            raise NotFound("no data input of yours watches this symbol")
        metrics = {metric for each in inputs for metric in each.metrics}
        feeds = {metric: config.feed_of(symbol, frozenset({metric})) for metric in metrics}
        needs = {(symbol, metric, feed): 1 for metric, feed in feeds.items() if feed}
        latest, _ = sound_facts.latest(tx, needs, call.now)
    facts = [fact for _, found in sorted(latest.items()) for fact in found]
    hidden = {"raw", "symbol"}
    shown = [{k: v for k, v in vars(fact).items() if k not in hidden} for fact in facts]
    return to_wire({"symbol": symbol, "snapshots": shown}), 200


def read_status(call: Call) -> edge.Reply:
    """Return session, last tick, caps used and left, and why each rule fired or did not."""
    asked.Empty.from_document(call.query)
    with call.transaction() as tx:
        stored = existing(user_configs.read(tx, call.uid))
        config = valid(call, stored)
        status = status_of(tx, call.uid, stored, config, call.app.settings, call.now)
    return to_wire(status), 200


def list_questions(call: Call) -> edge.Reply:
    """Return what the user was asked, newest first."""
    query = asked.QuestionsQuery.from_document(call.query)
    with call.transaction() as tx:
        page = question_views.of_user(
            tx, call.uid, query.status, query.after, query.limit, call.now
        )
    return page_reply("questions", page)
