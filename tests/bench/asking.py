"""A tick that is quiet, and one that asks everybody: against the bare SQL that must run."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from time import perf_counter
from uuid import uuid4

from common import evaluation
from common.config import TradingConfig, merge
from common.evaluation import EvaluationContext
from common.messages import QuestionCreated, RulesFired
from common.model import parse_json
from common.questions import PIPELINE_KEY, consequence, question_text, terms
from common.rules.base import Fired
from functions.ask import ask_piece
from functions.evaluate import ask_all
from infra.postgres.database import Database, Transaction, to_json
from infra.postgres.market import market_data, sessions
from infra.postgres.messages import outbox
from tests.bench.crowd import LIMITS, NOW, crowd, prices
from tests.bench.timing import Figure, repeated, timed

CONFIGS = 100
# What asking a user writes, and nothing else: state, opportunity, confirmation, question, message.
ROWS_PER_QUESTION = 5
_BARE_INSERT = "INSERT INTO bench_bare SELECT gen_random_uuid(), firebase_uid, now() FROM users"
_LOOP_USERS = 1_000
# Up to so many users the floor is quick, and one measurement of it is noise.
_OFTEN = 10_000
# What is promised, by users. Few users of a hundred configs cost a statement for each config.
_MOST_ASK, _MOST_QUIET = {10_000: 3.0}, {1_000_000: 2.0}
_CONNECTIONS = 2


def asking(server: str, users: int) -> Iterator[Figure]:
    """Ask so many users, piece by piece; then let a quiet tick pass over them."""
    with crowd(server, users, CONFIGS) as database:
        bare = repeated(lambda: _bare_inserts(database), 3 if users <= _OFTEN else 1)
        with _transactions() as transactions:
            whole = timed(lambda: _ask_everybody(database, users))
        inserts = f"{ROWS_PER_QUESTION} bare INSERT ... SELECT"
        yield Figure(f"ask {users:,} users", [whole], inserts, bare, _MOST_ASK.get(users), users)
        longest = [max(transactions)]
        yield Figure(f"longest transaction of {users:,}", longest, "2 seconds", [2.0], 1, users)
        yield quiet(database, users, _MOST_QUIET.get(users))


def quiet(database: Database, users: int, most: float | None = None) -> Figure:
    """Time a tick at which no rule fires."""
    later = NOW + timedelta(minutes=1)
    with database.transaction() as tx:
        prices(tx, 499, later)
    tick = repeated(lambda: ask_all(database, LIMITS, later))
    floor = repeated(lambda: _distinct_configs(database))
    return Figure(f"quiet tick over {users:,} users", tick, "its GROUP BY", floor, most, users)


def loop(server: str) -> Iterator[Figure]:
    """Ask user after user, as the plan has it, and the same users at once."""
    with crowd(server, _LOOP_USERS, CONFIGS) as database:
        slow = timed(lambda: _one_by_one(database))
    with crowd(server, _LOOP_USERS, CONFIGS) as database:
        _ask_everybody(database, _LOOP_USERS)  # what is kept from call to call is there
    with crowd(server, 10 * _LOOP_USERS, CONFIGS) as database:
        fast = timed(lambda: _ask_everybody(database, 10 * _LOOP_USERS)) / 10
    name = f"ask {_LOOP_USERS:,} of 10,000 users"
    yield Figure(name, [fast], "the plan's loop, user after user", [slow], 1 / 50, _LOOP_USERS)


def _ask_everybody(database: Database, users: int) -> None:
    """Let a tick pass, and some instances take the pieces that it leaves to them."""
    asked = ask_all(database, LIMITS, NOW)
    with ThreadPoolExecutor(_CONNECTIONS) as threads:
        waiting = announced(database)
        asked += sum(threads.map(lambda m: ask_piece(database, m, LIMITS, NOW), waiting))
    if asked != users:
        raise AssertionError(f"{asked} of {users} users were asked")


def announced(database: Database) -> list[RulesFired]:
    """Read the pieces that a tick left to others."""
    with database.transaction() as tx:
        rows = tx.rows("SELECT payload FROM outbox WHERE topic = 'rules-fired' ORDER BY id")
    return [RulesFired.from_document(row["payload"]) for row in rows]


@contextmanager
def _transactions() -> Iterator[list[float]]:
    """Collect how long each transaction takes."""
    seconds, transaction = list[float](), Database.transaction

    @contextmanager
    def measured(self: Database) -> Iterator[Transaction]:
        begin = perf_counter()
        with transaction(self) as tx:
            yield tx
        seconds.append(perf_counter() - begin)

    Database.transaction = measured  # type: ignore[method-assign]
    try:
        yield seconds
    finally:
        Database.transaction = transaction  # type: ignore[method-assign]


def _bare_inserts(database: Database) -> None:
    with database.transaction() as tx:
        for _ in range(ROWS_PER_QUESTION):
            tx.run(_BARE_INSERT)


def _distinct_configs(database: Database) -> None:
    with database.transaction() as tx:
        tx.rows("SELECT config_key, count(*) FROM user_trading_config WHERE enabled GROUP BY 1")


def _one_by_one(database: Database) -> None:
    with database.transaction() as tx:
        uids = [row["firebase_uid"] for row in tx.rows("SELECT firebase_uid FROM users")]
    for uid in uids:
        with database.transaction() as tx:
            _ask_one(tx, uid, NOW)


def _ask_one(tx: Transaction, uid: str, now: datetime) -> None:
    """Load a user's config and facts, evaluate, and insert what is to be asked."""
    row = tx.rows(
        "SELECT CAST(c.config AS text) AS config, CAST(t.config AS text) AS template"
        " FROM user_trading_config c JOIN trading_config_templates t ON t.name = c.template_name"
        " WHERE firebase_uid = :uid",
        uid=uid,
    )[0]
    document = merge(parse_json(row["template"]), parse_json(row["config"]))
    config = TradingConfig.from_document(document)
    found = market_data.latest(tx, config.needs())
    facts = {key[:2]: found[key] for key in config.needs() if key in found}
    moment = EvaluationContext(now, facts, sessions.today(tx, now))
    tx.rows("SELECT context FROM trading_cursors WHERE firebase_uid = :uid", uid=uid)
    for evaluated in evaluation.evaluate(config, moment, {}):
        if isinstance(evaluated.outcome, Fired):
            rule, fired = evaluated.rule, evaluated.outcome
            proposal = rule.on_answer_match.propose(config.asset_class_of(fired.symbol), None)
            bound = terms(rule, fired, proposal, config.hash, now)
            question = QuestionCreated(
                **bound.model_dump(),
                question_id=uuid4(),
                firebase_uid=uid,
                question_text=question_text(rule, fired, proposal),
                consequence=consequence(bound),
            )
            _store(tx, question, now)


def _store(tx: Transaction, question: QuestionCreated, now: datetime) -> None:
    tx.run(
        "INSERT INTO questions (id, firebase_uid, question_text, correct_answer, source_tag,"
        " pipeline_key, pipeline_step, metadata)"
        " VALUES (:id, :uid, :text, 10, :rule, :key, :rule, CAST(:terms AS jsonb))",
        id=question.question_id,
        uid=question.firebase_uid,
        text=question.question_text,
        rule=question.rule_id,
        key=PIPELINE_KEY,
        terms=question.model_dump_json(),
    )
    tx.run(
        "INSERT INTO trading_cursors (firebase_uid, last_eval_at, context)"
        " VALUES (:uid, :now, CAST(:context AS jsonb))",
        uid=question.firebase_uid,
        now=now,
        context=to_json({"last_fired": {question.rule_id: now.isoformat()}}),
    )
    outbox.add(tx, question, question.firebase_uid, now)
